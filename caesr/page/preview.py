"""What a browser can carry of two pictures that may be very large: both at a smaller size, or a part of both at 1:1."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch

from caesr.engine.pipeline import Resize
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from caesr.imaging.arrays import to_array, to_tensors

MOST = 16e6  # pixels shown; browsers stall on more
PART = 512  # side of what is shown at 1:1, in pixels of the result


def previews(source: Path, result: Path, folder: Path) -> tuple[Path, Path, bool]:
    """The picture enlarged by bicubic, and the result; both reduced alike if the result is very large.

    Returns:
        The two files, and whether the second is the result itself.
    Raises:
        PictureError: a file cannot be read or written.
    """
    found, before = inspect(result), read_picture(source)
    shrink = min(1.0, math.sqrt(MOST / (found.width * found.height)))
    size = round(found.height * shrink), round(found.width * shrink)
    whole = (0, size[0]), (0, size[1])
    first = write_picture(replace(before, pixels=window(before.pixels, size, whole)), folder / "before.png")
    if shrink == 1 and found.format != "tif":  # which browsers do not show
        return first, result, True
    after = opened(result).resize(size[1] / found.width, vscale=size[0] / found.height, kernel="cubic")
    after.pngsave(os.fsencode(folder / "after.png"), keep="icc", bitdepth=8)
    return first, folder / "after.png", shrink == 1


def parts(source: Path, result: Path, across: float, down: float) -> tuple[bytes, bytes]:
    """The same part of the picture, enlarged by bicubic, and of the result, as PNGs.

    Args:
        across, down: where its middle lies, 0 to 1.
    Raises:
        PictureError: a file cannot be read.
    """
    found, before = inspect(result), read_picture(source)
    size = found.height, found.width
    rows, columns = (around(middle, side) for middle, side in zip((down, across), size, strict=True))
    left, top, width, height = columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0]
    after = opened(result).crop(left, top, width, height)
    return (
        png(window(before.pixels, size, (rows, columns)), before.icc),
        after.pngsave_buffer(keep="icc", bitdepth=8),
    )


def around(middle: float, side: int, part: int = PART) -> tuple[int, int]:
    """A range of at most `part` pixels of an axis, about a place from 0 to 1."""
    part = min(side, part)
    first = min(max(0, round(middle * side) - part // 2), side - part)
    return first, first + part


def opened(file: Path) -> Any:
    """A picture that we wrote, to be read once from the top down."""
    image = pyvips.Image.new_from_file(os.fsencode(file), access="sequential")
    if image.format == "uchar":
        return image
    return (image / 257).rint().cast("uchar").copy(interpretation="b-w" if image.bands < 3 else "srgb")


def window(pixels: np.ndarray, size: tuple[int, int], wanted: tuple[tuple[int, int], tuple[int, int]]) -> np.ndarray:
    """A window of the picture (H, W, C) resized by bicubic to `size`."""
    step = Resize((pixels.shape[0], pixels.shape[1]), size, size[0] / pixels.shape[0])
    rows, columns = (step.needs(wanted[axis], axis) for axis in (0, 1))
    colour, alpha = to_tensors(pixels[slice(*rows), slice(*columns)])
    with torch.inference_mode():
        colour = step.apply(colour, (rows, columns), wanted).clamp(0, 1)
        alpha = None if alpha is None else step.apply(alpha, (rows, columns), wanted).clamp(0, 1)
    return to_array(colour, alpha, like=pixels)


def png(pixels: np.ndarray, icc: bytes | None = None) -> bytes:
    """Pixels (H, W, C) as a PNG of 8 bits, its profile with it."""
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257).astype(np.uint8)
    space = "b-w" if pixels.shape[2] < 3 else "srgb"
    image = pyvips.Image.new_from_array(pixels).copy(interpretation=space)
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image.pngsave_buffer(keep="icc")
