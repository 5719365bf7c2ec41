"""Measure what small pictures of a batch could save by sharing a launch on a GPU, beside what their files take.

    python -m benchmarks.measure.launches

Operators that reach a device are counted, for pictures of one static tile alone and for as many stacked; the host's
time to issue those of a picture is measured with eight by eight pixels, of which the computing counts for little, so it
is a bound from above; and the processor time of reading a JPEG and writing its result. Writes
benchmarks/results/launches.json.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import ROOT, results
from benchmarks.pictures import tiled_photograph
from caesr import CAEResNet
from caesr.engine.row_engine import with_precision
from caesr.engine.tile_engine import upscale_bytes
from caesr.files.picture import Picture
from caesr.files.read import read_picture
from caesr.files.write import write_picture

NAME, SCALE = "caesr-lite-x4", 4
STACKED = 8  # pictures
SIDES = (128, 256, 512)
ROUNDS = 7
VIEWS = ("device", "slice", "permute", "view", "expand", "alias", "empty")  # operators that start nothing on a device


class Counter(TorchDispatchMode):
    """Counts operators as they reach a device."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function.overloadpacket.__name__ not in VIEWS
        return function(*args, **(kwargs or {}))


@torch.no_grad()
def count_operators(model: CAEResNet, pictures: int) -> int:
    """Return how many operators upscale a stack of pictures in float16; nothing is computed."""
    half = with_precision(model, torch.float16)
    with FakeTensorMode(allow_non_fake_inputs=True):
        pixels = torch.empty(pictures, 32, 32, 3, dtype=torch.uint8)
        with Counter() as counter:
            upscale_bytes(half, pixels, True)
    return counter.count


@torch.inference_mode()
def milliseconds_to_issue(model: CAEResNet) -> float:
    """Return the host's time for the operators of a picture."""
    pixels = torch.zeros(1, 8, 8, 3, dtype=torch.uint8)
    return fastest(lambda: upscale_bytes(model, pixels, True))


def milliseconds_of_files(side: int, suffix: str) -> float:
    """Return the processor time of reading a JPEG of so many pixels a side, and of writing its result."""
    large = tiled_photograph(side * SCALE, side * SCALE)
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.jpg", Path(folder) / f"result.{suffix}"
        write_picture(Picture(tiled_photograph(side, side)), source)
        return fastest(lambda: np.asarray(read_picture(source).pixels)) + fastest(
            lambda: write_picture(Picture(large), target)
        )


def fastest(call: Callable[[], object]) -> float:
    """Return the least processor time of several calls, in milliseconds."""
    call()
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        call()
        spent.append(time.process_time() - began)
    return 1e3 * min(spent)


def main() -> None:
    torch.set_num_threads(1)
    about, model = results.header(), CAEResNet.from_pretrained(ROOT / "zoo" / "checkpoints" / NAME)
    about |= {
        "checkpoint": NAME,
        "pictures": STACKED,
        "operators_alone": STACKED * count_operators(model, 1),
        "operators_stacked": count_operators(model, STACKED),
        "ms_to_issue": round(milliseconds_to_issue(model), 2),
    }
    rows = [
        {"side": side, "format": suffix, "ms_of_files": round(milliseconds_of_files(side, suffix), 1)}
        for side in SIDES
        for suffix in ("jpg", "png")
    ]
    results.show(about)
    for row in rows:
        results.show(row)
    results.write("launches", about | {"found": rows})


if __name__ == "__main__":
    main()
