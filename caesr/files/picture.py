"""Picture: pixels and the metadata that travels with them; ImageInfo: what a file's header says."""

import os
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from caesr.files.lazy import LazyPixels

AnyPath = str | os.PathLike[str]
MODES = {1: "greyscale", 2: "greyscale with alpha", 3: "colour", 4: "colour with alpha"}  # by number of channels

Pixels = TypeVar("Pixels", bound=np.ndarray | LazyPixels)


class PictureError(ValueError):
    """A picture that cannot be read or written; the message says what is wrong, where and what to do."""


@dataclass(frozen=True)
class ImageInfo:
    """What a file's header says; known without decoding a pixel."""

    width: int  # pixels, of the upright picture
    height: int
    mode: str  # 'colour', 'greyscale', 'colour with alpha', 'greyscale with alpha'
    depth: int  # 8 or 16 bits a channel
    format: str  # 'jpg', 'png', 'webp', 'tif', 'gif'
    profile: str | None  # the name of the embedded ICC profile
    pages: int  # frames of an animation or pages of a TIFF, of which the first is read


@dataclass(frozen=True, eq=False)
class Picture(Generic[Pixels]):
    """Pixels and their metadata; `dataclasses.replace(picture, pixels=...)` keeps the metadata."""

    pixels: Pixels  # (H, W, C) uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    icc: bytes | None = None  # the profile of the colours; None: sRGB
    exif: bytes | None = None  # as stored, but saying upright, and without the thumbnail
    dpi: float = 72.0  # dots per inch in print; a density in `exif` takes precedence

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[2] > 4 or pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"not (H, W, 1 to 4) of uint8 or uint16: {pixels.shape} of {pixels.dtype}")
