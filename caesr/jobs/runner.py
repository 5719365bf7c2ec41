"""Picture files in, larger picture files out: one function for the page, the API and the command line."""

import mimetypes
import os
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np

from caesr.engine.plan import check_scale
from caesr.engine.progress import Progress
from caesr.files import store
from caesr.files.archive import SUFFIXES
from caesr.files.atomic import remove_abandoned
from caesr.files.lazy import LazyPixels
from caesr.files.picture import PictureError
from caesr.files.read import inspect, open_picture
from caesr.files.store import Found
from caesr.files.write import picture_writer
from caesr.jobs.target import Target

NO_PICTURE = "{}: there is no picture in this folder."
NO_FILE = "{}: there is no such file."
MOST_REASONS = 50  # said at the end; of a batch, report.csv has all


class Streams(Protocol):
    """An Upscaler, or what stands for one that is elsewhere."""

    def strips(self, image: np.ndarray | LazyPixels, scale: float) -> Iterator[Progress]: ...


@dataclass(frozen=True)
class Wish:
    """What results shall be, and the files that hold them.

    Args:
        size: a scale, or what each picture shall become.
        format: "png", "jpg", "webp" or "tif"; by default what the file's name says, else "png".
        quality: of jpg and webp, 1 to 100.
        metadata: of the EXIF "no location", "all" or "none".
    """

    size: float | Target
    format: str | None = None
    quality: int = 95
    metadata: str = "no location"

    @property
    def target(self) -> Target:
        """The size; a scale is one, too.

        Raises:
            ValueError: it is no number above 0.
        """
        return self.size if isinstance(self.size, Target) else Target("scale", self.size)

    def name(self, source: str) -> str:
        """What a picture's result is called in a folder of many: a.png -> a_4x.png, but a.jpg -> a_jpg_4x.png.

        It hangs on nothing but the picture's own name, so that a picture that is added later never takes another
        one's; and no two pictures of a folder share it, which is why a_jpg.png -> a_jpg_png_4x.png.
        """
        format = self.format or "png"
        suffix = PurePosixPath(source).suffix
        stem = source.removesuffix(suffix)
        like_another = f".{stem.rpartition('_')[2].lower()}" in SUFFIXES
        if suffix != f".{format}" or like_another:
            stem += f"_{suffix[1:]}"
        return f"{stem}_{self.target}.{format}"


def enlarge_file(upscaler: Streams, source: Path, target: Path, wish: Wish) -> Generator[Progress]:
    """Read a picture, enlarge it, write it: yields after every tile, at last when the file is there.

    Args:
        target: written whole or not at all, its folder made if need be.
    Raises:
        PictureError: a file cannot be read or written.
        ValueError: the size cannot be had.
    """
    if target.exists() and target.samefile(source):
        raise PictureError(f"{source}: the result would replace the picture itself. Choose another OUT.")
    original = open_picture(source)
    height, width = original.pixels.shape[:2]
    scale = wish.target.scale(height, width)
    try:
        check_scale(scale)  # before a file is begun
    except ValueError as error:
        raise ValueError(f"{source.name}, {width} × {height} pixels, cannot become {wish.target}: {error}") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{target.parent}: there can be no such folder ({error.strerror}); choose another OUT."
        raise PictureError(message) from error
    larger = round(height * scale), round(width * scale)
    with picture_writer(original, larger, target, wish.format, wish.quality, wish.metadata) as strips:
        for progress in upscaler.strips(original.pixels, scale):
            if progress.strip is not None:
                strips.add(progress.strip)
            if progress.done < progress.total:
                yield replace(progress, strip=None)
    yield replace(progress, strip=None)


@dataclass(frozen=True)
class Job:
    """A picture to enlarge, and where its result goes: paths, or addresses of an object store (`caesr.files.store`)."""

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


Engine = Callable[[Iterable[Job]], Generator[Outcome]]  # does jobs as they come, in whatever order


def attempt(upscaler: Streams, job: Job, wish: Wish) -> Generator[Progress | Outcome]:
    """Do a job, whatever comes of it: yields after every tile, at last the outcome. Closed before, it leaves nothing.

    All that enlarge many pictures take this one: `upscale`, `batch` and every engine, the page.
    """
    began, worker, pages, why = time.monotonic(), f"{socket.gethostname()}:{os.getpid()}", 1, ""
    try:
        if job.replace or not store.exists(job.target):
            with store.local_copy(job.source) as source, store.local_target(job.target, job.replace) as target:
                pages = inspect(source).pages
                yield from enlarge_file(upscaler, source, target, wish)
    except Exception as error:  # one failure, of whatever kind, never stops the rest
        expected = isinstance(error, (ValueError, OSError, RuntimeError)) and str(error)
        why = str(error) if expected else f"{job.source}: {type(error).__name__} {error}"
    yield Outcome(job, time.monotonic() - began, worker, why, pages)


def here(upscaler: Streams, wish: Wish, say: Callable[..., None] = print) -> Engine:
    """The engine that does one job after the other in this process.

    Args:
        say: takes a line of progress; `end="\\r"` marks one that the next replaces.
    """

    def outcomes(jobs: Iterable[Job]) -> Generator[Outcome]:
        for job in jobs:
            for step in attempt(upscaler, job, wish):
                if isinstance(step, Outcome):
                    yield step
                else:
                    left = f"{step.done}/{step.total} tiles, {step.seconds_left:.0f} s left"
                    say(f"{job.found.name}: {left}".ljust(78), end="\r")

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
    Raises:
        ValueError: `out` is the name of a file, and cannot be.
    """
    report, jobs = Report(), []
    kind, _ = mimetypes.guess_type(out.name, strict=False)
    single = (kind or "").startswith("image/") and not out.is_dir()
    if single and (len(inputs) > 1 or inputs[0].is_dir()):
        raise ValueError(f"{out} is the name of one picture, and there may be more; name a folder.")
    if single and out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{out}: a {out.suffix} is not written; choose .png, .jpg, .webp or .tif, or name a folder.")
    files = list_files(inputs, report)
    remove_abandoned(out.parent if single else out)  # what a run that was killed left half-written
    taken: set[Path] = set()
    for n, file in enumerate(files, 1):
        target = out if single else free_name(out, file, wish, taken)
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


def free_name(folder: Path, file: Path, wish: Wish, taken: set[Path]) -> Path:
    """Where the result of a picture goes in a folder; of a second one of the same name, NAME_2_4x.png.

    Args:
        taken: by the pictures before; this one's is added.
    """
    stems = (f"{file.stem}_{n}" if n > 1 else file.stem for n in count(1))
    names = (folder / wish.name(stem + file.suffix) for stem in stems)
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return name
