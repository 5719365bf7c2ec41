"""The left column: the picture, and how it is enlarged. Every tab takes both from here."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import gradio as gr

import zoo
from caesr.engine.plan import LARGEST_SCALE, SMALLEST_TILE, passes
from caesr.files.picture import MODES
from caesr.files.read import inspect
from caesr.jobs.target import KINDS
from caesr.page import device
from caesr.page.errors import PROBLEMS
from caesr.page.settings import DIAL, FORMATS, KEPT, Settings
from caesr.page.translations import label, reason, say

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").glob("*.png"))
Values = Mapping[Any, Any]  # of the components that an event takes
SHAPING = ("kind", "scale", "size", "texture", "auto", "tile", "ensemble", "true_to_input")  # change what is told
HIDDEN: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Controls:
    """The components; those of the settings have the names of `Settings`."""

    picture: gr.Image
    across: gr.Slider
    down: gr.Slider
    model: gr.Radio
    kind: gr.Dropdown
    scale: gr.Slider
    size: gr.Number
    texture: gr.Slider
    auto: gr.Checkbox
    tile: gr.Slider
    ensemble: gr.Checkbox
    true_to_input: gr.Checkbox
    format: gr.Radio
    quality: gr.Slider
    metadata: gr.Radio
    example: Any  # the event of an example's choice
    facts: gr.Markdown
    about: gr.Markdown

    def when_new(self, fn: Any, inputs: Any, outputs: Any, **how: Any) -> None:
        """Call a function when the picture is another one, or none: after those that were named before.

        Not by `change`: as of Gradio 6.31, two of them on the way at once set each other off for ever.
        """
        self.picture.input(fn, inputs, outputs, **HIDDEN, **how)
        self.example.then(fn, inputs, outputs, **HIDDEN, **how)

    def clear(self, *values: Any, of: list[Any]) -> None:
        """Give components these values when the picture is another one: at once, or they would wipe out what is new."""
        self.when_new(lambda: values, None, of, queue=False)

    def chosen(self) -> set[Any]:
        """The components of the settings: what an event takes to know them."""
        return {getattr(self, field.name) for field in fields(Settings)}

    def settings(self, values: Values) -> Settings:
        """What the visitor chose."""
        return Settings(**{field.name: values[getattr(self, field.name)] for field in fields(Settings)})


def families() -> list[tuple[Any, str]]:
    """The choices of a model: a family each, in a word on what it is for."""
    return [(label(f"family_{name}"), name) for name in dict.fromkeys(zoo.info(name).family for name in zoo.names())]


def controls() -> Controls:
    """Lay the column out; `wire` comes when the tabs are there."""
    start = Settings()
    image = gr.Image(
        label=label("picture"), type="filepath", image_mode=None, sources=["upload", "clipboard", "webcam"],
        height=300, buttons=[], elem_id="picture",
    )  # fmt: skip
    facts_of_picture = gr.Markdown(elem_id="facts")
    files = [[str(example)] for example in EXAMPLES]
    examples = gr.Examples(files, image, label=label("examples"), cache_examples=False)
    model = gr.Radio(families(), value=start.model, label=label("model"), elem_id="model")
    about_model = gr.Markdown(elem_id="about-model")
    texture = gr.Slider(
        0, 100, 100, step=1, label=label("texture"), info=label("texture_info"), elem_id="texture", visible=False
    )
    with gr.Row():
        kinds = [(label(f"kind_{kind.replace(' ', '_')}"), kind) for kind in KINDS]
        kind = gr.Dropdown(kinds, value=start.kind, label=label("kind"), elem_id="kind", min_width=130)
        size = gr.Number(start.size, label=label("size"), minimum=0, elem_id="size", visible=False, min_width=130)
    scale = gr.Slider(1, LARGEST_SCALE, start.scale, step=0.05, label=label("scale"), elem_id="scale")
    with gr.Accordion(label("more"), open=False, elem_id="more"):
        auto = gr.Checkbox(start.auto, label=label("auto"), elem_id="auto")
        tile = gr.Slider(
            SMALLEST_TILE, 2048, start.tile, step=32, label=label("tile"), info=label("tile_info"), elem_id="tile",
            interactive=False,
        )  # fmt: skip
        ensemble = gr.Checkbox(label=label("ensemble"), info=label("ensemble_info"), elem_id="ensemble")
        true = gr.Checkbox(label=label("true"), info=label("true_info"), elem_id="true")
        format = gr.Radio(
            [(name.upper(), name) for name in FORMATS], value=start.format, label=label("format"), elem_id="format"
        )
        quality = gr.Slider(
            1, 100, start.quality, step=1, label=label("quality"), info=label("quality_info"), elem_id="quality",
            interactive=False,
        )  # fmt: skip
        kept = [(label(f"metadata_{kind.replace(' ', '_')}"), kind) for kind in KEPT]
        metadata = gr.Radio(kept, value=start.metadata, label=label("metadata"), elem_id="metadata")
    with gr.Accordion(label("look"), open=False, elem_id="look"):
        gr.Markdown(label("look_info"))
        across = gr.Slider(0, 100, 50, step=1, label=label("across"), elem_id="across")
        down = gr.Slider(0, 100, 50, step=1, label=label("down"), elem_id="down")
    return Controls(
        image, across, down, model, kind, scale, size, texture, auto, tile, ensemble, true, format, quality, metadata,
        examples.load_input_event, facts_of_picture, about_model,
    )  # fmt: skip


def wire(blocks: gr.Blocks, c: Controls) -> None:
    """What follows from what in the column itself; of a new picture, after the tabs have let go of the one before."""

    def about(values: Values, request: gr.Request) -> tuple[str, str]:
        settings, file = c.settings(values), values[c.picture]
        return facts(file, settings, request), describe(settings, file, request)

    told = [getattr(c, name).input for name in SHAPING]
    how: dict[str, Any] = {"fn": about, "inputs": {c.picture, *c.chosen()}, "outputs": [c.facts, c.about]}
    gr.on([blocks.load, *told], trigger_mode="always_last", **how, **HIDDEN)
    c.model.change(**how, **HIDDEN)  # also where another tab chooses it
    c.when_new(**how)
    c.kind.input(
        lambda kind: (gr.Slider(visible=kind == "scale"), gr.Number(visible=kind != "scale")),
        c.kind, [c.scale, c.size], **HIDDEN,
    )  # fmt: skip
    c.model.change(lambda model: gr.Slider(visible=model == DIAL), c.model, c.texture, **HIDDEN)
    c.auto.input(lambda on: gr.Slider(interactive=not on), c.auto, c.tile, **HIDDEN)
    c.format.input(lambda name: gr.Slider(interactive=name in ("jpg", "webp")), c.format, c.quality, **HIDDEN)


def look(file: str, event: gr.SelectData) -> tuple[int, int]:
    """Where the picture was clicked, in percent."""
    found, (x, y) = inspect(file), event.index
    return tuple(round(100 * min(1, max(0, at / side))) for at, side in ((x, found.width), (y, found.height)))


def describe(settings: Settings, file: str | None, request: gr.Request | None) -> str:
    """Which checkpoints the choice takes, their size and measured PSNR; what the Hub did not give."""
    try:
        found = inspect(file) if file else None
        height, width = (found.height, found.width) if found else (1000, 1000)  # any, while there is none
        how = settings.how()
        networks = {network.config.scale: folder for network, folder in zip(how.networks(), how.folders, strict=True)}
        route = [networks[native] for native in passes(networks, settings.target.scale(height, width))]
        copies = [name for folder in how.folders + how.blended if (name := zoo.fell_back(folder))]
    except PROBLEMS as error:
        return f"⚠️ {reason(request, error)}"
    entry = zoo.entry_of(route[0])
    if len(route) > 1:
        names = " + ".join(name_of(folder, settings) for folder in route)
        line = say(request, "passes", name=names, passes=len(route))
    elif settings.dialled:
        line = say(request, "blended", name=name_of(route[0], settings), percent=f"{settings.texture:g}")
    elif entry:
        psnr = entry.figures.get("Set5", {}).get("psnr_y")
        measured = f"{psnr:.2f}" if psnr else "–"
        line = say(request, "model_facts", name=entry.name, megabytes=entry.size / 1e6, psnr=measured)
    else:
        line = f"`{name_of(route[0], settings)}`"
    return line + "  \n" + say(request, "fell_back", names=", ".join(copies)) if copies else line


def name_of(folder: Path, settings: Settings) -> str:
    """Of a checkpoint: as in the catalogue, else as it was asked for."""
    entry = zoo.entry_of(folder)
    return entry.name if entry else settings.model


def facts(file: str | None, settings: Settings, request: gr.Request | None) -> str:
    """The picture's size and kind, the size of what will come, and what it will take."""
    if not file:
        return ""
    try:
        found = inspect(Path(file))
        scale = settings.target.scale(found.height, found.width)
        channels = {mode: n for n, mode in MODES.items()}[found.mode]
        plan = device.plan(settings.how(), found.height, found.width, channels, found.depth, scale)
    except PROBLEMS as error:
        return f"⚠️ {reason(request, error)}"
    lines = [
        say(
            request, "facts", width=found.width, height=found.height, mode=say(request, found.mode),
            depth=found.depth, profile=f", {found.profile}" if found.profile else "",
            out_width=round(found.width * scale), out_height=round(found.height * scale),
        ),
        say(request, "plan", tiles=plan.tiles, memory=size_of(plan.memory), time=duration(plan.seconds, request)),
    ]  # fmt: skip
    if found.pages > 1:
        lines.append(say(request, "pages", pages=found.pages))
    return "  \n".join(lines)


def size_of(n: float) -> str:
    """A size to be read at a glance."""
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.0f} MB"


def duration(seconds: float | None, request: gr.Request | None) -> str:
    """A time to be read at a glance."""
    if seconds is None:
        return say(request, "time_unknown")
    if seconds < 60:
        return say(request, "time_seconds", n=f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}")
    return say(request, "time_minutes", n=f"{seconds / 60:.0f}")
