"""The left column: the picture, and how it is upscaled. The tabs take both from here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.files.picture import ImageInfo
from caesr.options import MAX_SCALE, MIN_SCALE, OptionError, OutputOptions, UpscaleOptions
from caesr.page.drop_zone import Dropped, drop_zone, dropped_files
from caesr.page.errors import user_error
from caesr.page.models import AUTO_MODEL, BLENDED, MORE, all_choices, resolve, simple_choices
from caesr.page.options_form import component, options_of, page_options
from caesr.page.translations import label
from caesr.page.viewer import code

EXAMPLES_FOLDER = Path(__file__).parent.parent.parent / "examples"
EXAMPLE_NAMES = ("page/coffee.jpg", "page/scan.png", "page/logo.png", "cat.png")
EXAMPLES = [EXAMPLES_FOLDER / name for name in EXAMPLE_NAMES if (EXAMPLES_FOLDER / name).is_file()]
Values = Mapping[Any, Any]  # of the components that an event takes
HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
SCALES = (2, 3, 4, 8)  # with a button each
TILE = 256  # of the slider, when the tile is not chosen for the machine
PRINT = "print"  # the size that is given as a length on paper
CM_PER_INCH = 2.54


@dataclass(frozen=True)
class Controls:
    """The components of the left column, and the format of the result, which stands beside its download."""

    picture: gr.HTML
    problem: gr.HTML
    facts: gr.HTML
    scales: gr.Radio
    is_auto_tile: gr.Checkbox
    checkpoint: gr.Dropdown  # counts where the model is "more"
    about: gr.HTML
    confirm: gr.Checkbox
    run: gr.Button
    kind: gr.Dropdown  # which of the sizes counts
    print_cm: gr.Number
    print_dpi: gr.Number
    plan: gr.HTML
    command: gr.Textbox
    python: gr.Textbox
    options: dict[str, Any]  # the component of each option, by its name

    def inputs(self) -> set[Any]:
        """Return the components that `chosen` reads."""
        return set(self.settings().values())

    def settings(self) -> dict[str, Any]:
        """Return the components that a browser remembers, by name."""
        others = ("is_auto_tile", "checkpoint", "kind", "print_cm", "print_dpi")
        return self.options | {name: getattr(self, name) for name in others}

    def dropped(self, values: Values) -> Dropped | None:
        """Return the picture, if there is one.

        Raises:
            gr.Error: it is not there any more.
        """
        try:
            return next(iter(dropped_files(values[self.picture], EXAMPLES)), None)
        except ValueError as error:
            raise user_error(error) from error

    def chosen(self, values: Values) -> tuple[UpscaleOptions, OutputOptions]:
        """Return the options that the visitor chose, with what Auto chooses for the picture, if `values` has one.

        Raises:
            OptionError: a value cannot be.
            PictureError: the picture cannot be read.
        """
        options, output = self.asked(values)
        dropped = self.dropped(values) if self.picture in values else None
        return resolve(options, dropped.path if dropped else None), output

    def asked(self, values: Values) -> tuple[UpscaleOptions, OutputOptions]:
        """Return the options as the visitor chose them: the model may be "auto". Of the sizes the one shown counts.

        Raises:
            OptionError: a value cannot be.
        """
        by_name = {name: values[shown] for name, shown in self.options.items()}
        by_name["model"] = values[self.checkpoint] if by_name["model"] == MORE else by_name["model"]
        by_name["tile"] = 0 if values[self.is_auto_tile] else by_name["tile"]
        kind, size = values[self.kind], None
        if kind == PRINT:
            kind, size = "long_side", round((values[self.print_cm] or 0) / CM_PER_INCH * (values[self.print_dpi] or 0))
        elif kind != "scale":
            size = by_name[kind]
        if not size or size <= 0:  # an empty box means the scale
            kind, size = "scale", by_name["scale"]
        sizes = {row.name: None for row in page_options() if row.exclusive}
        given = by_name | sizes | {kind: size if kind in ("scale", "megapixels") else round(size)}
        if given["model"] != BLENDED:
            given["texture"] = None
        return options_of({name: value for name, value in given.items() if name != "scale" or value is not None})


def clamp_size(options: UpscaleOptions, info: ImageInfo) -> UpscaleOptions:
    """Return options whose size can be had: one that is out of bounds becomes the nearest scale."""
    try:
        options.scale_for(info.height, info.width)
    except OptionError:
        sizes: dict[str, Any] = {row.name: None for row in page_options() if row.exclusive and row.name != "scale"}
        return replace(options, **sizes, scale=MAX_SCALE if is_larger(options, info) else MIN_SCALE)
    return options


def is_larger(options: UpscaleOptions, info: ImageInfo) -> bool:
    """Return whether the size that is asked for is larger than the picture."""
    pairs = (
        (options.width, info.width),
        (options.height, info.height),
        (options.long_side, max(info.width, info.height)),
        (options.megapixels, info.width * info.height / 1e6),
    )
    return any(asked is not None and asked > has for asked, has in pairs)


def controls() -> Controls:
    """Lay the column out; `wire` comes when the tabs are there."""
    rows = {row.name: row for row in page_options()}
    with gr.Column(elem_id="source", min_width=0):
        picture = drop_zone(examples=EXAMPLES, elem_id="picture")
        problem, facts = gr.HTML(elem_id="problem"), gr.HTML(elem_id="facts")
    confirm = gr.Checkbox(False, label=label("confirm"), elem_id="confirm", visible=False)
    run = gr.Button(label("run"), variant="primary", elem_id="run", interactive=False)  # shown below the settings
    shown: dict[str, Any] = {}
    with gr.Column(elem_id="settings", min_width=0):
        with gr.Row(elem_id="scale-row"):
            scale_choices = [(f"×{scale}", scale) for scale in SCALES]
            scales = gr.Radio(scale_choices, value=4, label=label("scale"), elem_id="scales", elem_classes="segments")
            shown["scale"] = component(rows["scale"], label=label("scale_slider"))
        with gr.Row(elem_id="tile-row"):
            is_auto_tile = gr.Checkbox(True, label=label("tile_auto"), elem_id="tile-auto")
            shown["tile"] = component(rows["tile"], value=TILE, interactive=False)
        shown["model"] = gr.Radio(
            simple_choices(), value=AUTO_MODEL, label=label("model"), elem_id="model", elem_classes="segments"
        )
        networks = all_choices()
        checkpoint = gr.Dropdown(
            networks, value=networks[0][1], label=label("all_models"), elem_id="checkpoint", visible=False
        )
        about = gr.HTML(elem_id="about-model")
    with gr.Accordion(label("advanced"), open=False, elem_id="advanced"):
        shown["texture"] = component(rows["texture"], visible=False)
        shown["true_to_input"], shown["ensemble"] = component(rows["true_to_input"]), component(rows["ensemble"])
        kinds = [name for name, row in rows.items() if row.exclusive]
        choices = [(label(f"kind_{name}", name), name) for name in [*kinds, PRINT]]
        with gr.Row(elem_classes="pair"):
            kind = gr.Dropdown(choices, value="scale", label=label("kind"), elem_id="kind", min_width=0)
            for name in kinds:
                shown[name] = shown.get(name) or component(rows[name], visible=False, min_width=0)
            print_cm = gr.Number(None, label=label("print_cm"), elem_id="print-cm", visible=False, min_width=0)
            print_dpi = gr.Number(300, label=label("print_dpi"), elem_id="print-dpi", visible=False, min_width=0)
        for name, row in rows.items():
            if name not in shown:
                shown[name] = component(row, render=name not in ("format", "quality"))
        plan = gr.HTML(elem_id="plan")
        command, python = code("command", lines=1, elem_id="command"), code("python", lines=4, elem_id="python")
    return Controls(
        picture, problem, facts, scales, is_auto_tile, checkpoint, about, confirm, run, kind, print_cm, print_dpi,
        plan, command, python, shown,
    )  # fmt: skip
