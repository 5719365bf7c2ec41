"""The tab Compare: a part of the picture by several networks, timed; measured if there is a ground truth."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from caesr.engine.progress import Steps
from caesr.evaluation.compare import Comparison
from caesr.imaging.invention import contradiction, heat_map
from caesr.page.comparison import INTERPOLATIONS, Task, compare_method, prepare
from caesr.page.controls import HIDDEN, Controls, Values, family_choices
from caesr.page.device import STARTED, Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.preview import encode_png
from caesr.page.progress import progress_html, progress_line, show_when_stopped
from caesr.page.queue import UNQUEUED
from caesr.page.translations import label, say
from caesr.page.viewer import Pane, panes, table, viewer

SIDES = (64, 128, 192, 256)  # of the part, in pixels of the picture
FIGURES = {"psnr_y": "PSNR, dB", "ssim_y": "SSIM", "lpips": "LPIPS", "dists": "DISTS"}


def tab(c: Controls, device: Device) -> gr.CheckboxGroup:
    """Lay the tab out; the boxes are what can be compared, to which the tab Zoo adds."""
    gr.Markdown(label("compare_info"))
    families = family_choices()
    chosen = ["bicubic", *(name for _, name in families[:2])]
    models = gr.CheckboxGroup(method_choices(families), value=chosen, label=label("models"), elem_id="models")
    with gr.Row():
        side = gr.Radio(list(SIDES), value=128, label=label("side"), elem_id="side")
        types = ["image", ".tif", ".tiff"]
        truth = gr.File(label=label("truth"), file_types=types, height=110, elem_id="truth", type="filepath")
    with gr.Row():
        run = gr.Button(label("compare"), variant="primary", elem_id="compare")
        stop = gr.Button(label("cancel"))
    line = progress_line("compared-so-far")
    figures = gr.HTML(elem_id="figures")
    view = viewer(elem_id="compared")

    def compare_networks(values: Values, request: gr.Request) -> Iterator[tuple]:
        middle = values[c.across] / 100, values[c.down] / 100
        try:
            options, _ = c.chosen(values)
            task = prepare(values[c.picture], values[truth], options, middle, values[side], request)
            if not values[models]:
                raise ValueError(say(request, "no_model"))
            yield progress_html(STARTED, request), gr.skip(), gr.skip()
            found: list[Comparison] = []
            for name in values[models]:
                steps = Steps(compare_method(device, task, name, options))
                for event in steps:
                    yield progress_html(event, request, f"{name} · "), gr.skip(), gr.skip()
                found.append(steps.result)
                yield gr.skip(), tabulated(task, found, request), panes(pictures(task, found, request), request)
            yield "", gr.skip(), gr.skip()
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error

    inputs = {c.picture, c.across, c.down, *c.inputs(), models, side, truth}
    running = run.click(compare_networks, inputs, [line, figures, view], **UNQUEUED, **HIDDEN)
    show_when_stopped(running, line)
    stop.click(None, cancels=running, api_visibility="private")
    return models


def method_choices(networks: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Return what can be compared: the interpolations, and these networks."""
    return [*((name.capitalize(), name) for name in INTERPOLATIONS), *networks]


def tabulated(task: Task, found: list[Comparison], request: gr.Request | None) -> str:
    """Return a table of milliseconds and figures, a row a method."""
    known = [name for name in FIGURES if found[0].figures.get(name) is not None]
    head = [say(request, "way"), "ms", say(request, "consistency"), *(FIGURES[name] for name in known)]
    rows = []
    for one in found:
        _, agreement = contradiction(one.picture, task.source)
        figures = [f"{one.figures[name]:.2f}" if name == "psnr_y" else f"{one.figures[name]:.4f}" for name in known]
        rows.append([one.name, f"{one.milliseconds:.0f}", f"{agreement:.1f}", *figures])
    caption = say(request, "compare_caption", width=task.source.shape[1], height=task.source.shape[0])
    if task.truth is not None and "lpips" not in known:
        caption += " " + say(request, "no_features")
    return table(head, rows, caption)


def pictures(task: Task, found: list[Comparison], request: gr.Request | None) -> list[Pane]:
    """Return each result; with a ground truth that, too, and where each result differs from it."""
    shown = [Pane(one.name, encode_png(one.picture), f"{one.milliseconds:.0f} ms") for one in found]
    if task.truth is None:
        return shown
    shown.append(Pane(say(request, "truth_short"), encode_png(task.truth)))
    for one in found:
        assert one.error is not None
        title = say(request, "error_of", name=one.name)
        shown.append(Pane(title, encode_png(heat_map(one.picture, one.error))))
    return shown
