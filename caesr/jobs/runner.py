"""Upscale a picture file: read, upscale, write; and one job after the other in this process."""

import os
import socket
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from caesr.engine.auto_model import models_for, resolve_model
from caesr.engine.progress import Progress, Steps
from caesr.engine.upscaler import Upscaler
from caesr.files import store
from caesr.files.lazy import LazyPixels
from caesr.files.metadata.transfer import lost_metadata
from caesr.files.pages import name_page, open_pages
from caesr.files.picture import Picture, PictureError
from caesr.files.write_pages import format_of_pages, lost_colours, pages_writer
from caesr.jobs import gpu_engine
from caesr.jobs.naming import format_note
from caesr.jobs.pages import PagesProgress, join_notes
from caesr.jobs.report import Job, Status
from caesr.options import SAME, OptionError, OutputOptions, UpscaleOptions
from zoo.messages import Message, message_of

Engine = Callable[[Iterable[Job]], Generator[Status]]  # does jobs as they come, in any order


class CaesrWarning(UserWarning):
    """What of a picture could not be kept, or was mended: `upscale_file` warns of each."""


class RowUpscaler(Protocol):
    """An Upscaler, or what stands for one in another process."""

    def upscale_rows(
        self, image: np.ndarray | LazyPixels, scale: float, write: Callable[[np.ndarray], None]
    ) -> Iterator[Progress]: ...


Upscalers = Mapping[str, RowUpscaler]  # by the name of their model


def upscale_file(
    source: str | Path,
    target: str | Path,
    upscale: UpscaleOptions | None = None,
    output: OutputOptions | None = None,
    overwrite: bool = False,
) -> Path:
    """Upscale a picture file; returns the file of the result, which is written whole or not at all.

    What of the picture could not be kept, or was mended, is said as a `CaesrWarning`.

    Args:
        target: its name says the format, unless `output` does.
    Raises:
        PictureError: a file cannot be read or written, or the target is there and is not to be overwritten.
        ValueError: the size cannot be had.
        ZooError, CheckpointError: the networks are not to be had.
    """
    upscale, output, target = upscale or UpscaleOptions(), output or OutputOptions(), Path(target)
    check_target(target, overwrite)
    upscale, _ = resolve_model(upscale, Path(source))
    upscalers = {upscale.model: Upscaler.from_options(upscale)}
    steps = Steps(upscale_steps(upscalers, Path(source), target, upscale, output))
    for _ in steps:
        pass
    for note in (*steps.result, *dated(str(source), str(target), output)):
        warnings.warn(f"{Path(source).name}: {note}", CaesrWarning, stacklevel=2)
    return target


def check_target(target: Path, overwrite: bool) -> None:
    """Check that a result does not replace a file by accident.

    Raises:
        PictureError: it would.
    """
    if store.exists(str(target)) and not overwrite:
        raise PictureError(Message("{target} is there already. Choose another OUT, or --overwrite.", target=target))


def load_upscalers(options: UpscaleOptions) -> dict[str, Upscaler]:
    """Load what upscales pictures with these options: the networks of one model, or of each that Auto may choose.

    Raises:
        ZooError, CheckpointError, ValueError: as `Upscaler.from_options`.
    """
    return {model: Upscaler.from_options(replace(options, model=model)) for model in models_for(options)}


def upscale_steps(
    upscalers: Upscalers, source: Path, target: Path, upscale: UpscaleOptions, output: OutputOptions
) -> Generator[Progress, None, tuple[Message, ...]]:
    """Read a picture, upscale it, write it: yields after every tile, the last time when the file is there.

    With the option `pages` all pages are, one after the other, into a file of the same kind.

    Closing the generator cancels: no file is left.

    Args:
        upscalers: one of each of `models_for(upscale)`.
        target: written whole or not at all, its folder made if need be; its name says the format, unless `output` does.
    Returns:
        Sentences for people: why Auto chose the model; what of the picture could not be kept, was mended or was
        guessed.
    Raises:
        PictureError: a file cannot be read or written.
        ValueError: the size cannot be had.
    """
    if target.exists() and target.samefile(source):
        message = "{source}: the result would replace the picture itself. Choose another OUT."
        raise PictureError(Message(message, source=source))
    pages = open_pages(source, every=output.pages == "all")
    format = format_of_pages(pages, target, None if output.format == SAME else output.format)
    upscale, reason = resolve_model(upscale, source)
    upscaler = upscalers[upscale.model]
    try:
        scales = [upscale.scale_for(shape.height, shape.width) for shape in pages.shapes]  # before a file is begun
    except OptionError as error:
        raise OptionError(Message("{name}: {why}", name=source.name, why=error.args[0])) from error
    sizes = [
        (round(shape.height * scale), round(shape.width * scale))
        for shape, scale in zip(pages.shapes, scales, strict=True)
    ]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = "{folder}: there can be no such folder ({why}); choose another OUT."
        raise PictureError(Message(message, folder=target.parent, why=error.strerror)) from error
    counter, notes = PagesProgress([height * width for height, width in sizes]), list[tuple[Message, ...]]()
    pictures = pages.read()
    with pages_writer(target, format, sizes, pages, output.quality, output.metadata) as write_page:
        for number, (size, scale) in enumerate(zip(sizes, scales, strict=True), 1):
            original = next(pictures)
            template, lost = printed_alike(original, scale, output)
            lost += lost_metadata(template, format, output.metadata)
            with name_page(number, len(pages)), write_page(template, size) as rows:
                for progress in upscaler.upscale_rows(original.pixels, scale, rows.write):
                    if not counter.count(progress):
                        yield counter.progress
            counter.finish_page()
            notes.append((*original.notes, *lost))  # those of the picture are complete when its last row was read
    yield counter.progress
    return (*reason, *pages.notes, *join_notes(notes), *lost_colours(format))


def printed_alike(picture: Picture, scale: float, output: OutputOptions) -> tuple[Picture, tuple[Message, ...]]:
    """Return a picture with the density of its result, so that in print it keeps its size, if that is asked for."""
    density = picture.metadata.density
    if not output.keep_print_size:
        return picture, ()
    if density is None or density.is_ratio:
        return picture, (Message("It says no density (dpi), so it has no size in print that could be kept."),)
    density = replace(density, x=density.x * scale, y=density.y * scale)
    return replace(picture, metadata=replace(picture.metadata, density=density)), ()


def dated(source: str, target: str, output: OutputOptions) -> tuple[Message, ...]:
    """Give a result the date of its picture, if that is asked for; returns why it cannot be.

    Args:
        source, target: paths or addresses.
    """
    path = store.local_path(target)
    if not output.keep_date:
        return ()
    if path is None:
        return (Message("Its date is not kept: a store gives a result its own."),)
    seconds = store.changed_at(source)
    if seconds is None:
        return (Message("Its date is not kept: the store does not say it."),)
    try:
        os.utime(path, (seconds, seconds))
    except OSError as error:
        return (Message("Its date is not kept: it cannot be set ({reason}).", reason=error.strerror),)
    return ()


def run_job(
    upscalers: Upscalers, job: Job, upscale: UpscaleOptions, output: OutputOptions
) -> Generator[Progress, None, Status]:
    """Do a job: yields after every tile and returns its status. An error, of whatever kind, becomes a status.

    All that upscale many pictures take this one: command line, page and every engine. Closing it leaves no file.
    """
    began, worker = time.monotonic(), f"{socket.gethostname()}:{os.getpid()}"
    error, notes = "", tuple[Message, ...]()
    try:
        if job.overwrite or not store.exists(job.target):
            with store.local_copy(job.source) as source, store.local_target(job.target, job.overwrite) as target:
                notes = yield from upscale_steps(upscalers, source, target, upscale, output)
            notes += (*format_note(job.picture.name, output), *dated(job.source, job.target, output))
    except Exception as failure:  # one picture never stops the others
        expected = isinstance(failure, (ValueError, OSError, RuntimeError, LookupError)) and str(failure)
        error = message_of(failure) if expected else f"{job.source}: {type(failure).__name__} {failure}"
    return Status(job, "failed" if error else "done", error, time.monotonic() - began, worker, notes)


def local_engine(
    upscalers: Mapping[str, Upscaler],
    upscale: UpscaleOptions,
    output: OutputOptions,
    say: Callable[[str], None] = print,
    watch: Callable[[Job, Progress], None] = lambda job, progress: None,
) -> Engine:
    """Return the engine that does one job after the other in this process; on a GPU as `caesr.jobs.gpu_engine` does.

    Args:
        say: takes a line of what is worth knowing.
        watch: is told when a job begins, and after every tile, how far it is.
    """

    def run(jobs: Iterable[Job]) -> Generator[Status]:
        if any(upscaler.tile_engine for upscaler in upscalers.values()):
            yield from gpu_engine.run_jobs(
                upscalers, jobs, lambda ahead, job: run_job(ahead, job, upscale, output), watch
            )
            return
        for job in jobs:
            watch(job, Progress(0, 1, 0.0))
            steps = Steps(run_job(upscalers, job, upscale, output))
            for progress in steps:
                watch(job, progress)
            yield steps.result

    return run
