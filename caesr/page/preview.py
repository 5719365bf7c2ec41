"""What a browser can show of two pictures that may be very large: both at a smaller size, or a part of both at 1:1."""

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from caesr.files.read import inspect, read_picture
from caesr.files.vips import pyvips
from caesr.files.write import write_picture
from caesr.imaging.arrays import to_array, to_tensors
from caesr.imaging.resize import WindowResize

MAX_PIXELS = 16e6  # shown; browsers stall on more
PART_SIDE = 512  # of what is shown at 1:1, in pixels of the result


def previews(source: Path, result: Path, folder: Path) -> tuple[Path, Path, bool]:
    """Write the picture upscaled by bicubic, and the result; both reduced alike if the result is very large.

    Returns:
        The two files, and whether the second shows the result in full size.
    Raises:
        PictureError: a file cannot be read or written.
    """
    info, picture = inspect(result), read_picture(source)
    shrink = min(1.0, math.sqrt(MAX_PIXELS / (info.width * info.height)))
    size = round(info.height * shrink), round(info.width * shrink)
    whole = (0, size[0]), (0, size[1])
    before = write_picture(replace(picture, pixels=resized_window(picture.pixels, size, whole)), folder / "before.png")
    if shrink == 1 and info.format != "tif":  # which browsers do not show
        return before, result, True
    after = open_8_bit(result).resize(size[1] / info.width, vscale=size[0] / info.height, kernel="cubic")
    after.pngsave(os.fsencode(folder / "after.png"), keep="icc", bitdepth=8)
    return before, folder / "after.png", shrink == 1


def parts(source: Path, result: Path, across: float, down: float) -> tuple[bytes, bytes]:
    """Return the same part of the picture, upscaled by bicubic, and of the result, as PNGs.

    Args:
        across, down: where its middle lies, 0 to 1.
    Raises:
        PictureError: a file cannot be read.
    """
    info, picture = inspect(result), read_picture(source)
    size = info.height, info.width
    rows, columns = (around(middle, side) for middle, side in zip((down, across), size, strict=True))
    after = open_8_bit(result).crop(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
    before = resized_window(picture.pixels, size, (rows, columns))
    return encode_png(before, picture.icc), after.pngsave_buffer(keep="icc", bitdepth=8)


def around(middle: float, side: int, part: int = PART_SIDE) -> tuple[int, int]:
    """Return a range of at most `part` pixels of an axis, about a place from 0 to 1."""
    part = min(side, part)
    start = min(max(0, round(middle * side) - part // 2), side - part)
    return start, start + part


def open_8_bit(file: Path) -> Any:
    """Return a picture that we wrote as a libvips image of 8 bits, to be read once from the top down."""
    image = pyvips.Image.new_from_file(os.fsencode(file), access="sequential")
    if image.format == "uchar":
        return image
    return (image / 257).rint().cast("uchar").copy(interpretation="b-w" if image.bands < 3 else "srgb")


def resized_window(
    pixels: np.ndarray, size: tuple[int, int], window: tuple[tuple[int, int], tuple[int, int]]
) -> np.ndarray:
    """Return a window of the picture (H, W, C) resized by bicubic to `size`."""
    resize = WindowResize((pixels.shape[0], pixels.shape[1]), size, size[0] / pixels.shape[0])
    rows, columns = (resize.input_range(window[axis], axis) for axis in (0, 1))
    colour, alpha = to_tensors(pixels[slice(*rows), slice(*columns)])
    with torch.inference_mode():
        colour = resize.resize_window(colour, (rows, columns), window).clamp(0, 1)
        if alpha is not None:
            alpha = resize.resize_window(alpha, (rows, columns), window).clamp(0, 1)
    return to_array(colour, alpha, template=pixels)


def encode_png(pixels: np.ndarray, icc: bytes | None = None) -> bytes:
    """Return pixels (H, W, C) as a PNG of 8 bits, its profile with it."""
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257).astype(np.uint8)
    space = "b-w" if pixels.shape[2] < 3 else "srgb"
    image = pyvips.Image.new_from_array(pixels).copy(interpretation=space)
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image.pngsave_buffer(keep="icc")
