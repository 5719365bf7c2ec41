"""One picture, or a part of it, by several methods: what the tab Compare and the API's /compare share."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache

import gradio as gr
import numpy as np

from caesr.engine.progress import Progress
from caesr.evaluation.compare import Comparison, interpolations, measure
from caesr.evaluation.evaluate import Measure, perceptual_measures
from caesr.files.read import read_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.resize import resize_image
from caesr.options import UpscaleOptions
from caesr.page.device import Device, Timed
from caesr.page.preview import around
from caesr.page.queue import Waiting
from caesr.page.translations import say

INTERPOLATIONS = ("bicubic", "lanczos")
# Parts begin at its multiples: there a pixel of the picture begins a pixel of the truth at any scale of x.x5.
GRID_PIXELS = 20


@dataclass(frozen=True)
class Task:
    """What is compared."""

    source: np.ndarray  # (h, w, 3) uint8, the part
    truth: np.ndarray | None  # (H, W, 3) uint8, the same part of the ground truth
    scale: float


def prepare(
    file: str | None,
    truth_file: str | None,
    options: UpscaleOptions,
    middle: tuple[float, float],
    side: int | None,
    request: gr.Request | None,
) -> Task:
    """Cut the part out of the picture and of the ground truth; without a picture, reduce the ground truth to one.

    Args:
        middle: of the part, across and down, 0 to 1.
        side: of the part in pixels of the picture; None: the whole.
    Raises:
        PictureError: a file cannot be read.
        ValueError: the two do not fit together, or there is neither.
    """
    if not file and not truth_file:
        raise ValueError(say(request, "no_picture"))
    truth = to_rgb8(read_picture(truth_file).pixels) if truth_file else None
    if file:
        source = to_rgb8(read_picture(file).pixels)
        scale = options.scale_for(*source.shape[:2])
    else:
        assert truth is not None
        scale = options.scale
        source = resize_image(truth, 1 / scale)
        truth = truth[: round(source.shape[0] * scale), : round(source.shape[1] * scale)]
    height, width = (round(length * scale) for length in source.shape[:2])
    if truth is not None and truth.shape[:2] != (height, width):
        sizes = {"width": width, "height": height, "has_width": truth.shape[1], "has_height": truth.shape[0]}
        raise ValueError(say(request, "truth_differs", **sizes))
    if side is None:
        return Task(source, truth, scale)
    rows, columns = (
        part_range(place, length, side) for place, length in zip(middle[::-1], source.shape[:2], strict=True)
    )
    if truth is not None:
        top, bottom, left, right = (round(pixel * scale) for pixel in (*rows, *columns))
        truth = truth[top:bottom, left:right]
    return Task(np.ascontiguousarray(source[slice(*rows), slice(*columns)]), truth, scale)


def part_range(place: float, length: int, side: int) -> tuple[int, int]:
    """Return a range of an axis about a place from 0 to 1, beginning on the grid."""
    start = around(place, length, side)[0] // GRID_PIXELS * GRID_PIXELS
    return start, min(length, start + side)


def compare_methods(
    device: Device, task: Task, names: Sequence[str], options: UpscaleOptions
) -> Generator[tuple[str, Progress | Waiting | Comparison]]:
    """Upscale by one method after the other: yields the name of each with its progress, and then its comparison.

    Args:
        names: each of `INTERPOLATIONS`, a family, a checkpoint or owner/repo.
        options: those of the page, of which the model is replaced.
    """
    networks = [name for name in names if name not in INTERPOLATIONS]
    specs = (
        device.spec(replace(options, model=name, texture=options.texture if name == "texture" else None))
        for name in networks
    )
    measures = available_measures() if task.truth is not None else {}
    with closing(device.upscale_by_each(specs, task.source, task.scale)) as events:
        for name in names:
            if name in INTERPOLATIONS:
                began = time.monotonic()
                picture = interpolations(task.scale)[name](task.source)
                timed = Timed(picture, time.monotonic() - began)
            else:
                for event in events:
                    if isinstance(event, Timed):
                        timed = event
                        break
                    yield name, event
            found = measure(name, timed.picture, 1e3 * timed.seconds, task.source, task.truth, measures)
            yield name, found


@cache
def available_measures() -> dict[str, Measure]:
    """Return LPIPS and DISTS, or nothing where the features that they need are not on this machine."""
    try:
        return perceptual_measures()
    except FileNotFoundError:  # the page says so
        return {}
