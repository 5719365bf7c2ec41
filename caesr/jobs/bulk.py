"""A batch: files, folders with all below them, zips or object stores into one folder, resumed by its manifest."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from caesr.engine.upscaler import Upscaler
from caesr.files import store
from caesr.files.archive import ArchiveError, is_picture, is_zip, unpack
from caesr.files.store import Found, StoreError
from caesr.jobs.manifest import Manifest
from caesr.jobs.runner import NO_FILE, NO_PICTURE, Engine, Job, Outcome, Report, Wish

Listed = tuple[Found, str]  # a picture by the name it has in this batch, and its address


def enlarge_all(
    engine: Engine,
    inputs: Sequence[str],
    output: str,
    wish: Wish,
    settings: dict[str, Any],
    resume: bool = False,
    retry: int = 0,
    say: Callable[..., None] = print,
) -> Report:
    """Enlarge all pictures of the inputs into a folder, their sub-folders kept. One failure never stops the rest.

    Every result is whole or not there, and the manifest says which is done; `report.csv` says it for people.

    Args:
        engine: does the jobs: `caesr.jobs.runner.here`, or `caesr.jobs.ray_cluster.engine`.
        inputs: paths or addresses of pictures, folders and zips. Names in the batch are those in the folder or zip if
            there is one input; of several inputs, each begins with its input's own.
        output: the path or address of a folder.
        settings: all that decides what a result looks like; what is done by others is not done for these.
        resume: leave out what is done: the picture unchanged, the settings the same, the result still there.
        retry: how many more times failures are tried, after everything else.
    Raises:
        StoreError: the output cannot be written.
        ValueError: inputs and output, or two inputs, are in each other's way.
    """
    roots = [absolute(address) for address in inputs]
    output = absolute(output)
    check_apart(roots, output)
    report = Report()
    manifest = Manifest(output, settings)
    folders: set[str] = set()
    with unpacked(roots) as listed:
        try:
            work: Iterator[Job] = new_jobs(listed, output, wish, manifest, resume, report, say, folders)
            for turn in range(retry + 1):
                again: list[Job] = []
                with closing(engine(work)) as outcomes:
                    for outcome in outcomes:
                        record(outcome, manifest, output)
                        report.add(outcome, say)
                        if outcome.error:
                            again.append(outcome.job)
                if not again or turn == retry:
                    break
                say(f"{len(again)} failed and are tried again")
                work = iter(again)
        finally:
            for folder in folders:
                store.remove_abandoned(folder)  # a process that was killed leaves its unfinished file
            manifest.close()
    return report


def record(outcome: Outcome, manifest: Manifest, output: str) -> None:
    """A line of the manifest."""
    result = "" if outcome.error else outcome.job.target.removeprefix(output).lstrip("/")
    manifest.add(outcome.job.found, result, outcome.seconds, outcome.worker, outcome.error)


def new_jobs(
    listed: Iterator[Listed],
    output: str,
    wish: Wish,
    manifest: Manifest,
    resume: bool,
    report: Report,
    say: Callable[..., None],
    folders: set[str],
) -> Iterator[Job]:
    """A job for every picture that is not done yet, made when it is asked for; the rest is counted.

    Args:
        folders: where results may go is added to them.
    """

    @lru_cache(maxsize=1)  # pictures come a folder at a time
    def results(folder: str) -> frozenset[str]:
        address = store.join(output, folder)
        if address not in folders:  # nobody is at work in it yet: other batches are locked out
            store.remove_abandoned(address)
        folders.add(address)
        return frozenset(name for name, _, _ in store.listing(address)) if store.exists(address) else frozenset()

    for found, source in listed:
        if found.error:
            failure = Outcome(Job(found, source, ""), error=found.error)
            record(failure, manifest, output)
            report.add(failure, say)
            continue
        target = wish.name(found.name)
        folder, _, name = target.rpartition("/")
        job = Job(found, source, store.join(output, target), replace=name in results(folder))
        if resume and job.replace and manifest.done(found):
            report.kept += 1
        elif resume and job.replace and manifest.orphan(found):
            record(Outcome(job), manifest, output)
            report.kept += 1
        else:
            yield job


@contextmanager
def unpacked(roots: Sequence[str]) -> Iterator[Iterator[Listed]]:
    """What all inputs hold, listed lazily; zips are unpacked into a folder that goes at the end."""
    with ExitStack() as stack:

        def listed() -> Iterator[Listed]:
            for root in roots:
                before = "" if len(roots) == 1 else root.rpartition("/")[2]
                if is_zip(root) and (path := store.local_path(root)) and path.is_file():
                    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="caesr-"))
                    try:
                        unpack(path, Path(folder), most_files=MOST, most_bytes=None)
                    except ArchiveError as error:
                        yield Found(before or path.name, error=str(error)), root
                        continue
                    root = folder
                    before = before.removesuffix(path.suffix)
                yield from inside(root, before)

        yield listed()


MOST = 1_000_000  # pictures of a zip that somebody unpacks on a machine of their own


def inside(root: str, before: str) -> Iterator[Listed]:
    """The pictures of an input that is a folder, or the input itself."""
    path = store.local_path(root)
    if path is not None and path.is_file():
        yield Found(path.name, store.stamp(path)), root
        return
    try:
        if not store.exists(root):
            raise StoreError(NO_FILE.format(root))
        empty = True
        for found in store.pictures(root):
            empty = False
            name = f"{before}/{found.name}".strip("/")
            yield Found(name, found.stamp, found.error), store.join(root, found.name)
        if empty:
            raise StoreError(NO_PICTURE.format(root))
    except StoreError as error:
        yield Found(before or root, error=str(error)), root


def absolute(address: str) -> str:
    """An address that means the same in every process."""
    path = store.local_path(address)
    return address.rstrip("/") if path is None else os.fspath(path.resolve())


def check_apart(roots: Sequence[str], output: str) -> None:
    """Whether names and folders keep apart.

    Raises:
        ValueError: two inputs have one name, or results would be taken for pictures.
    """
    names = [root.rpartition("/")[2] for root in roots]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"Two inputs are called {twice[0]}; rename one, or give the folder above them.")
    for root in roots:
        is_folder = not (is_picture(Path(root).name) or is_zip(root))
        if is_folder and (f"{output}/".startswith(f"{root}/") or root.startswith(f"{output}/")):
            raise ValueError(f"{output} and {root} lie in each other; choose an OUTPUT apart from every INPUT.")


def settings(upscaler: Upscaler, wish: Wish, model: str) -> dict[str, Any]:
    """All that decides what a result looks like, for the manifest; tiles and devices do not.

    Args:
        model: what people call the networks.
    """
    weights = hashlib.sha256()
    for network in upscaler.models.values():
        weights.update(repr(network.config).encode())
        for name, values in network.state_dict().items():
            weights.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
    return {
        "model": model,
        "weights": weights.hexdigest()[:16],
        "size": str(wish.target),
        "ensemble": upscaler.symmetries > 1,
        "true_to_input": upscaler.true_to_input,
        "precision": upscaler.asked,
        "format": wish.format or "png",
        "quality": wish.quality,
        "metadata": wish.metadata,
    }
