"""The tab Batch: many pictures with one choice of options; what is done is there whatever becomes of the rest."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr

from caesr.engine.auto_model import models_for
from caesr.engine.progress import Progress
from caesr.jobs.batch import Batch
from caesr.jobs.report import Status, some
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.batch_files import content_stamp, packed, row_error, row_notes, sorted_out, unpack_earlier
from caesr.page.before_after import before_after, pair
from caesr.page.column import problem
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.device import Device
from caesr.page.drop_zone import drop_zone, dropped_files
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.gallery import Card, cards, gallery
from caesr.page.options_form import component, page_options
from caesr.page.preview import browser_view, keep, picture_thumbnail
from caesr.page.progress import progress_html, progress_line, throttle
from caesr.page.queue import UNQUEUED, Waiting
from caesr.page.runs import Runs
from caesr.page.temporary import run_folder
from caesr.page.translations import in_both_languages, label, say

# In the browser, since answers of the server may overtake each other. Of other files there is no rest to go on with.
ENABLE_WITH_FILES = """files => {
  const words = %s[navigator.language.startsWith("zh") ? "zh" : "en"].run_batch;
  return { interactive: Boolean(files?.length), value: words, __type__: "update" };
}""" % json.dumps(in_both_languages(["run_batch"]))  # noqa: UP031
SCROLL_TO_VIEWER = (
    "() => document.querySelector('#batch-viewer').scrollIntoView({block: 'nearest', behavior: 'smooth'})"
)
Update = dict[Any, Any]  # component -> its new value


@dataclass(frozen=True)
class Last:
    """What a visitor's last batch made, with which the next one of the same settings goes on."""

    zip: Path
    settings: tuple[UpscaleOptions, OutputOptions]


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
    with gr.Row(elem_classes=["nowrap", "save"], elem_id="batch-run"):
        run = gr.Button(label("run_batch"), variant="primary", interactive=False, elem_id="run-batch", min_width=0)
        download = gr.DownloadButton(label("download_zip"), interactive=False, elem_id="download-zip", min_width=0)
    with gr.Row(elem_classes=["nowrap", "save"]):
        mirror(c, "format", "batch-format")
        mirror(c, "quality", "batch-quality")
    line = progress_line("batch-so-far")
    view = before_after(elem_id="batch-viewer", visible="hidden")
    listed = gallery(elem_id="rows")
    done = gr.State({})  # number of a file -> Shown
    last = gr.State(None)  # a Last
    runs = Runs()

    def upscale_all(values: Values, request: gr.Request) -> Iterator[Update]:
        session = request.session_hash or ""
        end = {run: gr.update(value=say(request, "run_batch"), variant="primary")}
        with runs.begin(session) as begun:
            if not begun:
                yield {line: gr.skip()}
                return
            try:
                with run_folder() as home:
                    yield from upscale_in(home, values, partial(runs.is_stopping, session), request)
            except EXPECTED_ERRORS as error:
                yield {**end, line: problem(error, None, request)}
            except Exception:
                yield {**end, line: ""}
                raise

    def upscale_in(
        home: Path, values: Values, is_stopping: Callable[[], bool], request: gr.Request
    ) -> Iterator[Update]:
        options = c.asked(values)
        inputs, others, earlier = sorted_out(dropped_files(values[files]), home / "in", request)
        before_this = values[last]
        if before_this and before_this.settings == options and before_this.zip.is_file():
            earlier = earlier or before_this.zip
        with opened(inputs, earlier, home / "out", *options, device) as batch:
            rows = [*batch.plan(), *others]
            shown = {n: to_show(row) for n, row in enumerate(rows) if row.state == "kept"}
            yield {
                run: gr.update(value=say(request, "stop"), variant="stop"),
                listed: to_cards(rows, shown, request),
                download: gr.update(value=None, interactive=False, variant="secondary"),
                view: gr.update(visible="hidden"),
            }
            is_shown = throttle()
            for n, event in run_queued(batch, rows, shown, device, options, is_stopping):
                if isinstance(event, Status):
                    yield {line: line_of(rows, request), listed: to_cards(rows, shown, request), done: shown}
                elif is_shown(event):
                    name = PurePosixPath(rows[n].job.picture.name).name
                    yield {line: progress_html(event, request, f"{n + 1}/{len(rows)} · {name} · ")}
        rows = [replace(row, state="left") if row.state == "queued" else row for row in rows]  # it was stopped
        file = keep(packed(rows, home, request))
        is_stopped = any(row.state == "left" for row in rows)
        yield {
            run: gr.update(value=say(request, "go_on" if is_stopped else "run_batch"), variant="primary"),
            line: line_of(rows, request),
            listed: to_cards(rows, shown, request),
            done: shown,
            last: Last(file, options),
            download: gr.update(value=str(file), interactive=True, variant="primary"),
        }

    def show(values: Values, event: gr.EventData) -> Any:
        one = values[done].get(event.number)
        is_there = one and one.before.is_file() and one.after.is_file()
        return gr.update(value=pair(one.before, one.after), visible=True) if is_there else gr.skip()

    outputs = [run, line, listed, download, view, done, last]
    files.input(None, files, run, js=ENABLE_WITH_FILES, **HIDDEN)
    run.click(upscale_all, {*c.inputs(), files, last}, outputs, trigger_mode="multiple", **UNQUEUED, **HIDDEN)
    listed.show(show, {done}, view, **HIDDEN).then(None, js=SCROLL_TO_VIEWER, **HIDDEN)


def mirror(c: Controls, name: str, elem_id: str) -> None:
    """Lay out a second component of an option, which the browser keeps the same as the first."""
    (row,) = (row for row in page_options() if row.name == name)
    first, second = c.options[name], component(row, elem_id=elem_id)
    for one, other in ((first.change, second), (second.input, first)):
        one(None, second if other is first else first, other, js="value => value", queue=False, **HIDDEN)


def run_queued(
    batch: Batch,
    rows: list[Status],
    shown: dict[int, Shown],
    device: Device,
    options: tuple[UpscaleOptions, OutputOptions],
    is_stopping: Callable[[], bool],
) -> Iterator[tuple[int, Progress | Waiting | Status]]:
    """Do what is queued until it is stopped: yields the number of a row with what happens to it.

    What is done is recorded and enters `rows`, and `shown` if there is a result.
    """
    queued = [n for n, row in enumerate(rows) if row.state == "queued"]
    upscale, output = options
    with closing(device.run_jobs(upscale, [rows[n].job for n in queued], output)) as events:
        for number, event in events:
            n = queued[number]
            if isinstance(event, Status):
                rows[n] = event
                # The manifest goes to the visitor: without this machine's name and folders.
                batch.record(replace(event, worker="", error=row_error(event, None)))
                if event.has_result:
                    shown[n] = to_show(event)
            if is_stopping():
                return
            yield n, event


def to_show(row: Status) -> Shown:
    """Return the files of a picture that is done, kept for an hour."""
    target = Path(row.job.target)
    return Shown(browser_view(Path(row.job.source)), browser_view(target), keep(target), picture_thumbnail(target))


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
    weights = [device.weights_digest(device.spec(replace(upscale, model=model))) for model in models_for(upscale)]
    return Batch(inputs, str(out), upscale, output, "+".join(weights), stamp=content_stamp)


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
