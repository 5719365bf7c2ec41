"""The tab Batch: many pictures with one choice of options; what is done is there whatever becomes of the rest."""

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import gradio as gr

from caesr.engine.progress import Steps
from caesr.files import archive
from caesr.jobs.batch import Batch
from caesr.jobs.manifest import MANIFEST
from caesr.jobs.report import REPORT, Status, report_text
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.device import Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.progress import progress_html, progress_line, show_when_stopped
from caesr.page.queue import UNQUEUED
from caesr.page.temporary import run_folder
from caesr.page.translations import error_text, label, say
from caesr.page.viewer import table

MAX_MANIFEST_BYTES = 20_000_000  # of an earlier batch, unpacked


def tab(c: Controls, device: Device) -> None:
    """Lay the tab out."""
    gr.Markdown(label("batch_info"))
    types = ["image", ".tif", ".tiff", ".zip"]
    files = gr.File(label=label("files"), file_count="multiple", file_types=types, height=170, elem_id="files")
    with gr.Row():
        folder = gr.File(label=label("folder"), file_count="directory", height=140, elem_id="folder")
        earlier = gr.File(label=label("earlier"), file_types=[".zip"], height=140, elem_id="earlier")
    with gr.Row():
        run = gr.Button(label("run_batch"), variant="primary", elem_id="run-batch")
        stop = gr.Button(label("stop"), elem_id="stop-batch")
    line = progress_line("batch-so-far")
    shown = gr.HTML(elem_id="rows")
    download = gr.DownloadButton(label("download_zip"), interactive=False, elem_id="download-zip")
    stopped: set[str] = set()  # sessions whose batch ends after the tile at hand

    def upscale_all(values: Values, request: gr.Request) -> Iterator[tuple]:
        session = request.session_hash or ""
        stopped.discard(session)
        try:
            inputs = pictures_of((values[files] or []) + (values[folder] or []), request)
            upscale, output = c.chosen(values)
            with run_folder() as home, opened(inputs, values[earlier], home / "out", upscale, output, device) as batch:
                rows = list(batch.plan())
                yield gr.skip(), listed(rows, request), gr.DownloadButton(value=None, interactive=False)
                for n, row in enumerate(rows):
                    if row.state != "queued":
                        continue
                    before = f"{n + 1}/{len(rows)} · {row.job.picture.name} · "
                    steps = Steps(device.run_job(device.spec(upscale), row.job, output))
                    for event in steps:
                        if session in stopped:
                            break
                        yield progress_html(event, request, before), gr.skip(), gr.skip()
                    else:
                        rows[n] = steps.result
                        # The manifest goes to the visitor: without this machine's name and folders.
                        batch.record(replace(rows[n], worker="", error=row_error(rows[n], None)))
                    if session in stopped:
                        rows = [replace(row, state="left") if row.state == "queued" else row for row in rows]
                    yield gr.skip(), listed(rows, request), gr.skip()
                    if session in stopped:
                        break
                batch.close()
                button = gr.DownloadButton(value=str(packed(rows, home, request)), interactive=True)
                yield "", listed(rows, request), button
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error
        finally:
            stopped.discard(session)

    def end(request: gr.Request) -> None:
        stopped.add(request.session_hash or "")

    running = run.click(
        upscale_all, {*c.inputs(), files, folder, earlier}, [line, shown, download], **UNQUEUED, **HIDDEN
    )
    show_when_stopped(running, line)
    stop.click(end, None, None, api_visibility="private", queue=False)


def pictures_of(files: Sequence[str], request: gr.Request | None) -> list[str]:
    """Return the pictures and zips among files.

    Raises:
        ValueError: there is none.
    """
    found = [file for file in files if archive.is_zip(file) or archive.is_picture(Path(file).name)]
    if not found:
        raise ValueError(say(request, "no_pictures"))
    return found


def opened(
    inputs: list[str], earlier: str | None, out: Path, upscale: UpscaleOptions, output: OutputOptions, device: Device
) -> Batch:
    """Return a batch into `out`, after an earlier one was unpacked there.

    Raises:
        ArchiveError: a zip is broken, encrypted or too large.
        ZooError, CheckpointError: the networks are not to be had.
    """
    out.mkdir()
    if earlier:
        unpack_earlier(Path(earlier), out)
    weights = device.weights_digest(device.spec(upscale))
    return Batch(inputs, str(out), upscale, output, weights, stamp=content_stamp)


def unpack_earlier(zip_file: Path, out: Path) -> None:
    """Unpack the results and the manifest of an earlier batch."""
    archive.unpack(zip_file, out)
    with zipfile.ZipFile(zip_file) as members:
        known = [member for member in members.infolist() if member.filename == MANIFEST]
        if known and known[0].file_size <= MAX_MANIFEST_BYTES:
            (out / MANIFEST).write_bytes(members.read(known[0]))


def content_stamp(file: Path) -> str:
    """Return a digest of a file: an upload has another date every time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def listed(rows: list[Status], request: gr.Request | None) -> str:
    """Return a table, a row a picture."""
    head = [say(request, "file"), say(request, "state"), say(request, "result")]
    texts = [
        [
            row.job.picture.name,
            say(request, f"state_{row.state}"),
            Path(row.job.target).name if row.has_result else row_error(row, request),
        ]
        for row in rows
    ]
    done, failed = sum(row.has_result for row in rows), sum(row.state == "failed" for row in rows)
    return table(head, texts, say(request, "batch_caption", done=done, total=len(rows), failed=failed))


def row_error(row: Status, request: gr.Request | None) -> str:
    """Return why a picture failed, without the folders of this server."""
    text = error_text(request, row.error)
    for path, name in ((row.job.target, Path(row.job.target).name), (row.job.source, row.job.picture.name)):
        text = text.replace(path, name) if path else text
    return text


def packed(rows: list[Status], home: Path, request: gr.Request | None) -> Path:
    """Return a zip of the results, the manifest and the report; of what was left out the report says just that."""
    out, lines = home / "out", []
    results = [Path(row.job.target) for row in rows if row.has_result]
    for row in rows:
        error = row_error(row, request) or (say(request, "state_left") if row.state == "left" else "")
        result = Path(row.job.target).relative_to(out).as_posix() if row.has_result else ""
        seconds = round(row.seconds, 3) if row.state == "done" else ""
        lines.append({"name": row.job.picture.name, "result": result, "seconds": seconds, "error": error})
    report = out / REPORT
    report.write_text(report_text(lines), encoding="utf-8", newline="")
    return archive.pack([*results, report, out / MANIFEST], home / "upscaled.zip", root=out)
