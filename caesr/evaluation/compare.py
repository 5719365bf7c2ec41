"""Comparison of several methods of upscaling on one picture: time, figures against the ground truth, and a sheet."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from caesr.evaluation.evaluate import Measure, Upscale, apply_measures, to_tensor_255
from caesr.imaging.invention import luma_difference
from caesr.imaging.metrics import psnr_ssim_y
from caesr.imaging.resize import resize_image
from zoo.messages import Message

GAP_PIXELS, TITLE_PIXELS = 6, 18  # between pictures of a sheet, and above them


@dataclass(frozen=True)
class Comparison:
    """The result of one method."""

    name: str
    picture: np.ndarray  # (H', W', 3) uint8
    milliseconds: float
    figures: dict[str, float] = field(default_factory=dict)  # psnr_y in dB, ssim_y, and the measures asked for
    error: np.ndarray | None = None  # (H', W') float32: the difference in luma from the ground truth, 0 to 1


def compare(
    source: np.ndarray,
    methods: Mapping[str, Upscale],
    truth: np.ndarray | None = None,
    measures: Mapping[str, Measure] | None = None,
) -> Iterator[Comparison]:
    """Upscale a picture by each method in turn, and yield each result when it is done.

    Args:
        source: (H, W, 3) uint8.
        methods: functions that upscale, by name.
        truth: (H', W', 3) uint8, the ground truth; figures and errors are measured against it.
        measures: further measures by name, such as `LPIPS` and `DISTS`; they need a ground truth.
    Raises:
        ValueError: the ground truth has another size than a result.
    """
    for name, upscale in methods.items():
        start = time.perf_counter()
        picture = upscale(source)
        yield measure(name, picture, 1e3 * (time.perf_counter() - start), source, truth, measures)


def measure(
    name: str,
    picture: np.ndarray,
    milliseconds: float,
    source: np.ndarray,
    truth: np.ndarray | None = None,
    measures: Mapping[str, Measure] | None = None,
) -> Comparison:
    """Measure the result of one method, if there is a ground truth; arguments and errors as in `compare`."""
    if truth is None:
        return Comparison(name, picture, milliseconds)
    if truth.shape != picture.shape:
        raise ValueError(
            Message(
                "The result and the ground truth differ in size: {result} and {truth}. Choose the scale that fits.",
                result=f"{picture.shape[1]} x {picture.shape[0]}",
                truth=f"{truth.shape[1]} x {truth.shape[0]}",
            )
        )
    x, y = to_tensor_255(picture), to_tensor_255(truth)
    psnr_y, ssim_y = psnr_ssim_y(x, y, border=round(picture.shape[1] / source.shape[1]))
    figures = {"psnr_y": psnr_y, "ssim_y": ssim_y} | apply_measures(measures, x, y)
    return Comparison(name, picture, milliseconds, figures, luma_difference(picture, truth))


def interpolations(scale: float) -> dict[str, Upscale]:
    """Return the two methods that need no network, bicubic and Lanczos, at any scale."""

    def size(source: np.ndarray) -> tuple[int, int]:
        return round(source.shape[0] * scale), round(source.shape[1] * scale)

    def lanczos(source: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(source).resize(size(source)[::-1], Image.Resampling.LANCZOS))

    return {"bicubic": lambda source: resize_image(source, scale, size(source)), "lanczos": lanczos}


def draw_sheet(rows: Sequence[Mapping[str, np.ndarray]]) -> Image.Image:
    """Draw pictures at 1:1 in rows, under the titles of the first row.

    Args:
        rows: pictures (H, W, 3) uint8 by title, all of one size.
    """
    height, width = next(iter(rows[0].values())).shape[:2]
    across, down = width + GAP_PIXELS, height + GAP_PIXELS
    size = across * len(rows[0]) - GAP_PIXELS, TITLE_PIXELS + down * len(rows) - GAP_PIXELS
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for column, title in enumerate(rows[0]):
        draw.text((across * column + 2, 3), title, fill="black")
    for n, row in enumerate(rows):
        for column, picture in enumerate(row.values()):
            page.paste(Image.fromarray(picture), (across * column, TITLE_PIXELS + down * n))
    return page
