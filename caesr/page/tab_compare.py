"""The tab Compare: a part of the picture by several networks, timed; measured if the truth is there."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import gradio as gr
import numpy as np

import zoo
from caesr.evaluation.compare import Comparison, interpolations, measured
from caesr.files.data import data_folder
from caesr.files.read import read_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.invention import contradiction, heat
from caesr.imaging.perceptual import DISTS, LPIPS
from caesr.imaging.resize import resize_image
from caesr.page import device
from caesr.page.controls import HIDDEN, Controls, Values, families
from caesr.page.errors import PROBLEMS, sorry
from caesr.page.preview import around, png
from caesr.page.progress import line, stopped, told
from caesr.page.settings import Settings
from caesr.page.translations import label, say
from caesr.page.viewer import Pane, panes, table, viewer

SIDES = (64, 128, 192, 256)  # of the part, in pixels of the picture
GRID = 20  # parts begin at its multiples: there a pixel of the picture begins a pixel of the truth at any scale of x.x5
PLAIN = ("bicubic", "lanczos")
FIGURES = {"psnr_y": "PSNR, dB", "ssim_y": "SSIM", "lpips": "LPIPS", "dists": "DISTS"}


@dataclass(frozen=True)
class Task:
    """What is compared."""

    source: np.ndarray  # (h, w, 3) uint8, the part
    truth: np.ndarray | None  # (H, W, 3) uint8, the same part
    scale: float


def tab(c: Controls) -> gr.CheckboxGroup:
    """Lay the tab out; the boxes are what can be compared, to which the tab Zoo adds."""
    gr.Markdown(label("compare_info"))
    first = list(dict.fromkeys(zoo.info(name).family for name in zoo.names()))
    models = gr.CheckboxGroup(
        choices(families()), value=["bicubic", *first[:2]],
        label=label("models"), elem_id="models",
    )  # fmt: skip
    with gr.Row():
        side = gr.Radio(list(SIDES), value=128, label=label("side"), elem_id="side")
        truth = gr.File(
            label=label("truth"), file_types=["image", ".tif", ".tiff"], height=110, elem_id="truth", type="filepath"
        )
    with gr.Row():
        run = gr.Button(label("compare"), variant="primary", elem_id="compare")
        stop = gr.Button(label("cancel"))
    so_far = line("compared-so-far")
    figures = gr.HTML(elem_id="figures")
    view = viewer(elem_id="compared")

    def compare_(values: Values, request: gr.Request) -> Iterator[tuple]:
        middle = values[c.across] / 100, values[c.down] / 100
        try:
            settings = c.settings(values)
            task = prepare(values[c.picture], values[truth], settings, middle, values[side], request)
            found: list[Comparison] = []
            for step in columns(task, values[models], settings, request):
                if isinstance(step, Comparison):
                    found.append(step)
                    yield gr.skip(), tabulated(task, found, request), panes(pictures(task, found, request), request)
                else:
                    yield step, gr.skip(), gr.skip()
            yield "", gr.skip(), gr.skip()
        except PROBLEMS as error:
            raise sorry(error, request) from error

    running = run.click(
        compare_, {c.picture, c.across, c.down, *c.chosen(), models, side, truth}, [so_far, figures, view],
        **device.TURNS, **HIDDEN,
    )  # fmt: skip
    stopped(running, so_far)
    stop.click(None, cancels=running, api_visibility="private")
    return models


def choices(networks: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """What can be compared: the ways without a network, and these."""
    return [*((name.capitalize(), name) for name in PLAIN), *networks]


def prepare(
    file: str | None,
    truth_file: str | None,
    settings: Settings,
    middle: tuple[float, float],
    side: int | None,
    request: gr.Request | None,
) -> Task:
    """Cut the part out of the picture, and out of the truth; where there is a truth only, make the picture of it.

    Args:
        middle: of the part: across and down, 0 to 1.
        side: of the part; None: the whole.
    Raises:
        PictureError: a file cannot be read.
        ValueError: the two do not fit together, or there is neither.
    """
    if not file and not truth_file:
        raise ValueError(say(request, "no_picture"))
    truth = to_rgb8(read_picture(truth_file).pixels) if truth_file else None
    if file:
        source = to_rgb8(read_picture(file).pixels)
        scale = settings.target.scale(*source.shape[:2])
    else:
        assert truth is not None
        scale = settings.scale
        source = resize_image(truth, 1 / scale)
        truth = truth[: round(source.shape[0] * scale), : round(source.shape[1] * scale)]
    if truth is not None and truth.shape[:2] != (size := tuple(round(length * scale) for length in source.shape[:2])):
        sizes = {"width": size[1], "height": size[0], "has_width": truth.shape[1], "has_height": truth.shape[0]}
        raise ValueError(say(request, "truth_differs", **sizes))
    if side is None:
        return Task(source, truth, scale)
    rows, columns = (part(place, length, side) for place, length in zip(middle[::-1], source.shape[:2], strict=True))
    if truth is not None:
        truth = truth[tuple(slice(*(round(pixel * scale) for pixel in cut)) for cut in (rows, columns))]
    return Task(np.ascontiguousarray(source[slice(*rows), slice(*columns)]), truth, scale)


def part(place: float, length: int, side: int) -> tuple[int, int]:
    """A range of an axis about a place, beginning on the grid."""
    first = around(place, length, side)[0] // GRID * GRID
    return first, min(length, first + side)


def columns(
    task: Task, models: list[str], settings: Settings, request: gr.Request | None
) -> Iterator[Comparison | str]:
    """Enlarge by every way in turn: each as it is done, meanwhile how far it has come."""
    if not models:
        raise ValueError(say(request, "no_model"))
    yield told(device.BEGUN, request)
    measures = perceptual() if task.truth is not None else {}
    for name in models:
        if name in PLAIN:
            way = interpolations(task.scale)[name]
            enlarged: Any = timed(way, task.source)
        else:
            how = replace(settings, model=name).how()
            for step in device.whole(how, task.source, task.scale):
                if isinstance(step, device.Enlarged):
                    enlarged = step
                else:
                    yield told(step, request, f"{name} · ")
        yield measured(name, enlarged.picture, 1e3 * enlarged.seconds, task.source, task.truth, measures)


def timed(way: Any, source: np.ndarray) -> device.Enlarged:
    """What a way without a network makes of the picture."""
    began = time.monotonic()
    return device.Enlarged(way(source), time.monotonic() - began)


@lru_cache(maxsize=1)
def perceptual() -> dict[str, Any]:
    """LPIPS and DISTS, if the features that they look with are on this machine."""
    try:
        features = data_folder() / "features"
        return {"lpips": LPIPS(features), "dists": DISTS(features)}
    except FileNotFoundError:  # the page says so
        return {}


def tabulated(task: Task, found: list[Comparison], request: gr.Request | None) -> str:
    """Milliseconds and figures, a row a way."""
    known = [name for name in FIGURES if found[0].figures.get(name) is not None]
    head = [say(request, "way"), "ms", say(request, "consistency"), *(FIGURES[name] for name in known)]
    rows = []
    for column in found:
        _, agreement = contradiction(column.picture, task.source)
        figures = [
            f"{column.figures[name]:.2f}" if name == "psnr_y" else f"{column.figures[name]:.4f}" for name in known
        ]
        rows.append([column.name, f"{column.milliseconds:.0f}", f"{agreement:.1f}", *figures])
    caption = say(request, "compare_caption", width=task.source.shape[1], height=task.source.shape[0])
    if task.truth is not None and "lpips" not in known:
        caption += " " + say(request, "no_features")
    return table(head, rows, caption)


def pictures(task: Task, found: list[Comparison], request: gr.Request | None) -> list[Pane]:
    """Each result; the truth; and where each is wrong."""
    shown = [Pane(column.name, png(column.picture), f"{column.milliseconds:.0f} ms") for column in found]
    if task.truth is None:
        return shown
    shown.append(Pane(say(request, "truth_short"), png(task.truth)))
    for column in found:
        assert column.error is not None
        shown.append(Pane(say(request, "error_of", name=column.name), png(heat(column.picture, column.error))))
    return shown
