"""The left column: the picture, and the options of upscaling it. Every tab takes both from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

import zoo
from caesr.engine.plan import choose_passes
from caesr.files.read import inspect
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.device import Device
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.options_form import component, options_of, page_options
from caesr.page.translations import error_text, label, say

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").glob("*.png"))
Values = Mapping[Any, Any]  # of the components that an event takes
HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
BLENDED = "texture"  # the family whose strength can be chosen


@dataclass(frozen=True)
class Controls:
    """The components of the left column."""

    picture: gr.Image
    across: gr.Slider
    down: gr.Slider
    kind: gr.Dropdown  # which of the sizes counts
    options: dict[str, Any]  # the component of each option, by its name
    example: Any  # the event of an example's choice
    facts: gr.Markdown
    about: gr.Markdown

    def on_new_picture(self, fn: Any, inputs: Any, outputs: Any, **more: Any) -> None:
        """Call a function when the picture is another one, or none: after those that were named before.

        Not by `change`: as of Gradio 6.31, two of them on the way at once set each other off for ever.
        """
        self.picture.input(fn, inputs, outputs, **HIDDEN, **more)
        self.example.then(fn, inputs, outputs, **HIDDEN, **more)

    def clear(self, *values: Any, of: list[Any]) -> None:
        """Give components these values when the picture is another one: at once, or they would wipe out what is new."""
        self.on_new_picture(lambda: values, None, of, queue=False)

    def inputs(self) -> set[Any]:
        """Return the components that `chosen` reads."""
        return {self.kind, *self.options.values()}

    def chosen(self, values: Values) -> tuple[UpscaleOptions, OutputOptions]:
        """Return the options that the visitor chose; of the sizes the one that is shown.

        Raises:
            OptionError: a value cannot be.
        """
        by_name = {name: values[shown] for name, shown in self.options.items()}
        unused = {row.name for row in page_options() if row.exclusive and row.name != values[self.kind]}
        if by_name["model"] != BLENDED:
            unused.add("texture")
        return options_of({name: value for name, value in by_name.items() if name not in unused})


def family_choices() -> list[tuple[Any, str]]:
    """Return the choices of a model: each family, with a word on what it is for."""
    families = dict.fromkeys(zoo.info(name).family for name in zoo.names())
    return [(label(f"family_{name}", name), name) for name in families]


def controls() -> Controls:
    """Lay the column out; `wire` comes when the tabs are there."""
    rows = {row.name: row for row in page_options()}
    sizes = [name for name, row in rows.items() if row.exclusive]
    image = gr.Image(
        label=label("picture"), type="filepath", image_mode=None, sources=["upload", "clipboard", "webcam"],
        height=300, buttons=[], elem_id="picture",
    )  # fmt: skip
    facts_of_picture = gr.Markdown(elem_id="facts")
    files = [[str(example)] for example in EXAMPLES]
    examples = gr.Examples(files, image, label=label("examples"), cache_examples=False)
    start = rows["model"].default
    shown = {"model": gr.Radio(family_choices(), value=start, label=label("model"), elem_id="model")}
    about_model = gr.Markdown(elem_id="about-model")
    shown["texture"] = component(rows["texture"], visible=False)
    with gr.Row():
        kinds = [(label(f"kind_{name}", name), name) for name in sizes]
        kind = gr.Dropdown(kinds, value="scale", label=label("kind"), elem_id="kind", min_width=130)
        shown |= {name: component(rows[name], visible=False, min_width=130) for name in sizes if name != "scale"}
    shown["scale"] = component(rows["scale"])
    with gr.Accordion(label("more"), open=False, elem_id="more"):
        others = {name: row for name, row in rows.items() if name not in shown}
        shown |= {name: component(row, interactive=name != "quality") for name, row in others.items()}  # png has none
    with gr.Accordion(label("look"), open=False, elem_id="look"):
        gr.Markdown(label("look_info"))
        across = gr.Slider(0, 100, 50, step=1, label=label("across"), elem_id="across")
        down = gr.Slider(0, 100, 50, step=1, label=label("down"), elem_id="down")
    return Controls(image, across, down, kind, shown, examples.load_input_event, facts_of_picture, about_model)


def wire(blocks: gr.Blocks, c: Controls, device: Device) -> None:
    """Wire the column itself; of a new picture, after the tabs have let go of the one before."""

    def describe(values: Values, request: gr.Request) -> tuple[str, str]:
        file = values[c.picture]
        try:
            upscale, _ = c.chosen(values)
        except EXPECTED_ERRORS as error:
            return f"⚠️ {error_text(request, error)}", ""
        return facts(file, upscale, device, request), about(upscale, file, device, request)

    show: dict[str, Any] = {"fn": describe, "inputs": {c.picture, *c.inputs()}, "outputs": [c.facts, c.about]}
    model, texture, sizes = c.options["model"], c.options["texture"], size_components(c)
    chosen = [shown.input for name, shown in c.options.items() if name not in ("model", "format", "quality")]
    # One event: of several, the slowest would have the last word, not the latest. `change` also where another tab
    # chooses the model.
    triggers = [blocks.load, c.picture.input, c.kind.input, model.change, *chosen]
    gr.on(triggers, trigger_mode="always_last", **show, **HIDDEN)
    c.example.then(**show, **HIDDEN)
    c.kind.input(
        lambda kind: [gr.update(visible=name == kind) for name in sizes], c.kind, list(sizes.values()), **HIDDEN
    )
    model.change(lambda model: gr.Slider(visible=model == BLENDED), model, texture, **HIDDEN)
    quality = c.options["quality"]
    c.options["format"].input(
        lambda name: gr.Slider(interactive=name in ("jpg", "webp")), c.options["format"], quality, **HIDDEN
    )


def size_components(c: Controls) -> dict[str, Any]:
    """Return the components of the sizes, of which one is shown."""
    return {row.name: c.options[row.name] for row in page_options() if row.exclusive}


def clicked_place(file: str, event: gr.SelectData) -> tuple[int, int]:
    """Return where the picture was clicked, across and down in percent."""
    info, (x, y) = inspect(file), event.index
    across, down = (round(100 * min(1, max(0, at / side))) for at, side in ((x, info.width), (y, info.height)))
    return across, down


def about(upscale: UpscaleOptions, file: str | None, device: Device, request: gr.Request | None) -> str:
    """Return which checkpoints are used, their size and measured PSNR; and what the Hub did not give."""
    try:
        info = inspect(file) if file else None
        spec = device.spec(upscale)
        folders = {
            network.config.scale: folder for network, folder in zip(device.networks(spec), spec.folders, strict=True)
        }
        scale = upscale.scale_for(info.height, info.width) if info else upscale.scale
        route = [folders[native] for native in choose_passes(folders, scale)]
        copies = [name for folder in spec.folders + spec.blended if (name := zoo.fell_back(folder))]
    except EXPECTED_ERRORS as error:
        return f"⚠️ {error_text(request, error)}"
    line = about_route(route, upscale, request)
    return line + "  \n" + say(request, "fell_back", names=", ".join(copies)) if copies else line


def about_route(route: list[Path], upscale: UpscaleOptions, request: gr.Request | None) -> str:
    """Return a line about the checkpoints of the passes."""
    entry, name = zoo.entry_of(route[0]), checkpoint_name(route[0], upscale)
    if len(route) > 1:
        names = " + ".join(checkpoint_name(folder, upscale) for folder in route)
        return say(request, "passes", name=names, passes=len(route))
    if upscale.blends:
        return say(request, "blended", name=name, percent=f"{upscale.texture:g}")
    if not entry:
        return f"`{name}`"
    psnr = entry.figures.get("Set5", {}).get("psnr_y")
    measured = f"{psnr:.2f}" if psnr else "–"
    return say(request, "model_facts", name=name, megabytes=entry.size / 1e6, psnr=measured)


def checkpoint_name(folder: Path, upscale: UpscaleOptions) -> str:
    """Return the name of a checkpoint: the catalogue's, else as it was asked for."""
    entry = zoo.entry_of(folder)
    return entry.name if entry else upscale.model


def facts(file: str | None, upscale: UpscaleOptions, device: Device, request: gr.Request | None) -> str:
    """Return the picture's size and kind, the size of the result, and what it will take."""
    if not file:
        return ""
    try:
        info = inspect(Path(file))
        scale = upscale.scale_for(info.height, info.width)
        plan = device.plan(device.spec(upscale), info, scale)
    except EXPECTED_ERRORS as error:
        return f"⚠️ {error_text(request, error)}"
    lines = [
        say(
            request, "facts", width=info.width, height=info.height, mode=say(request, info.mode),
            depth=info.depth, profile=f", {info.profile}" if info.profile else "",
            out_width=round(info.width * scale), out_height=round(info.height * scale),
        ),
        say(request, "plan", tiles=plan.tiles, memory=size_text(plan.memory), time=time_text(plan.seconds, request)),
    ]  # fmt: skip
    if info.pages > 1:
        lines.append(say(request, "pages", pages=info.pages))
    return "  \n".join(lines)


def size_text(size: float) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def time_text(seconds: float | None, request: gr.Request | None) -> str:
    """Return a time in seconds or minutes."""
    if seconds is None:
        return say(request, "time_unknown")
    if seconds < 60:
        return say(request, "time_seconds", n=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}")
    return say(request, "time_minutes", n=f"{seconds / 60:.0f}")
