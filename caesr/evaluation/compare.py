"""One picture enlarged in several ways, side by side: how long each took and, given the truth, how near it came."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image, ImageDraw

from caesr.evaluation.evaluate import Enlarge, Measure, tensor
from caesr.imaging.invention import difference
from caesr.imaging.metrics import on_luma
from caesr.imaging.resize import resize_image

GAP, TITLE = 6, 18  # between pictures, and above them, in pixels


@dataclass(frozen=True)
class Comparison:
    """What one way made of the picture."""

    name: str
    picture: np.ndarray  # (H', W', 3) uint8
    milliseconds: float
    figures: dict[str, float] = field(default_factory=dict)  # psnr_y in dB, ssim_y, and the measures asked for
    error: np.ndarray | None = None  # (H', W') float32: how far the luma is from the truth's, 0 to 1


def compare(
    source: np.ndarray,
    ways: Mapping[str, Enlarge],
    truth: np.ndarray | None = None,
    measures: Mapping[str, Measure] | None = None,
) -> Iterator[Comparison]:
    """Enlarge a picture by every way in turn: yields each as it is done.

    Args:
        source: (H, W, 3) uint8.
        ways: enlargers by name.
        truth: (H', W', 3) uint8, what the result should be; figures and errors are measured against it.
        measures: LPIPS, DISTS and their like, by name; they need a truth.
    Raises:
        ValueError: the truth has another size than a result.
    """
    for name, enlarge in ways.items():
        began = time.perf_counter()
        picture = enlarge(source)
        yield measured(name, picture, 1e3 * (time.perf_counter() - began), source, truth, measures)


def measured(
    name: str,
    picture: np.ndarray,
    milliseconds: float,
    source: np.ndarray,
    truth: np.ndarray | None = None,
    measures: Mapping[str, Measure] | None = None,
) -> Comparison:
    """What one way made of the picture, with its figures if the truth is known; as `compare`."""
    if truth is None:
        return Comparison(name, picture, milliseconds)
    if truth.shape != picture.shape:
        sizes = " and ".join(f"{image.shape[1]} x {image.shape[0]}" for image in (picture, truth))
        raise ValueError(f"The result and the ground truth differ in size: {sizes}. Choose the scale that fits.")
    border = round(picture.shape[1] / source.shape[1])
    figures = dict(zip(("psnr_y", "ssim_y"), on_luma(tensor(picture), tensor(truth), border), strict=True))
    with torch.inference_mode():
        for measure, function in (measures or {}).items():
            figures[measure] = function(tensor(picture) / 255, tensor(truth) / 255).item()
    return Comparison(name, picture, milliseconds, figures, difference(picture, truth))


def interpolations(scale: float) -> dict[str, Enlarge]:
    """The two ways that need no network, at any scale."""

    def lanczos(source: np.ndarray) -> np.ndarray:
        height, width = (round(side * scale) for side in source.shape[:2])
        return np.asarray(Image.fromarray(source).resize((width, height), Image.Resampling.LANCZOS))

    def bicubic(source: np.ndarray) -> np.ndarray:
        return resize_image(source, scale, (round(source.shape[0] * scale), round(source.shape[1] * scale)))

    return {"bicubic": bicubic, "lanczos": lanczos}


def sheet(rows: Sequence[Mapping[str, np.ndarray]]) -> Image.Image:
    """Pictures at 1:1 under their titles: a row each, the titles those of the first one.

    Args:
        rows: pictures (H, W, 3) uint8 by title, all of one size.
    """
    height, width = next(iter(rows[0].values())).shape[:2]
    size = (width + GAP) * len(rows[0]) - GAP, TITLE + (height + GAP) * len(rows) - GAP
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for column, title in enumerate(rows[0]):
        draw.text(((width + GAP) * column + 2, 3), title, fill="black")
    for n, row in enumerate(rows):
        for column, picture in enumerate(row.values()):
            page.paste(Image.fromarray(picture), ((width + GAP) * column, TITLE + (height + GAP) * n))
    return page
