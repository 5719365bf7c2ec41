"""The tab Enlarge: one picture larger, before and after, a close look at both, the file, and the same elsewhere."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from caesr.engine.device import choose_device
from caesr.files.read import inspect
from caesr.page import device
from caesr.page.controls import HIDDEN, Controls, Values, look
from caesr.page.errors import PROBLEMS, sorry
from caesr.page.preview import parts, previews
from caesr.page.progress import line, stopped, told
from caesr.page.settings import Settings
from caesr.page.translations import label, say
from caesr.page.viewer import Pane, code, panes, viewer


@dataclass(frozen=True)
class Done:
    """What a run leaves: files in a folder of its own, which lives until the next step of the run is asked for."""

    before: Path
    after: Path
    result: Path
    status: str


def tab(c: Controls) -> gr.DownloadButton:
    """Lay the tab out; the button holds the result, which other tabs look into."""
    with gr.Row():
        run = gr.Button(label("run"), variant="primary", elem_id="run")
        cancel = gr.Button(label("cancel"), elem_id="cancel")
    so_far = line("so-far")
    slider = gr.ImageSlider(
        label=label("before_after"), type="filepath", image_mode=None, format="png", max_height=640,
        interactive=False, buttons=["fullscreen"], elem_id="result",
    )  # fmt: skip
    status = gr.Markdown(elem_id="status")
    download = gr.DownloadButton(label("download"), interactive=False, elem_id="download")
    loupe = viewer(elem_id="loupe")
    with gr.Accordion(label("elsewhere"), open=False, elem_id="elsewhere"):
        command = code("command", lines=1, elem_id="command")
        python = code("python", lines=9, elem_id="python")

    def enlarge_(values: Values, request: gr.Request) -> Iterator[tuple]:
        file, settings = values[c.picture], c.settings(values)
        for step in work(file, settings, request):
            if not isinstance(step, Done):
                yield told(step, request), *(gr.skip(),) * 5
                continue
            button = gr.DownloadButton(value=str(step.result), interactive=True)
            lines = settings.command(Path(file)), settings.python(Path(file))
            yield "", (str(step.before), str(step.after)), button, step.status, *lines

    def close_up(values: Values, request: gr.Request) -> str:
        file, result = values[c.picture], values[download]
        if not file or not result:
            return ""
        try:
            one, other = parts(Path(file), Path(result), values[c.across] / 100, values[c.down] / 100)
        except PROBLEMS as error:
            raise sorry(error, request) from error
        return panes([Pane(say(request, "before"), one), Pane(say(request, "after"), other)], request)

    running = run.click(
        enlarge_, {c.picture, *c.chosen()}, [so_far, slider, download, status, command, python],
        **device.TURNS, **HIDDEN,
    )  # fmt: skip
    stopped(running, so_far)
    looked = {c.picture, download, c.across, c.down}
    running.success(close_up, looked, loupe, **HIDDEN)
    gr.on([c.across.input, c.down.input], close_up, looked, loupe, trigger_mode="always_last", **HIDDEN)
    c.picture.select(look, c.picture, [c.across, c.down], **HIDDEN).then(close_up, looked, loupe, **HIDDEN)
    cancel.click(None, cancels=running, api_visibility="private")
    nothing = gr.update(value=None, interactive=False)
    c.clear("", None, nothing, "", "", "", "", of=[so_far, slider, download, status, loupe, command, python])
    return download


def work(
    file: str | None, settings: Settings, request: gr.Request | None
) -> Iterator[device.Progress | device.Waiting | Done]:
    """Enlarge: yields how far it has come, at last what there is to see."""
    if not file:
        raise sorry(say(request, "no_picture"))
    yield device.BEGUN
    began, source = time.monotonic(), Path(file)
    folder = Path(tempfile.mkdtemp(prefix="caesr-"))  # this run's own, mode 0700
    try:
        target = folder / settings.name(source)
        yield from device.enlarge(settings.how(), source, target, settings.wish)
        seconds, found = time.monotonic() - began, inspect(target)
        before, after, whole = previews(source, target, folder)
        status = say(
            request, "done", width=found.width, height=found.height, seconds=seconds,
            megabytes=target.stat().st_size / 1e6, device=choose_device().type.upper(),
            reduced="" if whole else say(request, "reduced"),
        )  # fmt: skip
        yield Done(before, after, target, status)
    except PROBLEMS as error:
        raise sorry(error, request) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # gradio keeps its own copy of what was yielded
