"""The tab Batch: many pictures with one choice of options; what is done is there whatever becomes of the rest."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr

from caesr.engine.auto_model import FAITHFUL, RESTORING
from caesr.engine.progress import Steps
from caesr.files.listed import ListedPicture, reason_to_skip
from caesr.files.picture import PictureError
from caesr.files.zips import archive
from caesr.jobs.batch import Batch
from caesr.jobs.manifest import MANIFEST
from caesr.jobs.report import REPORT, Job, Status, report_text, some
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.before_after import before_after, pair
from caesr.page.column import problem
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.device import Device
from caesr.page.drop_zone import Dropped, drop_zone, dropped_files
from caesr.page.engine_spec import EngineSpec
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.gallery import Card, cards, gallery
from caesr.page.models import AUTO_MODEL, resolve
from caesr.page.preview import browser_view, keep, picture_thumbnail
from caesr.page.progress import progress_html, progress_line
from caesr.page.queue import UNQUEUED
from caesr.page.runs import Runs
from caesr.page.temporary import run_folder
from caesr.page.translations import error_text, label, say

MAX_MANIFEST_BYTES = 20_000_000  # of an earlier batch, unpacked
# In the browser, since answers of the server may overtake each other.
ENABLE_WITH_FILES = "files => ({interactive: Boolean(files?.length), __type__: 'update'})"
Update = dict[Any, Any]  # component -> its new value


@dataclass(frozen=True)
class Shown:
    """Files of a picture that is done, where the page may give them to browsers."""

    before: Path
    after: Path
    result: Path
    thumbnail: str


def tab(c: Controls, device: Device) -> None:
    """Lay the tab out."""
    gr.Markdown(label("batch_info"))
    files = drop_zone(many=True, elem_id="files")
    with gr.Row(elem_classes="nowrap"):
        run = gr.Button(label("run_batch"), variant="primary", interactive=False, elem_id="run-batch", min_width=0)
        download = gr.DownloadButton(label("download_zip"), interactive=False, elem_id="download-zip", min_width=0)
    line = progress_line("batch-so-far")
    view = before_after(elem_id="batch-viewer", visible="hidden")
    listed = gallery(elem_id="rows")
    done = gr.State({})  # number of a file -> Shown
    runs = Runs()

    def upscale_all(values: Values, request: gr.Request) -> Iterator[Update]:
        session = request.session_hash or ""
        end = {run: gr.update(value=say(request, "run_batch"), variant="primary")}
        with runs.begin(session) as begun:
            if not begun:
                yield {line: gr.skip()}
                return
            try:
                upscale, output = c.asked(values)
                with run_folder() as home:
                    inputs, others, earlier = sorted_out(dropped_files(values[files]), home / "in", request)
                    with opened(inputs, earlier, home / "out", upscale, output, device) as batch:
                        rows = [*batch.plan(), *others]
                        shown = {n: to_show(row) for n, row in enumerate(rows) if row.state == "kept"}
                        yield {
                            run: gr.update(value=say(request, "stop"), variant="stop"),
                            listed: to_cards(rows, shown, request),
                            download: gr.update(value=None, interactive=False),
                            view: gr.update(visible="hidden"),
                        }
                        for n, row in enumerate(rows):
                            if row.state != "queued":
                                continue
                            before = f"{n + 1}/{len(rows)} · {PurePosixPath(row.job.picture.name).name} · "
                            with closing(device.run_job(spec_for(device, upscale, row), row.job, output)) as generator:
                                steps = Steps(generator)
                                for event in steps:
                                    if runs.is_stopping(session):
                                        break
                                    yield {line: progress_html(event, request, before)}
                                else:
                                    rows[n] = steps.result
                                    # The manifest goes to the visitor: without this machine's name and folders.
                                    batch.record(replace(rows[n], worker="", error=row_error(rows[n], None)))
                                    if rows[n].has_result:
                                        shown[n] = to_show(rows[n])
                            if runs.is_stopping(session):
                                rows = [replace(row, state="left") if row.state == "queued" else row for row in rows]
                                break
                            yield {line: line_of(rows, request), listed: to_cards(rows, shown, request), done: shown}
                        batch.close()
                        file = keep(packed(rows, home, request))
                        yield {
                            **end, line: line_of(rows, request), listed: to_cards(rows, shown, request), done: shown,
                            download: gr.update(value=str(file), interactive=True),
                        }  # fmt: skip
            except EXPECTED_ERRORS as error:
                yield {**end, line: problem(error, None, request)}
            except Exception:
                yield {**end, line: ""}
                raise

    def show(values: Values, event: gr.EventData) -> Any:
        one = values[done].get(event.number)
        is_there = one and one.before.is_file() and one.after.is_file()
        return gr.update(value=pair(one.before, one.after), visible=True) if is_there else gr.skip()

    outputs = [run, line, listed, download, view, done]
    files.input(None, files, run, js=ENABLE_WITH_FILES, **HIDDEN)
    run.click(upscale_all, {*c.inputs(), files}, outputs, trigger_mode="multiple", **UNQUEUED, **HIDDEN)
    listed.show(show, {done}, view, **HIDDEN)


def spec_for(device: Device, upscale: UpscaleOptions, row: Status) -> EngineSpec:
    """Return what upscales a picture: of a broken one anything, since its job will say what is wrong."""
    try:
        return device.spec(resolve(upscale, Path(row.job.source)))
    except PictureError:
        return device.spec(resolve(upscale, None))


def to_show(row: Status) -> Shown:
    """Return the files of a picture that is done, kept for an hour."""
    target = Path(row.job.target)
    return Shown(browser_view(Path(row.job.source)), browser_view(target), keep(target), picture_thumbnail(target))


def sorted_out(
    dropped: Sequence[Dropped], folder: Path, request: gr.Request | None
) -> tuple[list[str], list[Status], Path | None]:
    """Return the pictures, folders and zips among files, what else they are with the reason, and an earlier batch.

    Args:
        folder: where the folders that were dropped are put together again.
    Raises:
        ValueError: there are no files.
    """
    if not dropped:
        raise ValueError(say(request, "no_pictures"))
    inputs, others, earlier = dict[str, None](), list[Status](), None
    for one in dropped:
        file = str(one.path)
        if archive.is_zip(file):
            if is_batch(one.path):
                earlier = one.path
            else:
                inputs[file] = None
        elif "/" in one.name:
            place = folder / one.name
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                os.link(one.path, place)
            inputs[str(folder / PurePosixPath(one.name).parts[0])] = None
        elif reason := reason_to_skip(one.path.name, partial(read_beginning, file)):
            others.append(Status(Job(ListedPicture(one.path.name), file, ""), "skipped", reason))
        else:
            inputs[file] = None
    return list(inputs), others, earlier


def is_batch(file: Path) -> bool:
    """Return whether a zip is of an earlier batch; a damaged one is not: the batch will say so."""
    try:
        return archive.read_member(file, MANIFEST, MAX_MANIFEST_BYTES) is not None
    except archive.ArchiveError:
        return False


def read_beginning(file: str, size: int) -> bytes:
    """Return the first bytes of a file."""
    with Path(file).open("rb") as stream:
        return stream.read(size)


def opened(
    inputs: list[str], earlier: Path | None, out: Path, upscale: UpscaleOptions, output: OutputOptions, device: Device
) -> Batch:
    """Return a batch into `out`, after an earlier one was unpacked there.

    Raises:
        ArchiveError: a zip is broken, encrypted or too large.
        ZooError, CheckpointError: the networks are not to be had.
    """
    out.mkdir()
    if earlier:
        unpack_earlier(earlier, out)
    models = [FAITHFUL, RESTORING] if upscale.model == AUTO_MODEL else [upscale.model]
    weights = [device.weights_digest(device.spec(replace(upscale, model=model))) for model in models]
    return Batch(inputs, str(out), upscale, output, "+".join(weights), stamp=content_stamp)


def unpack_earlier(zip_file: Path, out: Path) -> None:
    """Unpack the results and the manifest of an earlier batch."""
    archive.unpack(zip_file, out)
    manifest = archive.read_member(zip_file, MANIFEST, MAX_MANIFEST_BYTES)
    if manifest is not None:
        (out / MANIFEST).write_bytes(manifest)


def content_stamp(file: Path) -> str:
    """Return a digest of a file: an upload has another date every time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def to_cards(rows: list[Status], shown: dict[int, Shown], request: gr.Request | None) -> list[dict[str, Any]]:
    """Return the gallery: a card a picture, and at the end one for each reason why files are left out."""
    found, others = [], dict[str, list[str]]()
    for n, row in enumerate(rows):
        if row.state == "skipped":
            others.setdefault(row_error(row, request), []).append(row.job.picture.name)
            continue
        said = [say(request, f"state_{row.state}"), *row_notes(row, request), row_error(row, request)]
        one = shown.get(n)
        files = (one.thumbnail, one.result, n) if one else ()
        found.append(Card(row.job.picture.name, row.state, " · ".join(filter(None, said)), *files))
    skipped = say(request, "state_skipped")
    found += [Card(some(names), "skipped", f"{skipped} · {reason}") for reason, names in others.items()]
    return cards(found)


def line_of(rows: list[Status], request: gr.Request | None) -> str:
    """Return how many pictures are done, for the progress line."""
    pictures = [row for row in rows if row.state != "skipped"]
    done, failed = sum(row.has_result for row in pictures), sum(row.state == "failed" for row in pictures)
    return f"<span>{say(request, 'batch_caption', done=done, total=len(pictures), failed=failed)}</span>"


def row_notes(row: Status, request: gr.Request | None) -> list[str]:
    """Return what of a picture could not be kept, or was mended."""
    return [error_text(request, note) for note in row.notes]


def row_error(row: Status, request: gr.Request | None) -> str:
    """Return why a picture failed or is left out, without the folders of this server."""
    text = error_text(request, row.error)
    for path, name in ((row.job.target, Path(row.job.target).name), (row.job.source, row.job.picture.name)):
        text = text.replace(path, name) if path else text
    return text


def packed(rows: list[Status], home: Path, request: gr.Request | None) -> Path:
    """Return a zip of the results, the manifest and the report, which has a row for every file."""
    out, lines = home / "out", []
    results = [Path(row.job.target) for row in rows if row.has_result]
    for row in rows:
        error = row_error(row, request) or (say(request, "state_left") if row.state == "left" else "")
        result = Path(row.job.target).relative_to(out).as_posix() if row.has_result else ""
        seconds = round(row.seconds, 3) if row.state == "done" else ""
        lines.append({
            "name": row.job.picture.name, "state": row.state, "result": result, "seconds": seconds, "error": error,
            "notes": row_notes(row, request),
        })  # fmt: skip
    report = out / REPORT
    report.write_text(report_text(lines), encoding="utf-8", newline="")
    first = next((row.job.picture.name for row in rows if row.has_result), "upscaled")
    name = f"{PurePosixPath(first).stem}_and_more_{time.strftime('%Y-%m-%d_%H%M')}.zip"
    return archive.pack([*results, report, out / MANIFEST], home / name, root=out)
