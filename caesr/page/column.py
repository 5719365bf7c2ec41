"""What happens in the left column: a new picture is looked at, and every choice is checked, said and remembered."""

from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.files.read import inspect
from caesr.jobs.naming import result_name
from caesr.options import SAME, OutputOptions, UpscaleOptions, command_line, python_lines
from caesr.page.controls import CM_PER_INCH, HIDDEN, PRINT, SCALES, Controls, Values
from caesr.page.device import Device
from caesr.page.drop_zone import Dropped
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.facts import (
    LARGE_PIXELS,
    Outlook,
    about_model,
    outlook,
    picture_line,
    plan_line,
    result_line,
    takes_all,
    time_text,
)
from caesr.page.follow import follow
from caesr.page.models import BLENDED, MORE
from caesr.page.options_form import page_options
from caesr.page.translations import error_text, say

SIZES = [row.name for row in page_options() if row.exclusive]
REMEMBERED = "caesr-settings"  # the key in the browser's storage
STORAGE_KEY = "caesr"  # of its encryption, the same after a restart: nothing in it is secret
QUIET: dict[str, Any] = {"queue": False, **HIDDEN}


def wire(blocks: gr.Blocks, c: Controls, device: Device) -> None:
    """Wire the column."""
    memory = gr.BrowserState({}, storage_key=REMEMBERED, secret=STORAGE_KEY)
    settings, scale = c.settings(), c.options["scale"]
    seen = gr.State(str(None))  # the picture that was described last

    def describe(values: Values, request: gr.Request) -> dict[Any, Any]:
        dropped = c.dropped(values)
        start: dict[Any, Any] = {}  # what a new picture begins with
        if str(dropped) != values[seen]:
            start = {c.confirm: False}
            suggested = suggested_scale(dropped, values[scale])
            if suggested != values[scale]:  # else a scale chosen in the meantime stays
                start[scale] = suggested
            values = {**values, **start}
        chosen = {name: values[shown] for name, shown in settings.items()}
        said: dict[Any, Any] = {c.problem: "", c.facts: "", c.plan: "", c.command: "", c.python: "", memory: chosen}
        can_run, question = False, gr.update(visible=False)
        try:
            said[c.about] = about_model(c.asked(values)[0], dropped, device, request)
            options, output = c.chosen(values)
            if dropped:
                info = inspect(dropped.path)
                said[c.facts] = picture_line(dropped, info, request)
                ahead = outlook(dropped.path, options, output, device)
                said[c.facts] = facts(dropped, ahead, values[c.kind], request)
                said[c.plan] = plan_line(ahead.plan, request)
                said[c.command], said[c.python] = elsewhere(dropped, ahead.options, ahead.output)
                can_run = not ahead.is_very_large or values[c.confirm]
                if ahead.is_very_large:
                    question = gr.update(visible=True, label=confirm_label(ahead, request))
        except EXPECTED_ERRORS as error:
            said[c.problem] = problem(error, dropped, request)
        if start:
            question["value"] = start.pop(c.confirm)
            said |= {seen: str(dropped), **start}
        return {**said, c.run: gr.update(interactive=can_run), c.confirm: question}

    outputs = [c.problem, c.facts, c.about, c.plan, c.command, c.python, c.run, c.confirm, memory, scale, seen]
    # `change`, because buttons, other tabs and the browser's memory choose as well.
    changed = [shown.change for shown in settings.values()]
    triggers = [blocks.load, c.picture.input, c.confirm.input, *changed]
    inputs = {c.picture, c.confirm, seen, *settings.values()}
    follow(triggers, describe, inputs, outputs)

    shown_kind = gr.State("scale")  # the way of choosing the size whose box is shown

    def restore(chosen: dict[str, Any]) -> list[Any]:
        values = [gr.update(value=chosen[name]) if name in chosen else gr.skip() for name in settings]
        return [*values, chosen.get("kind", gr.skip())]

    c.scales.input(None, c.scales, scale, js="scale => scale", **QUIET)
    scale.change(None, scale, c.scales, js=f"scale => {list(SCALES)}.includes(scale) ? scale : null", **QUIET)
    blocks.load(restore, memory, [*settings.values(), shown_kind], **QUIET)
    show_only_what_counts(c, shown_kind)


def show_only_what_counts(c: Controls, shown_kind: gr.State) -> None:
    """Show a component only where it changes something; `shown_kind` is the size whose box is shown."""
    tile, texture, quality = (c.options[name] for name in ("tile", "texture", "quality"))
    follow([c.is_auto_tile.change], lambda auto: gr.update(interactive=not auto), c.is_auto_tile, tile, queue=False)
    model, format = c.options["model"], c.options["format"]
    follow([c.checkpoint.change], lambda name: gr.update(visible=name == BLENDED), c.checkpoint, texture, queue=False)

    def of_model(name: str, checkpoint: str) -> tuple[Any, Any]:
        is_blended = (checkpoint if name == MORE else name) == BLENDED
        return gr.update(visible=name == MORE), gr.update(visible=is_blended)

    follow([model.change], of_model, [model, c.checkpoint], [c.checkpoint, texture], queue=False)

    def of_format(name: str) -> Any:
        return gr.update(interactive=name not in ("png", "tif"))

    follow([format.change], of_format, format, quality, queue=False)
    kinds = [*(name for name in SIZES if name != "scale"), PRINT, PRINT]  # of each of the boxes
    boxes = [*(c.options[name] for name in kinds if name != PRINT), c.print_cm, c.print_dpi]

    def of_kind(values: Values) -> list[Any]:
        kind = values[c.kind]
        shown = [gr.update(visible=name == kind) for name in kinds]
        if kind in kinds and kind != values[shown_kind]:
            size = initial_size(kind, c.dropped(values), values[c.options["scale"]], values[c.print_dpi])
            shown[kinds.index(kind)] |= size
        return [*shown, kind]

    # A box is shown and gets its first value by one answer, once: a second would replace what somebody has typed. Hence
    # not `input`, which Gradio 6.31 says twice where a mouse chooses, nor `select`, which no keyboard brings about.
    inputs = {c.kind, shown_kind, c.picture, c.options["scale"], c.print_dpi}
    follow([c.kind.change], of_kind, inputs, [*boxes, shown_kind], queue=False)


def initial_size(kind: str, dropped: Dropped | None, scale: float, dpi: float | None) -> dict[str, Any]:
    """Return the update of a size's box to what it shows first: the size that the scale gives."""
    try:
        info = inspect(dropped.path) if dropped else None
    except EXPECTED_ERRORS:  # said elsewhere
        info = None
    if info is None:
        return {}
    width, height = round(info.width * scale), round(info.height * scale)
    long_side = max(width, height)
    value: Any = {
        "width": width,
        "height": height,
        "long_side": long_side,
        "megapixels": max(0.01, round(width * height / 1e6, 2)),
        PRINT: round(long_side / (dpi or 300) * CM_PER_INCH, 1),
    }[kind]
    return {"value": value}


def suggested_scale(dropped: Dropped | None, scale: float) -> float:
    """Return the scale for a new picture: ×2 if it is large."""
    try:
        info = inspect(dropped.path) if dropped else None
    except EXPECTED_ERRORS:
        info = None
    is_large = info is not None and info.width * info.height > LARGE_PIXELS
    return min(scale, 2) if is_large else scale


def facts(dropped: Dropped, ahead: Outlook, kind: str, request: gr.Request | None) -> str:
    """Return the lines about a picture and its result."""
    info = ahead.info
    lines = [picture_line(dropped, info, request), result_line(ahead, request)]
    if info.pages > 1 and not takes_all(info, ahead.output):
        lines.append(say(request, "pages", pages=info.pages))
    if info.width * info.height > LARGE_PIXELS and ahead.scale == 2 and kind == "scale":
        lines.append(say(request, "two_suggested"))
    return "".join(f"<p>{line}</p>" for line in lines)


def confirm_label(ahead: Outlook, request: gr.Request | None) -> str:
    """Return the question about a very large result."""
    megapixels = ahead.size[0] * ahead.size[1] / 1e6
    return say(request, "confirm_large", megapixels=f"{megapixels:.0f}", time=time_text(ahead.plan.seconds, request))


def elsewhere(dropped: Dropped, options: UpscaleOptions, output: OutputOptions) -> tuple[str, str]:
    """Return the command and the Python that give the same file."""
    source = Path(dropped.name).name
    target = Path(result_name(source, options, output)).name
    copied = source, target, options, replace(output, format=SAME)  # the name says the format
    return command_line(*copied), python_lines(*copied)


def problem(error: Exception, dropped: Dropped | None, request: gr.Request | None) -> str:
    """Return why something cannot be done, in a line without this server's folders."""
    text = error_text(request, error)
    if dropped:
        for path, name in ((str(dropped.path), dropped.name), (dropped.path.name, Path(dropped.name).name)):
            text = text.replace(path, name)
    return f'<p role="alert">{escape(text)}</p>'
