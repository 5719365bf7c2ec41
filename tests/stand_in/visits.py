"""What visitors do on ZeroGPU, one after the other in one process: `python -m tests.stand_in.visits REPORT`.

REPORT becomes a JSON file with what each of the functions below returned, by its name; of one that failed the
traceback. tests/page/test_zero_gpu.py says what shall be in it.
"""

# ruff: noqa: E402

from tests.stand_in.zero_gpu import Call, begin

machines = begin()  # before anything imports `spaces`

import base64
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.context import LocalContext
from starlette.datastructures import Headers

import app  # noqa: F401  # the whole page, which must not touch CUDA
from caesr import CAEResNet
from caesr.engine.pipeline import Pipeline
from caesr.evaluation.compare import Comparison
from caesr.files.listed import ListedPicture
from caesr.jobs.report import Job, Status
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page import gpu_calls
from caesr.page.comparison import Task, compare_methods
from caesr.page.device import Device
from zoo.messages import Message, message_of

CAT, COFFEE, NO_PICTURE = Path("examples/cat.png"), Path("examples/coffee.png"), Path("README.md")


class Page:
    """A page's device, and what was made and said there."""

    def __init__(self, folder: Path):
        self.device, self.folder, self.first = Device(), folder, len(machines.calls)

    @property
    def calls(self) -> list[Call]:
        return machines.calls[self.first :]

    def upscale(self, file: Path, scale: float, name: str = "result.png", tile: int = 64) -> Any:
        options = UpscaleOptions("lite", scale=scale, tile=tile)
        return self.device.upscale(options, file, self.folder / name, OutputOptions())

    def digest(self, name: str) -> str:
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()

    def batch(self, *files: Path, scale: float = 2) -> list[tuple[str, str]]:
        """Return the state of each, and its digest or why there is none."""
        jobs = [Job(ListedPicture(file.name), str(file), str(self.folder / f"{n}.png")) for n, file in enumerate(files)]
        found = {}
        for n, event in self.device.run_jobs(UpscaleOptions("lite", scale=scale, tile=64), jobs, OutputOptions()):
            if isinstance(event, Status):
                found[n] = event
        return [
            (found[n].state, self.digest(f"{n}.png") if found[n].has_result else found[n].error)
            for n in range(len(jobs))
        ]

    def is_free(self) -> bool:
        """Return whether every place is free, and every GPU given back, within ten seconds."""
        for _ in range(100):
            if self.device.queue.free_places._value == 8 and all(call.ended for call in self.calls):
                return True
            time.sleep(0.1)
        return False


def pictures(page: Page, patch: pytest.MonkeyPatch) -> Any:
    """Upscale two pictures: the second after this process has used torch."""
    readers, read = page.folder / "readers", CAEResNet.from_pretrained

    def recorded(folder: Path) -> CAEResNet:
        with readers.open("a") as stream:
            print(os.getpid(), file=stream)
        return read(folder)

    patch.setattr(CAEResNet, "from_pretrained", recorded)
    for name, scale in (("3.png", 3), ("6.png", 6)):
        for _ in page.upscale(CAT, scale, name):
            pass
    made = [page.digest("3.png"), page.digest("6.png")]
    calls = [(call.ended, call.failed, call.pid) for call in page.calls]
    return made, calls, os.getpid(), [int(pid) for pid in readers.read_text().split()]


def batch(page: Page, _: pytest.MonkeyPatch) -> Any:
    """Upscale a batch with a file that is no picture."""
    return page.batch(CAT, NO_PICTURE, COFFEE, CAT), len(page.calls), page.is_free()


def aborted_batch(page: Page, patch: pytest.MonkeyPatch) -> Any:
    """Upscale a batch whose call ends while it computes the second picture."""
    iterate, mark = gpu_calls.iterate_tiles, page.folder / "mark"

    def aborted(upscaler, image, *rest):
        for tile in iterate(upscaler, image, *rest):
            yield tile
            if image.shape[0] > 150 and not mark.exists():
                mark.touch()
                os._exit(1)

    patch.setattr(gpu_calls, "iterate_tiles", aborted)
    return page.batch(CAT, COFFEE, COFFEE, CAT), [(call.ended, call.failed) for call in page.calls], page.is_free()


def several_models(page: Page, _: pytest.MonkeyPatch) -> Any:
    """Compare several models."""
    shown = []
    for name, event in compare(page.device):
        if isinstance(event, Comparison):
            shown.append((name, hashlib.sha256(event.picture.tobytes()).hexdigest()))
    return shown, len(page.calls)


def compare(device: Device) -> Any:
    """Compare interpolations and models on a small picture."""
    source = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    names = ["bicubic", "lite", "base", "lanczos", "photo"]
    return compare_methods(device, Task(source, None, 4), names, UpscaleOptions(scale=4))


def two_visitors(page: Page, patch: pytest.MonkeyPatch) -> Any:
    """Upscale two pictures at once: no call begins before the other was asked for."""
    both = threading.Barrier(2)
    patch.setattr(machines, "before_allowing", lambda call: both.wait(60))

    def visit(file: Path) -> None:
        for _ in page.upscale(file, 2, file.name):
            pass

    visitors = [threading.Thread(target=visit, args=(file,)) for file in (CAT, COFFEE)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    made = [page.digest(file.name) for file in (CAT, COFFEE)]
    return made, sorted(call.gpu for call in page.calls), len({call.pid for call in page.calls})


def cancelled(page: Page, _: pytest.MonkeyPatch) -> Any:
    """Cancel at the third tile, and upscale once more."""
    running = page.upscale(CAT, 8, tile=32)
    third = next(event for event in running if event.done == 3)
    files = [len(list(page.folder.iterdir()))]
    running.close()
    files.append(len(list(page.folder.iterdir())))
    is_free = page.is_free()
    for _ in page.upscale(CAT, 2):
        pass
    return third.done, third.total, files, is_free, page.digest("result.png")


def broken_network(page: Page, patch: pytest.MonkeyPatch) -> Any:
    """Upscale by a network that fails, and what is no picture."""

    def broken(*_: object) -> None:
        raise RuntimeError(Message("Kernel {name} failed.", name="A"))

    patch.setattr(Pipeline, "compute", broken)
    shown = []
    for file in (CAT, NO_PICTURE):
        try:
            list(page.upscale(file, 4))
        except (RuntimeError, ValueError) as error:
            said = message_of(error)
            shown.append((said, getattr(said, "template", ""), page.is_free(), len(page.calls)))
    return shown


def long_picture(page: Page, patch: pytest.MonkeyPatch) -> Any:
    """Upscale a picture that takes two calls."""
    patch.setattr(gpu_calls, "cut_parts", lambda height, seconds: [(0, 64), (64, height)])
    patch.setattr(gpu_calls, "fit_in_call", lambda seconds: 1)
    done = [(event.done, event.total) for event in page.upscale(CAT, 4)]
    return page.digest("result.png"), len(page.calls), done == sorted(done), done[-1][0] == done[-1][1]


def no_quota(page: Page, patch: pytest.MonkeyPatch) -> Any:
    """Upscale two pictures, by a stranger and then by somebody with an account."""
    payload, told = base64.urlsafe_b64encode(b'{"user": "visitor"}').decode().strip("="), []
    headers = Headers({"x-ip-token": f"a.{payload}.b", "x-gradio-user": "app"})
    patch.setattr(gr, "Warning", told.append)
    patch.setattr(machines, "is_quota_left", lambda: False)
    made = page.batch(CAT, CAT, scale=4)
    token = LocalContext.request.set(SimpleNamespace(headers=headers, session_hash="visitor"))
    for _ in page.upscale(CAT, 4):
        pass
    LocalContext.request.reset(token)
    return [*made, page.digest("result.png")], told, page.is_free(), len(page.calls)


VISITS: list[Callable[[Page, pytest.MonkeyPatch], Any]] = [
    pictures, batch, several_models, two_visitors, cancelled, aborted_batch, broken_network, long_picture, no_quota,
]  # fmt: skip


def main() -> None:
    report = {}
    for visit in VISITS:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            machines.has_idle_processes = visit is pictures  # others fork: what was patched is only in a new process
            try:
                report[visit.__name__] = visit(Page(Path(folder)), patch)
            except Exception:
                report[visit.__name__] = traceback.format_exc()
    Path(sys.argv[1]).write_text(json.dumps(report))


if __name__ == "__main__":
    main()
