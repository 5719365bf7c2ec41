"""The tab Upscale: one picture, before and after, and the file of the result in any format."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.engine.progress import Progress, Steps
from caesr.files.read import inspect, open_picture
from caesr.jobs.naming import result_name
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.before_after import before_after, overlay, pair
from caesr.page.column import problem
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.device import Device
from caesr.page.drop_zone import Dropped, preview
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.facts import FORMAT_NAMES, model_name, resolved, size_text, takes_all
from caesr.page.first_sight import first_sight
from caesr.page.follow import follow
from caesr.page.gpu_calls import STARTED
from caesr.page.invented import map_of
from caesr.page.preview import browser_view, is_shown_by_browsers, keep, picture_thumbnail
from caesr.page.progress import percent_text, progress_html, progress_line, throttle
from caesr.page.queue import UNQUEUED, Waiting
from caesr.page.recent import recent, thumbnails
from caesr.page.result import MAX_RECENT, Result, save_result, written_alike
from caesr.page.runs import Runs
from caesr.page.temporary import run_folder
from caesr.page.translations import label, say, translate
from zoo.messages import Message

Update = dict[Any, Any]  # component -> its new value
NO_FILE = gr.update(value=None, interactive=False, label=label("download"))


def tab(blocks: gr.Blocks, c: Controls, device: Device) -> None:
    """Lay the tab out and wire it."""
    view = before_after(elem_id="viewer")
    with gr.Row(elem_id="said", elem_classes="nowrap"):
        status, stale = progress_line("status"), gr.HTML(elem_id="stale")
    with gr.Row(elem_classes=["nowrap", "save"]):
        download = gr.DownloadButton(
            label("download"), variant="primary", interactive=False, elem_id="download", min_width=0
        )
        c.options["format"].render()
        c.options["quality"].render()
    recents = recent(elem_id="recent")
    current, results = gr.State(None), gr.State([])
    runs, settings = Runs(), c.settings()

    def run(values: Values, request: gr.Request) -> Iterator[Update]:
        dropped, session = c.dropped(values), request.session_hash or ""
        with runs.begin(session, dropped.path if dropped else None) as begun:
            if not begun or not dropped:
                yield {stale: gr.skip()}
                return
            cancel = gr.update(value=say(request, "cancel"), variant="stop")
            yield {c.run: cancel, status: progress_html(STARTED, request), stale: "", c.problem: ""}
            end = gr.update(value=say(request, "run"), variant="primary")
            try:
                _, options, output = resolved(dropped.path, *c.chosen(values))
                with closing(upscale(device, dropped, options, output)) as generator:
                    steps, is_shown = Steps(generator), throttle()
                    for event in steps:
                        if runs.is_stopping(session):
                            yield {c.run: end, status: line(say(request, "stopped"))}
                            return
                        if is_shown(event):
                            yield {status: progress_html(event, request)}
                made = [steps.result, *(one for one in values[results] if one.is_kept)][:MAX_RECENT]
                yield {c.run: end, results: made, **shown(steps.result, made, output, request)}
            except EXPECTED_ERRORS as error:
                yield {c.run: end, status: "", c.problem: problem(error, dropped, request)}
            except Exception:
                yield {c.run: end, status: ""}
                raise

    def shown(result: Result, made: Sequence[Result], output: OutputOptions, request: gr.Request) -> Update:
        titles = [f"{Path(one.name).name} · {title(one, request)}" for one in made]
        return {
            view: pair(result.before, result.after),
            stale: "",
            **saved(result, output, made, request),
            recents: thumbnails(made, titles, result),
            current: result,
        }

    def saved(result: Result, output: OutputOptions, made: Sequence[Result], request: gr.Request) -> Update:
        with run_folder() as folder:
            written, notes = save_result(result, output, folder, made)
            file = keep(written)
        size, kind = size_text(file.stat().st_size), FORMAT_NAMES[written.suffix[1:]]
        words = say(request, "download_file", format=kind, size=size)
        return {
            download: gr.update(value=str(file), interactive=True, label=words),
            status: result_status(result, notes, request),
        }

    def choose_recent(values: Values, request: gr.Request, event: gr.EventData) -> Update:
        made, index = values[results], event.index
        if not isinstance(index, int) or not 0 <= index < len(made) or not made[index].is_kept:
            return {stale: line(say(request, "not_kept"))}
        return shown(made[index], made, resolved_output(made[index], values, c), request)

    def save_again(values: Values, request: gr.Request) -> Iterator[Update]:
        result = values[current]
        if not result or not result.is_kept:
            yield {download: gr.skip()}
            return
        yield {download: gr.update(interactive=False)}
        try:
            output = resolved_output(result, values, c)
            yield {**saved(result, output, values[results], request), stale: ""}
        except EXPECTED_ERRORS as error:
            yield {download: NO_FILE, stale: problem(error, None, request)}

    def show_invented(values: Values, request: gr.Request, event: gr.EventData) -> Iterator[Update]:
        result = values[current]
        if not result or not result.is_kept:
            yield {view: gr.skip()}
            return
        value = pair(result.before, result.after) | {"is_layer": True}  # so that it is never laid over another picture
        if not event.on:
            yield {view: value}
            return
        try:
            with closing(map_of(device, result, request)) as generator:
                steps = Steps(generator)
                for progress in steps:
                    yield {view: value | {"note": percent_text(progress, request), "asks": True}}
            yield {view: overlay(value, *steps.result)}
        except EXPECTED_ERRORS as error:
            yield {view: value, stale: problem(error, None, request)}

    def new_picture(values: Values, request: gr.Request) -> Update:
        dropped, session = c.dropped(values), request.session_hash or ""
        result = values[current]
        if dropped and dropped.path in (runs.picture(session), result and result.source):
            return {view: gr.skip()}  # its run was faster
        runs.stop(session)
        nothing = {current: None, status: "", stale: "", download: NO_FILE, recents: unchosen(values[results], request)}
        try:
            if dropped:
                picture = browser_view(dropped.path)
                return {view: pair(picture), c.picture: preview(dropped, picture), **nothing}
        except EXPECTED_ERRORS:  # said below the picture
            pass
        return {view: first_sight(request), **nothing}

    def unchosen(made: Sequence[Result], request: gr.Request) -> Any:
        return thumbnails(made, [f"{Path(one.name).name} · {title(one, request)}" for one in made], None)

    def say_if_stale(values: Values, request: gr.Request) -> str:
        result, dropped = values[current], c.dropped(values)
        try:
            if not result or not dropped:
                return ""
            _, options, output = resolved(dropped.path, *c.chosen(values))
        except EXPECTED_ERRORS:
            return ""
        is_stale = result.source == dropped.path and (options != result.options or output.pages != result.pages)
        return line(say(request, "settings_changed")) if is_stale else ""

    shown_here = [view, status, stale, download, recents, current]
    inputs = {c.picture, *settings.values(), current, results}
    c.run.click(run, inputs, [c.run, c.problem, results, *shown_here], trigger_mode="multiple", **UNQUEUED, **HIDDEN)
    recents.select(choose_recent, inputs, shown_here, **HIDDEN)
    view.invented(show_invented, inputs, [view, stale], trigger_mode="always_last", **UNQUEUED, **HIDDEN)
    saving = ("format", "quality", "metadata", "keep_print_size")  # pages need another run
    saved_again = follow([settings[name].change for name in saving], save_again, inputs, [download, status, stale])
    # Cancels, or its file would appear under another picture.
    follow([c.picture.input], new_picture, inputs, [c.picture, *shown_here], cancels=saved_again)
    pixels = [shown.change for name, shown in settings.items() if name not in saving]
    follow(pixels, say_if_stale, inputs, stale)
    blocks.load(first_sight, None, view, **HIDDEN)


def resolved_output(result: Result, values: Values, c: Controls) -> OutputOptions:
    """Return how a result is saved as chosen now."""
    return resolved(result.source, *c.chosen(values))[2]


def upscale(
    device: Device, dropped: Dropped, options: UpscaleOptions, output: OutputOptions
) -> Generator[Progress | Waiting, None, Result]:
    """Upscale a picture: yields progress and returns the result, kept as a PNG.

    Raises:
        Busy, PictureError, ValueError, RuntimeError: as `Device.upscale`.
    """
    has_pages = takes_all(inspect(dropped.path), output)
    written = output if has_pages else replace(output, format="png", pages="first")
    with run_folder() as folder:
        target = folder / Path(result_name(dropped.path.name, options, written)).name
        before = browser_view(dropped.path)
        steps = Steps(device.upscale(options, dropped.path, target, written))
        began = time.monotonic()
        for event in steps:
            if isinstance(event, Waiting):
                began = time.monotonic()
            yield event
        seconds = time.monotonic() - began
        master, info = keep(target), inspect(target)
        lost = written_alike(open_picture(dropped.path), info.width, written)[1]  # by a PNG, which few will download
    return Result(
        source=dropped.path, name=dropped.name, master=master, before=before,
        after=master if is_shown_by_browsers(info) else browser_view(master), options=options, written=written,
        info=info, pages=output.pages, seconds=seconds, thumbnail=picture_thumbnail(master),
        notes=tuple(note for note in steps.result or () if note not in lost),
    )  # fmt: skip


def title(result: Result, request: gr.Request | None) -> str:
    """Return which model made a result, and its scale."""
    options = result.options
    size = f"×{options.scale:g}" if options.asks_for_scale else options.size_label
    return f"{model_name(options, request)} · {size}"


def result_status(result: Result, lost: Sequence[Message], request: gr.Request | None) -> str:
    """Return the sentence about a result, and below it the notes about its picture and its file."""
    size, seconds = f"{result.info.width} × {result.info.height}", say(request, "seconds", n=f"{result.seconds:.1f}")
    parts = [title(result, request), size, seconds, *([] if result.is_whole else [say(request, "reduced")])]
    said = [escape(str(translate(request, note))) for note in (*result.notes, *lost)]
    notes = "".join(f'<span class="note">{note}</span>' for note in said)
    return f'<span data-result="{escape(result.master.parent.name)}">{escape(" · ".join(parts))}</span>{notes}'


def line(text: str) -> str:
    """Return a sentence for a progress line."""
    return f"<span>{escape(text)}</span>"
