"""Picture files in, larger picture files out: one function for the page, the API and the command line."""

import os
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from caesr import picture, store
from caesr.archive import SUFFIXES
from caesr.store import Found
from caesr.target import Target
from caesr.unfinished import sweep
from caesr.upscale import Progress, check_scale

NO_PICTURE = "{}: there is no picture in this folder."
NO_FILE = "{}: there is no such file."
MOST_REASONS = 50  # said at the end; of a batch, report.csv has all


class Streams(Protocol):
    """An Upscaler, or what stands for one that is elsewhere."""

    def strips(self, image: np.ndarray, scale: float) -> Iterator[Progress]: ...


def enlarge_file(
    upscaler: Streams,
    source: Path,
    target: Path,
    size: float | Target,
    format: str | None = None,
    quality: int = 95,
    metadata: str = "no location",
) -> Iterator[Progress]:
    """Read a picture, enlarge it, write it: yields after every tile, at last when the file is there.

    Args:
        target: written whole or not at all, its folder made if need be.
        size: a scale, or what the picture shall become.
        format: "png", "jpg", "webp" or "tif"; by default what `target` ends with.
    Raises:
        PictureError: a file cannot be read or written.
        ValueError: the scale cannot be had.
    """
    if target.exists() and target.samefile(source):
        raise picture.PictureError(f"{source}: the result would replace the picture itself. Choose another OUT.")
    original = picture.read(source)
    height, width = original.pixels.shape[:2]
    scale = size.scale(height, width) if isinstance(size, Target) else size
    check_scale(scale)  # before a file is begun
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{target.parent}: there can be no such folder ({error.strerror}); choose another OUT."
        raise picture.PictureError(message) from error
    larger = round(height * scale), round(width * scale)
    with picture.writing(original, larger, target, format, quality, metadata) as strips:
        for progress in upscaler.strips(original.pixels, scale):
            if progress.strip is not None:
                strips.add(progress.strip)
            if progress.done < progress.total:
                yield replace(progress, strip=None)
    yield replace(progress, strip=None)


@dataclass(frozen=True)
class Wish:
    """What results shall be: a scale or what each picture shall become, and the file that holds it."""

    size: float | Target
    format: str | None = None
    quality: int = 95
    metadata: str = "no location"


@dataclass(frozen=True)
class Job:
    """A picture to enlarge, and where its result goes: paths, or addresses of an object store (`caesr.store`)."""

    found: Found
    source: str
    target: str
    replace: bool = True  # what is there; else it is taken for the result


@dataclass(frozen=True)
class Outcome:
    """What became of a job: done, or the reason why not."""

    job: Job
    seconds: float = 0.0
    worker: str = ""  # the machine and its process
    error: str = ""
    pages: int = 1  # of the file, of which the first is enlarged


Engine = Callable[[Iterable[Job]], Generator[Outcome, None, None]]  # does jobs as they come, in whatever order


def attempt(upscaler: Streams, job: Job, wish: Wish, tell: Callable[[Progress], None] | None = None) -> Outcome:
    """Do a job, whatever comes of it: on this machine and on others, `upscale`, `batch` and every engine."""
    began, worker, pages = time.monotonic(), f"{socket.gethostname()}:{os.getpid()}", 1
    try:
        if job.replace or not store.exists(job.target):
            with store.fetched(job.source) as source, store.placed(job.target, job.replace) as target:
                pages = picture.inspect(source).pages
                for progress in enlarge_file(
                    upscaler, source, target, wish.size, wish.format, wish.quality, wish.metadata
                ):
                    if tell:
                        tell(progress)
    except Exception as error:  # one failure, of whatever kind, never stops the rest
        expected = isinstance(error, (ValueError, OSError, RuntimeError)) and str(error)
        why = str(error) if expected else f"{job.source}: {type(error).__name__} {error}"
        return Outcome(job, time.monotonic() - began, worker, why)
    return Outcome(job, time.monotonic() - began, worker, pages=pages)


def here(upscaler: Streams, wish: Wish, say: Callable[..., None] = print) -> Engine:
    """The engine that does one job after the other in this process.

    Args:
        say: takes a line of progress; `end="\\r"` marks one that the next replaces.
    """

    def outcomes(jobs: Iterable[Job]) -> Generator[Outcome, None, None]:
        for job in jobs:

            def tell(progress: Progress, name: str = job.found.name) -> None:
                left = f"{progress.done}/{progress.total} tiles, {progress.seconds_left:.0f} s left"
                say(f"{name}: {left}".ljust(78), end="\r")

            yield attempt(upscaler, job, wish, tell)

    return outcomes


@dataclass
class Report:
    """What became of every input: how many were enlarged or there already, and the reason for each that is not."""

    written: int = 0
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, outcome: Outcome, say: Callable[..., None]) -> None:
        """Count an outcome, and say it; one that failed before may be mended now."""
        name = outcome.job.found.name
        self.failed.pop(name, None)
        if outcome.error:
            self.failed[name] = outcome.error
            say(f"{name}: failed".ljust(78))
        else:
            self.written += 1
            of = "" if outcome.pages == 1 else f" (the first of its {outcome.pages} pages is enlarged)"
            say(f"{name} -> {outcome.job.target}{of}".ljust(78))

    def summary(self) -> str:
        """For people: how many, and once more what failed, since it may have scrolled away."""
        there = f"{self.kept} there already, " if self.kept else ""
        reasons = [f"  {reason}" for reason in self.failed.values()]
        if len(reasons) > MOST_REASONS:
            reasons[MOST_REASONS:] = [f"  … and {len(reasons) - MOST_REASONS} more"]
        return "\n".join([f"{self.written} enlarged, {there}{len(self.failed)} failed", *reasons])


def enlarge_files(
    engine: Engine,
    inputs: Sequence[Path],
    out: Path,
    wish: Wish,
    resume: bool = False,
    say: Callable[..., None] = print,
) -> Report:
    """Enlarge files, and the pictures directly in folders, into `out`. One failure never stops the rest.

    Args:
        out: a folder; or a file, if there is one input and `out` ends like a picture.
        resume: leave out what has its result already, which is whole whenever it is there.
        say: takes a line of progress.
    """
    report, jobs = Report(), []
    files = list_files(inputs, report)
    single = len(inputs) == 1 and not inputs[0].is_dir() and out.suffix.lower() in SUFFIXES
    sweep(out.parent if single else out)  # what a run that was killed left half-written
    taken: set[Path] = set()
    for n, file in enumerate(files, 1):
        target = out if single else free_name(out, file, wish.size, wish.format or "png", taken)
        taken.add(target)
        name = f"[{n}/{len(files)}] {file.name}"
        if resume and target.exists():
            say(f"{name}: there already, {target}")
            report.kept += 1
        else:
            jobs.append(Job(Found(name), str(file), str(target)))
    for outcome in engine(jobs):
        report.add(outcome, say)
    return report


def list_files(inputs: Sequence[Path], report: Report) -> list[Path]:
    """The pictures named, and those in the folders named; what is neither is noted as failed."""
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = list(store.pictures(str(path), deep=False))
            if wrong := "".join(found.error for found in inside) or ("" if inside else NO_PICTURE.format(path)):
                report.failed[str(path)] = wrong
            files += [path / found.name for found in inside if not found.error]
        elif path.exists():
            files.append(path)
        else:
            report.failed[str(path)] = NO_FILE.format(path)
    return files


def free_name(folder: Path, file: Path, size: float | Target, format: str, taken: set[Path]) -> Path:
    """NAME_4x.png in the folder; a second NAME of another suffix keeps it: NAME_jpg_4x.png; and so on."""
    end = size if isinstance(size, Target) else Target("scale", size)
    stems = [file.stem, f"{file.stem}_{file.suffix[1:]}"]
    stems += [f"{file.stem}_{n}" for n in range(2, len(taken) + 3)]
    names = (folder / f"{stem}_{end}.{format}" for stem in stems)
    return next(name for name in names if name not in taken)
