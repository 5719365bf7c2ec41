"""Picture files in, larger picture files out: one function for the page, the API and the command line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from caesr import picture
from caesr.archive import SUFFIXES
from caesr.target import Target
from caesr.upscale import Progress, Upscaler, check_scale


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
    keep_location: bool = False,
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
    target.parent.mkdir(parents=True, exist_ok=True)
    larger = round(height * scale), round(width * scale)
    with picture.writing(original, larger, target, format, quality, keep_location) as strips:
        for progress in upscaler.strips(original.pixels, scale):
            if progress.strip is not None:
                strips.add(progress.strip)
            if progress.done < progress.total:
                yield replace(progress, strip=None)
    yield replace(progress, strip=None)


@dataclass
class Report:
    """What became of every input: the file written, one that was there already, or the reason why there is none."""

    written: dict[Path, Path] = field(default_factory=dict)
    kept: dict[Path, Path] = field(default_factory=dict)
    failed: dict[Path, str] = field(default_factory=dict)

    def summary(self) -> str:
        """For people: how many, and once more what failed, since it may have scrolled away."""
        there = f"{len(self.kept)} there already, " if self.kept else ""
        lines = [f"{len(self.written)} enlarged, {there}{len(self.failed)} failed"]
        return "\n".join(lines + [f"  {reason}" for reason in self.failed.values()])


def enlarge_files(
    upscaler: Upscaler,
    inputs: Sequence[Path],
    out: Path,
    size: float | Target,
    format: str | None = None,
    quality: int = 95,
    keep_location: bool = False,
    resume: bool = False,
    say: Callable[..., None] = print,
) -> Report:
    """Enlarge files, and the pictures of folders, into `out`. One failure never stops the rest.

    Args:
        size: a scale, or what each picture shall become.
        out: a folder; or a file, if there is one input and `out` ends like a picture.
        format: "png", "jpg", "webp" or "tif"; by default `out`'s own, else png.
        resume: leave out what has its result already, which is whole whenever it is there.
        say: takes a line of progress; `end="\\r"` marks one that the next replaces.
    """
    report = Report()
    files = list_files(inputs, report)
    single = len(inputs) == 1 and not inputs[0].is_dir() and out.suffix.lower() in SUFFIXES
    taken: set[Path] = set()
    for n, file in enumerate(files, 1):
        target = out if single else free_name(out, file, size, format or "png", taken)
        taken.add(target)
        name = f"[{n}/{len(files)}] {file.name}"
        if resume and target.exists():
            say(f"{name}: there already, {target}")
            report.kept[file] = target
            continue
        try:
            for progress in enlarge_file(upscaler, file, target, size, format, quality, keep_location):
                left = f"{progress.done}/{progress.total} tiles, {progress.seconds_left:.0f} s left"
                say(f"{name}: {left}".ljust(78), end="\r")
            say(f"{name} -> {target}".ljust(78))
            report.written[file] = target
        except (ValueError, OSError, RuntimeError) as error:
            say(f"{name}: failed".ljust(78))
            report.failed[file] = str(error)
    return report


def list_files(inputs: Sequence[Path], report: Report) -> list[Path]:
    """The pictures named, and those in the folders named; what is neither is noted as failed."""
    files: list[Path] = []
    for path in inputs:
        if path.is_dir():
            inside = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES)
            if not inside:
                report.failed[path] = f"{path}: there is no picture in this folder."
            files += inside
        elif path.exists():
            files.append(path)
        else:
            report.failed[path] = f"{path}: there is no such file."
    return files


def free_name(folder: Path, file: Path, size: float | Target, format: str, taken: set[Path]) -> Path:
    """NAME_4x.png in the folder; a second NAME of another suffix keeps it: NAME_jpg_4x.png; and so on."""
    end = size if isinstance(size, Target) else Target("scale", size)
    stems = [file.stem, f"{file.stem}_{file.suffix[1:]}"]
    stems += [f"{file.stem}_{n}" for n in range(2, len(taken) + 3)]
    names = (folder / f"{stem}_{end}.{format}" for stem in stems)
    return next(name for name in names if name not in taken)
