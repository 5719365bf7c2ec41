"""The tab Batch: many pictures with one choice of settings; what is done is there whatever becomes of the rest."""

import csv
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from caesr import archive
from caesr.batch import free_name
from caesr.page import device
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.problems import PROBLEMS, sorry
from caesr.page.progress import line, stopped, told
from caesr.page.settings import Settings
from caesr.page.viewer import table
from caesr.page.words import label, say

REPORT = "report.csv"
STOPPED: set[str] = set()  # sessions whose batch shall end after the tile at hand


@dataclass
class Row:
    """What became of a picture."""

    name: str
    state: str  # "queued", "done", "kept", "failed", "left"
    result: Path | None = None
    why: str = ""


def tab(c: Controls) -> None:
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
    so_far = line("batch-so-far")
    shown = gr.HTML(elem_id="rows")
    download = gr.DownloadButton(label("download_zip"), interactive=False, elem_id="download-zip")

    def batch(values: Values, request: gr.Request) -> Iterator[tuple]:
        home = Path(tempfile.mkdtemp(prefix="caesr-"))
        session = request.session_hash or ""
        STOPPED.discard(session)
        try:
            given = [Path(file) for file in (values[files] or []) + (values[folder] or [])]
            (home / "out").mkdir()
            if values[earlier]:
                archive.unpack(Path(values[earlier]), home / "out")
            todo = gather(given, home / "in", request)
            rows: list[Row] = []
            for state in work(todo, home, c.settings(values), session, request):
                if isinstance(state, str):
                    yield state, gr.skip(), gr.skip()
                else:
                    rows = state
                    yield gr.skip(), listed(rows, request), gr.skip()
            yield "", listed(rows, request), gr.DownloadButton(value=str(packed(rows, home)), interactive=True)
        except PROBLEMS as error:
            raise sorry(error) from error
        finally:
            STOPPED.discard(session)
            shutil.rmtree(home, ignore_errors=True)

    running = run.click(
        batch, {*c.chosen(), files, folder, earlier}, [so_far, shown, download],
        concurrency_limit=4, concurrency_id="batch", **HIDDEN,
    )  # fmt: skip
    stopped(running, so_far)
    stop.click(end, None, None, api_visibility="private", queue=False)


def end(request: gr.Request) -> None:
    """Let the session's batch end after the tile at hand."""
    STOPPED.add(request.session_hash or "")


def gather(given: list[Path], inside: Path, request: gr.Request | None) -> list[tuple[Path, Path]]:
    """The pictures to enlarge, and where each lies below the folder of the results; zips are unpacked.

    Raises:
        ArchiveError: a zip is broken, encrypted or too large.
        ValueError: there is no picture.
    """
    found: list[tuple[Path, Path]] = []
    for n, file in enumerate(given):
        if file.suffix.lower() == ".zip":
            home = inside / str(n)
            found += [(one, one.relative_to(home).parent) for one in archive.unpack(file, home)]
        elif archive.is_picture(file.name):
            found.append((file, Path()))
    if not found:
        raise ValueError(say(request, "no_pictures"))
    return found


def work(
    todo: list[tuple[Path, Path]],
    home: Path,
    settings: Settings,
    session: str,
    request: gr.Request | None,
) -> Iterator[list[Row] | str]:
    """Enlarge one after the other: yields the state of all when it has changed, meanwhile how far one has come."""
    how, taken = settings.how(), set[Path]()
    rows = [Row(str(below / file.name), "queued") for file, below in todo]
    yield rows
    for n, ((file, below), row) in enumerate(zip(todo, rows, strict=True), 1):
        target = free_name(home / "out" / below, file, settings.target, settings.format, taken)
        taken.add(target)
        row.result = target
        if target.exists():
            row.state = "kept"
            yield rows
            continue
        steps = device.enlarge(how, file, target, settings.target, int(settings.quality), settings.metadata)
        try:
            with closing(steps):  # or the device would stay taken
                for step in steps:
                    if session in STOPPED:
                        break
                    yield told(step, request, f"{n}/{len(todo)} · {file.name} · ")
            row.state = "done" if target.exists() else "left"
        except (gr.Error, *PROBLEMS) as error:
            row.state, row.why = "failed", str(error.message if isinstance(error, gr.Error) else error)
        if session in STOPPED:
            for later in rows:
                later.state = "left" if later.state == "queued" else later.state
            yield rows
            return
        yield rows


def listed(rows: list[Row], request: gr.Request | None) -> str:
    """A table, a row a picture."""
    head = [say(request, "file"), say(request, "state"), say(request, "result")]
    texts = [
        [row.name, say(request, f"state_{row.state}"), row.why or (row.result.name if row.result else "")]
        for row in rows
    ]
    done = sum(row.state in ("done", "kept") for row in rows)
    failed = sum(row.state == "failed" for row in rows)
    return table(head, texts, say(request, "batch_caption", done=done, total=len(rows), failed=failed))


def packed(rows: list[Row], home: Path) -> Path:
    """A zip of the results and the report."""
    out = home / "out"
    with (out / REPORT).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "state", "result", "reason"])
        for row in rows:
            there = row.state in ("done", "kept")
            result = row.result.relative_to(out).as_posix() if row.result and there else ""
            writer.writerow([row.name, row.state, result, row.why])
    results = [row.result for row in rows if row.result and row.state in ("done", "kept")]
    return archive.pack([*results, out / REPORT], home / "enlarged.zip", root=out)
