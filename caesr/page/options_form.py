"""The tables of options as Gradio components and as the signature of an API function."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from caesr.options import SAME, Option, OutputOptions, UpscaleOptions, option_table
from caesr.page.translations import label

MAX_TILE = 2048  # of the slider, in pixels of the picture
FORMAT_LABELS = {"jpg": "JPEG", "png": "PNG", "webp": "WebP", "tif": "TIFF", "avif": "AVIF", "jxl": "JPEG XL"}


def take_nearest(slider: gr.Slider, value: float | None) -> float:
    """Return a slider's value within its bounds; Gradio's own shows an error while a number is being typed."""
    return min(slider.maximum, max(slider.minimum, slider.minimum if value is None else value))


# Of the class: Gradio makes a slider anew when it is updated, and would write a file beside the module of a subclass.
gr.Slider.preprocess = take_nearest


def page_options() -> list[Option]:
    """Return the options that a visitor chooses."""
    return [row for table in (UpscaleOptions, OutputOptions) for row in option_table(table) if row.on_page]


def options_of(values: Mapping[str, Any]) -> tuple[UpscaleOptions, OutputOptions]:
    """Return the options of values by name.

    Raises:
        OptionError: a value cannot be.
    """
    outputs = {row.name for row in option_table(OutputOptions)}
    upscale = {name: value for name, value in values.items() if name not in outputs}
    output = {name: value for name, value in values.items() if name in outputs}
    return UpscaleOptions(**upscale), OutputOptions(**output)


def component(row: Option, **more: Any) -> Any:
    """Return the component of an option: its label and help are translated where the page has them."""
    texts = {"label": label(row.name, row.words), "info": label(f"{row.name}_info", ""), "elem_id": row.name}
    shown = {name: text for name, text in texts.items() if text} | more
    start = shown.pop("value", initial_value(row))
    if row.kind is bool:
        return gr.Checkbox(start, **shown)
    if row.name == "format":
        choices = [(label("format_same") if one == SAME else FORMAT_LABELS[one], one) for one in row.choices]
        return gr.Dropdown(choices, value=start, min_width=0, elem_classes="format", **shown)
    if row.choices:
        choices = [(label(f"{row.name}_{choice.replace(' ', '_')}", choice), choice) for choice in row.choices]
        return gr.Radio(choices, value=start, **shown)
    if row.kind is str:
        return gr.Textbox(start, **shown)
    if row.allows_auto:
        return gr.Slider(row.least, MAX_TILE, start or row.least, step=row.least, **shown)
    if row.most < math.inf:
        start = row.most if start is None else start
        step = 1 if row.kind is int else 0.05
        return gr.Slider(row.least, row.most, start, step=step, **shown)
    return gr.Number(start, **shown)


def api_component(row: Option) -> Any:
    """Return the hidden component that carries an option of a call: it begins with the option's own default."""
    start = initial_value(row)
    if row.kind is bool:
        return gr.Checkbox(start)
    if row.choices:
        return gr.Dropdown(list(row.choices), value=start)
    return gr.Textbox(start) if row.kind is str else gr.Number(start)


def initial_value(row: Option) -> Any:
    """Return what a component shows first: the default, or where there is none a value that means as much."""
    if row.allows_auto:
        return 0
    if row.default is None and row.choices:
        return row.choices[0]
    return row.default


def api_signature(function: Callable[..., Any], file_words: str, returns: str) -> Callable[..., Any]:
    """Give a function `f(file, *values)` the signature and the docstring of the table, which Gradio and MCP read."""
    rows = page_options()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("file", kind, annotation=str)]
    parameters += [
        inspect.Parameter(row.name, kind, default=initial_value(row), annotation=annotation(row)) for row in rows
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    lines = [f"    file: {file_words}"]
    for row in rows:
        auto = f"; from {row.least:g} up, 0 to have it chosen" if row.allows_auto else ""
        lines.append(f"    {row.name}: {row.help}{auto}.")
    arguments = "\n".join(lines)
    function.__doc__ = f"{function.__doc__}\n\nArgs:\n{arguments}\nReturns:\n    {returns}\n"
    return function


def annotation(row: Option) -> Any:
    """Return the type of an option's value in a call."""
    kind = float if row.allows_auto else row.kind
    return kind | None if row.default is None and not row.choices else kind
