"""The tab Compare: a part of the picture by several models, side by side; measured if there is a ground truth."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import gradio as gr

from caesr.engine.auto_model import FAITHFUL, RESTORING
from caesr.evaluation.compare import Comparison
from caesr.files.read import inspect
from caesr.imaging.invention import contradiction, heat_map
from caesr.page.column import problem
from caesr.page.comparison import INTERPOLATIONS, Task, compare_methods, prepare
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.device import Device
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.follow import follow
from caesr.page.gpu_calls import STARTED
from caesr.page.models import BLENDED, MORE, SIMPLE, compared_choices, family_of
from caesr.page.part_picker import middle_of, part_picker, picture_part
from caesr.page.preview import browser_view, encode_png
from caesr.page.progress import progress_html, progress_line
from caesr.page.queue import UNQUEUED
from caesr.page.runs import Runs
from caesr.page.translations import label, say
from caesr.page.viewer import Pane, panes, table, viewer

SIDES = (64, 128, 192, 256)  # of the part, in pixels of the picture
CHOSEN = ("bicubic", RESTORING, FAITHFUL, BLENDED)
FIGURES = {"psnr_y": "PSNR, dB", "ssim_y": "SSIM", "lpips": "LPIPS", "dists": "DISTS"}


def tab(c: Controls, tabs: gr.Tabs, device: Device) -> gr.CheckboxGroup:
    """Lay the tab out; the boxes are what can be compared, to which the tab Models adds."""
    with gr.Row(elem_id="compare-what"):
        with gr.Column(min_width=0, elem_id="compare-part"):
            part = part_picker(elem_id="part")
        with gr.Column(min_width=0):
            gr.Markdown(label("compare_info"))
            side = gr.Radio(list(SIDES), value=128, label=label("side"), elem_id="side", elem_classes="segments")
            models = gr.CheckboxGroup(
                method_choices(compared_choices()), value=list(CHOSEN), label=label("models"), elem_id="models"
            )
    run = gr.Button(label("compare"), variant="primary", elem_id="compare")
    line = progress_line("compared-so-far")
    view = viewer(elem_id="compared")
    with gr.Accordion(label("measure"), open=False, elem_id="measure"):
        gr.Markdown(label("measure_info"))
        types = ["image", ".tif", ".tiff"]
        truth = gr.File(label=label("truth"), file_types=types, height=150, elem_id="truth", type="filepath")
        figures, maps = gr.HTML(elem_id="figures"), viewer(elem_id="maps")
    runs = Runs()

    def compare_models(values: Values, request: gr.Request) -> Iterator[dict[Any, Any]]:
        with runs.begin(request.session_hash or "") as begun:
            if not begun:
                yield {figures: gr.skip()}
                return
            yield {run: gr.update(value=say(request, "cancel"), variant="stop"), line: progress_html(STARTED, request)}
            end, dropped = gr.update(value=say(request, "compare"), variant="primary"), c.dropped(values)
            try:
                options, _ = c.chosen(values)
                file = str(dropped.path) if dropped else None
                task = prepare(file, values[truth], options, middle_of(values[part]), values[side], request)
                if not values[models]:
                    raise ValueError(say(request, "no_model"))
                found: list[Comparison] = []
                with closing(compare_methods(device, task, values[models], options)) as events:
                    for name, event in events:
                        if runs.is_stopping(request.session_hash or ""):
                            yield {run: end, line: f"<span>{say(request, 'stopped')}</span>"}
                            return
                        if isinstance(event, Comparison):
                            found.append(event)
                            shown = panes(results(found, request), request)
                            yield {view: shown, figures: tabulated(task, found, request)}
                        else:
                            yield {line: progress_html(event, request, f"{method_name(name, request)} · ")}
                yield {run: end, line: "", maps: panes(error_maps(task, found, request), request)}
            except EXPECTED_ERRORS as error:
                yield {run: end, line: problem(error, dropped, request)}

    def show_part(values: Values) -> Any:
        dropped = c.dropped(values)
        try:
            if not dropped:
                return None
            return picture_part(
                browser_view(dropped.path), inspect(dropped.path), values[side], middle_of(values[part])
            )
        except EXPECTED_ERRORS:  # said below the picture
            return None

    def use(request: gr.Request, event: gr.EventData) -> tuple[Any, Any, Any]:
        name = str(event.model)
        model = (name, gr.skip()) if name in SIMPLE else (MORE, name)
        return *model, gr.Tabs(selected="upscale")

    inputs = {c.picture, *c.inputs(), part, models, side, truth}
    run.click(compare_models, inputs, [run, line, figures, view, maps], trigger_mode="multiple", **UNQUEUED, **HIDDEN)
    follow([c.picture.input, side.input], show_part, {c.picture, side, part}, part)
    follow([c.picture.input], lambda: ("", "", "", ""), None, [line, figures, view, maps], queue=False)
    view.use(use, None, [c.options["model"], c.checkpoint, tabs], queue=False, **HIDDEN)
    return models


def method_choices(networks: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Return what can be compared: the interpolations, and these networks."""
    return [*((label(f"method_{name}"), name) for name in INTERPOLATIONS), *networks]


def method_name(name: str, request: gr.Request | None) -> str:
    """Return a method's name as the page's buttons have it."""
    return say(request, f"name_{name}") if name in INTERPOLATIONS or name == family_of(name) else name


def tabulated(task: Task, found: list[Comparison], request: gr.Request | None) -> str:
    """Return a table of milliseconds and figures, a row a method."""
    known = [name for name in FIGURES if found[0].figures.get(name) is not None]
    head = [say(request, "way"), "ms", say(request, "consistency"), *(FIGURES[name] for name in known)]
    rows = []
    for one in found:
        _, agreement = contradiction(one.picture, task.source)
        figures = [f"{one.figures[name]:.2f}" if name == "psnr_y" else f"{one.figures[name]:.4f}" for name in known]
        rows.append([method_name(one.name, request), f"{one.milliseconds:.0f}", f"{agreement:.1f}", *figures])
    caption = say(request, "compare_caption", width=task.source.shape[1], height=task.source.shape[0])
    if task.truth is not None and "lpips" not in known:
        caption += " " + say(request, "no_features")
    return table(head, rows, caption)


def results(found: list[Comparison], request: gr.Request | None) -> list[Pane]:
    """Return each result, with its time, and the model for those who want it."""
    return [
        Pane(
            method_name(one.name, request), encode_png(one.picture), f"{one.milliseconds / 1e3:.2f} s",
            use="" if one.name in INTERPOLATIONS else one.name,
        )
        for one in found
    ]  # fmt: skip


def error_maps(task: Task, found: list[Comparison], request: gr.Request | None) -> list[Pane]:
    """Return the ground truth, and where each result differs from it; nothing without one."""
    if task.truth is None:
        return []
    maps = [Pane(say(request, "truth_short"), encode_png(task.truth))]
    for one in found:
        assert one.error is not None
        name = say(request, "error_of", name=method_name(one.name, request))
        maps.append(Pane(name, encode_png(heat_map(one.picture, one.error))))
    return maps
