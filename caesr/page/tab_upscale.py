"""The tab Upscale: one picture, before and after, a close look at both, the file, and the command that gives it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from caesr.engine.device import choose_device
from caesr.files.read import inspect
from caesr.jobs.naming import result_name
from caesr.options import command_line, python_lines
from caesr.page.controls import HIDDEN, Controls, Values, clicked_place
from caesr.page.device import STARTED, Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.preview import parts, previews
from caesr.page.progress import progress_html, progress_line, show_when_stopped
from caesr.page.queue import UNQUEUED
from caesr.page.temporary import run_folder
from caesr.page.translations import label, say
from caesr.page.viewer import Pane, code, panes, viewer


def tab(c: Controls, device: Device) -> gr.DownloadButton:
    """Lay the tab out; the button holds the result, which other tabs look into."""
    with gr.Row():
        run = gr.Button(label("run"), variant="primary", elem_id="run")
        cancel = gr.Button(label("cancel"), elem_id="cancel")
    line = progress_line("so-far")
    slider = gr.ImageSlider(
        label=label("before_after"), type="filepath", image_mode=None, format="png", max_height=640,
        interactive=False, buttons=["fullscreen"], elem_id="result",
    )  # fmt: skip
    status = gr.Markdown(elem_id="status")
    download = gr.DownloadButton(label("download"), interactive=False, elem_id="download")
    loupe = viewer(elem_id="loupe")
    with gr.Accordion(label("elsewhere"), open=False, elem_id="elsewhere"):
        command = code("command", lines=1, elem_id="command")
        python = code("python", lines=4, elem_id="python")

    def upscale_picture(values: Values, request: gr.Request) -> Iterator[tuple]:
        file = values[c.picture]
        try:
            if not file:
                raise user_error(say(request, "no_picture"))
            yield progress_html(STARTED, request), *(gr.skip(),) * 5
            options, output = c.chosen(values)
            began, source = time.monotonic(), Path(file)
            with run_folder() as folder:
                target = folder / result_name(source.name, options, output)
                for event in device.upscale(device.spec(options), source, target, output):
                    yield progress_html(event, request), *(gr.skip(),) * 5
                before, after, is_whole = previews(source, target, folder)
                done = sentence(target, time.monotonic() - began, is_whole, request)
                copied = source.name, target.name, options, replace(output, format=None)  # the name says the format
                lines = command_line(*copied), python_lines(*copied)
                button = gr.DownloadButton(value=str(target), interactive=True)
                yield "", (str(before), str(after)), button, done, *lines
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error

    def close_up(values: Values, request: gr.Request) -> str:
        file, result = values[c.picture], values[download]
        if not file or not result:
            return ""
        try:
            before, after = parts(Path(file), Path(result), values[c.across] / 100, values[c.down] / 100)
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error
        return panes([Pane(say(request, "before"), before), Pane(say(request, "after"), after)], request)

    running = run.click(
        upscale_picture,
        {c.picture, *c.inputs()},
        [line, slider, download, status, command, python],
        **UNQUEUED,
        **HIDDEN,
    )
    show_when_stopped(running, line)
    looked = {c.picture, download, c.across, c.down}
    running.success(close_up, looked, loupe, **HIDDEN)
    gr.on([c.across.input, c.down.input], close_up, looked, loupe, trigger_mode="always_last", **HIDDEN)
    c.picture.select(clicked_place, c.picture, [c.across, c.down], **HIDDEN).then(close_up, looked, loupe, **HIDDEN)
    cancel.click(None, cancels=running, api_visibility="private")
    nothing = gr.update(value=None, interactive=False)
    c.clear("", None, nothing, "", "", "", "", of=[line, slider, download, status, loupe, command, python])
    return download


def sentence(target: Path, seconds: float, is_whole: bool, request: gr.Request | None) -> str:
    """Return the size of a result, how long it took and where."""
    info = inspect(target)
    return say(
        request, "done", width=info.width, height=info.height, seconds=seconds,
        megabytes=target.stat().st_size / 1e6, device=choose_device().type.upper(),
        reduced="" if is_whole else say(request, "reduced"),
    )  # fmt: skip
