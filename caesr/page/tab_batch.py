"""The tab Batch: many pictures with one choice of settings; what is done is there whatever becomes of the rest."""

import math
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from caesr.files import archive
from caesr.files.store import Found
from caesr.jobs import manifest
from caesr.jobs.runner import Job, Outcome, attempt, free_name
from caesr.page import device
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.errors import PROBLEMS, sorry
from caesr.page.progress import line, stopped, told
from caesr.page.settings import Settings
from caesr.page.translations import label, reason, say
from caesr.page.viewer import table

STOPPED: set[str] = set()  # sessions whose batch shall end after the tile at hand


@dataclass
class Row:
    """A picture's job, and what became of it."""

    job: Job
    state: str = "queued"  # then "done", "kept", "failed" or "left"
    seconds: float | str = ""
    error: str = ""

    @property
    def result(self) -> Path | None:
        """Where it is, if it is there."""
        return Path(self.job.target) if self.state in ("done", "kept") else None


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
            settings, found = c.settings(values), gather(given, home / "in", request)
            rows = planned(found, home / "out", settings)
            for step in work(rows, settings, session, request):
                if step is None:
                    yield gr.skip(), listed(rows, request), gr.skip()
                else:
                    yield step, gr.skip(), gr.skip()
            button = gr.DownloadButton(value=str(packed(rows, home, request)), interactive=True)
            yield "", listed(rows, request), button
        except PROBLEMS as error:
            raise sorry(error, request) from error
        finally:
            STOPPED.discard(session)
            shutil.rmtree(home, ignore_errors=True)

    running = run.click(
        batch, {*c.chosen(), files, folder, earlier}, [so_far, shown, download],
        **device.TURNS, **HIDDEN,
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
        if archive.is_zip(file.name):
            home = inside / str(n)
            found += [(one, one.relative_to(home).parent) for one in archive.unpack(file, home)]
        elif archive.is_picture(file.name):
            found.append((file, Path()))
    if not found:
        raise ValueError(say(request, "no_pictures"))
    return found


def planned(found: list[tuple[Path, Path]], out: Path, settings: Settings) -> list[Row]:
    """The jobs, by the names that their results have in this folder.

    Raises:
        ValueError: the size cannot be had.
    """
    taken, rows = set[Path](), []
    for file, below in found:
        target = free_name(out / below, file, settings.wish, taken)
        rows.append(Row(Job(Found((below / file.name).as_posix()), str(file), str(target))))
    return rows


def work(rows: list[Row], settings: Settings, session: str, request: gr.Request | None) -> Iterator[str | None]:
    """Enlarge one after the other: yields None when a row has changed, meanwhile how far one has come."""
    how, wish = settings.how(), settings.wish
    yield None
    for n, row in enumerate(rows, 1):
        if Path(row.job.target).exists():
            row.state = "kept"
        else:
            before = f"{n}/{len(rows)} · {row.job.found.name} · "
            with closing(device.in_turn(attempt(how, row.job, wish), math.inf)) as steps:  # or the device stays taken
                for step in steps:
                    if isinstance(step, Outcome):
                        row.seconds, row.error = round(step.seconds, 3), step.error
                    elif session in STOPPED:
                        break
                    else:
                        yield told(step, request, before)
            row.state = "failed" if row.error else "done" if Path(row.job.target).exists() else "left"
        if session in STOPPED:
            for later in rows[n:]:
                later.state = "left"
            return
        yield None


def listed(rows: list[Row], request: gr.Request | None) -> str:
    """A table, a row a picture."""
    head = [say(request, "file"), say(request, "state"), say(request, "result")]
    texts = [
        [
            row.job.found.name,
            say(request, f"state_{row.state}"),
            row.result.name if row.result else reason(request, row.error),
        ]
        for row in rows
    ]
    done, failed = sum(row.result is not None for row in rows), sum(row.state == "failed" for row in rows)
    return table(head, texts, say(request, "batch_caption", done=done, total=len(rows), failed=failed))


def packed(rows: list[Row], home: Path, request: gr.Request | None) -> Path:
    """A zip of the results and the report, which says of what was left out just that."""
    out = home / "out"
    left, lines = say(request, "state_left"), []
    for row in rows:
        error = reason(request, row.error) or (left if row.state == "left" else "")
        result = row.result.relative_to(out).as_posix() if row.result else ""
        lines.append({"name": row.job.found.name, "result": result, "seconds": row.seconds, "error": error})
    said = out / manifest.REPORT
    said.write_text(manifest.report(lines), encoding="utf-8", newline="")
    return archive.pack([*(row.result for row in rows if row.result), said], home / "enlarged.zip", root=out)
