"""Upscale any number of inputs to files: beside them, into one file, or into a folder with a manifest."""

import mimetypes
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from caesr.files import store
from caesr.files.atomic import remove_abandoned
from caesr.files.listed import ListedPicture
from caesr.files.store import StoreError
from caesr.files.zips.archive import is_zip
from caesr.jobs.batch import Batch, run_batch, weights_digest
from caesr.jobs.inputs import expand_patterns, input_problem, is_file
from caesr.jobs.naming import result_format, result_names, without_results
from caesr.jobs.report import Job, Report, Status
from caesr.jobs.runner import Engine, check_target, load_upscalers, local_engine
from caesr.options import FORMATS, OutputOptions, UpscaleOptions
from zoo.messages import Message, message_of

Say = Callable[[str], None]


def upscale_many(
    inputs: Sequence[str],
    out: str | None,
    upscale: UpscaleOptions,
    output: OutputOptions,
    overwrite: bool = False,
    retry: int = 0,
    make_engine: Callable[..., Engine] = local_engine,
    say: Say = print,
) -> Report:
    """Upscale all pictures of the inputs; one failure never stops the rest.

    Args:
        inputs: paths or addresses of pictures, folders with all below them, and zips; or patterns such as *.jpg.
        out: the path or address of a folder; or the name of a file, if the one input is a picture; None: beside each
            input, of a zip in a folder of its name.
        make_engine: takes the upscalers, both options and `say`.
        say: takes a line of what is worth knowing.
    Raises:
        ValueError: `out` cannot be a name, or is that of a file and cannot be; or the size cannot be had.
        ZooError, CheckpointError: the networks are not to be had.
    """
    inputs = expand_patterns(inputs)
    formats = (*FORMATS, "gif") if output.pages == "all" else FORMATS
    is_single = out is not None and names_a_picture(out, inputs, formats)
    if out is not None and is_single:
        output = replace(output, format=result_format(out, output))
    report = Report()
    if out is None:  # else the report in the folder says it
        problems = {name: problem for name in inputs if (problem := input_problem(name))}
        for name, problem in problems.items():
            report.add(Status(Job(ListedPicture(name), name, ""), "failed", problem), say)
        inputs = [name for name in inputs if name not in problems]
        if not inputs:
            return report
    upscalers = load_upscalers(upscale)
    if upscale.asks_for_scale:
        for upscaler in upscalers.values():
            upscaler.route(upscale.scale)  # what cannot be had is said before the first picture is read
    engine = make_engine(upscalers, upscale, output, say=say)
    files = [Path(path) for path in inputs if is_file(path) and not is_zip(path)] if out is None or is_single else []
    if files:
        for folder in {Path(out).parent} if out else {file.parent for file in files}:
            remove_abandoned(folder)
        targets = [(files[0], Path(out))] if out else list(beside(files, upscale, output))
        upscale_files(targets, engine, overwrite, report, say)
    if is_single and files:
        return report
    weights = "+".join(weights_digest(list(upscaler.models.values())) for upscaler in upscalers.values())
    for names, target in batches([name for name in inputs if out is not None or Path(name) not in files], out):
        try:
            if out is None and not store.exists(names[0]):  # it is in a store
                raise StoreError(Message("{address}: there is no such file.", address=names[0]))
            batch = Batch(names, target, upscale, output, weights, overwrite)
        except StoreError as error:
            if out is not None:
                raise
            report.add(Status(Job(ListedPicture(names[0]), names[0], target), "failed", message_of(error)), say)
            continue
        run_batch(batch, engine, report, retry, say)
    return report


def names_a_picture(out: str, inputs: Sequence[str], formats: Sequence[str] = FORMATS) -> bool:
    """Return whether `out` names the file of a single picture.

    Args:
        formats: that can be written.
    Raises:
        ValueError: it does, but there may be several pictures, or its format is not written.
    """
    if not out.strip() or "\0" in out:
        raise ValueError(Message("OUT is {out}, which no file or folder can be called.", out=repr(out)))
    suffix = Path(out).suffix
    is_written = suffix[1:].lower() in (*formats, "jpeg", "tiff")
    kind, _ = mimetypes.guess_type(out, strict=False)
    if not (is_written or (kind or "").startswith("image/")) or "://" in out or os.path.isdir(out):  # noqa: PTH112
        return False
    if len(inputs) > 1 or not is_file(inputs[0]) or is_zip(inputs[0]):
        if len(inputs) == 1 and (problem := input_problem(inputs[0])):
            raise ValueError(problem)
        message = "{out} is the name of one picture, and there may be more; name a folder."
        raise ValueError(Message(message, out=out))
    if not is_written:
        message = "{out}: a {suffix} is not written; choose {choices}, or name a folder."
        choices = ", ".join("." + choice for choice in formats)
        raise ValueError(Message(message, out=out, suffix=suffix, choices=choices))
    return True


def beside(files: Sequence[Path], upscale: UpscaleOptions, output: OutputOptions) -> Iterator[tuple[Path, Path]]:
    """Return where the results of files go, each beside its picture; results among the files are left out."""
    ordered = sorted(set(files), key=lambda file: (file.parent, file.name))
    for folder, members in groupby(ordered, key=lambda file: file.parent):
        names = without_results(file.name for file in members)
        for name, result in result_names(names, upscale, output).items():
            yield folder / name, folder / result


def upscale_files(
    targets: Sequence[tuple[Path, Path]], engine: Engine, overwrite: bool, report: Report, say: Say
) -> None:
    """Upscale files to files, without a manifest: a result that is there is never overwritten unless asked."""
    jobs = []
    for source, target in targets:
        job = Job(ListedPicture(source.name, store.stamp(source)), str(source), str(target), overwrite)
        try:
            check_target(target, overwrite)
            jobs.append(job)
        except ValueError as error:
            report.add(Status(job, "failed", message_of(error)), say)
    for status in engine(jobs):
        report.add(status, say)


def batches(inputs: Sequence[str], out: str | None) -> Iterator[tuple[list[str], str]]:
    """Return which inputs go into which folder."""
    if out is not None:
        yield list(inputs), out
        return
    for name in inputs:
        yield [name], str(Path(name).with_suffix("")) if is_zip(name) else name
