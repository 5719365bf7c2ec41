"""What the before/after slider shows: two pictures of one size that a browser can carry."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from caesr import picture
from caesr.layers import from_layers, to_layers
from caesr.resize import resize

MOST = 16e6  # pixels shown; browsers stall on more


def previews(source: Path, result: Path, folder: Path) -> tuple[Path, Path, bool]:
    """The picture enlarged by bicubic, and the result; both reduced alike if the result is very large.

    Returns:
        The two files, and whether the second is the result itself.
    Raises:
        PictureError: a file cannot be read or written.
    """
    found, before = picture.inspect(result), picture.read(source)
    shrink = min(1.0, math.sqrt(MOST / (found.width * found.height)))
    size = round(found.height * shrink), round(found.width * shrink)
    first = picture.write(replace(before, pixels=fitted(before.pixels, size)), folder / "before.png")
    if shrink == 1:
        return first, result, True
    after = picture.read(result)
    return (
        first,
        picture.write(replace(after, pixels=fitted(after.pixels, size)), folder / "after.png"),
        False,
    )


def fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels (H, W, C) resized by bicubic to (*size, C)."""
    colour, alpha = to_layers(pixels)
    scale = size[0] / pixels.shape[0]
    with torch.inference_mode():
        colour = resize(colour, scale, size).clamp(0, 1)
        alpha = None if alpha is None else resize(alpha, scale, size).clamp(0, 1)
    return from_layers(colour, alpha, like=pixels)
