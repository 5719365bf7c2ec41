"""Picture: pixels and what travels with them; ImageInfo: what a file's header says."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, TypeVar

import numpy as np

from caesr.files.lazy import LazyPixels
from zoo.messages import Message

AnyPath = str | os.PathLike[str]
MODES = {1: "greyscale", 2: "greyscale with alpha", 3: "colour", 4: "colour with alpha"}  # by number of channels

Pixels = TypeVar("Pixels", bound=np.ndarray | LazyPixels)


class PictureError(ValueError):
    """A picture that cannot be read or written; the message says what is wrong, where and what to do."""


def damaged(name: str) -> PictureError:
    """Return the error of a file that cannot be read."""
    message = "{name} is damaged, cut short or of a rare kind, and cannot be read; get it afresh or save it anew."
    return PictureError(Message(message, name=name))


@dataclass(frozen=True)
class ImageInfo:
    """What a file's header says; known without decoding a pixel."""

    width: int  # pixels, of the upright picture
    height: int
    mode: str  # 'colour', 'greyscale', 'colour with alpha', 'greyscale with alpha'
    depth: int  # 8 or 16 bits a channel
    format: str  # 'jpg', 'png', 'webp', 'tif', 'gif', 'bmp', 'avif', 'heic', 'jxl'
    profile: str | None  # the name of the embedded ICC profile
    pages: int  # frames of an animation, pages of a TIFF or pictures in a file, of which the first is read


@dataclass(frozen=True)
class Density:
    """Dots per inch in print."""

    x: float
    y: float
    is_ratio: bool = False  # True: only their ratio is known, which is the shape of a pixel

    @property
    def rationals(self) -> tuple[Fraction, Fraction]:
        """Both numbers as EXIF and XMP write them: numerator and denominator of 32 bits, neither 0."""
        x, y = (Fraction(number).limit_denominator(10_000 if number < 400_000 else 1) for number in (self.x, self.y))
        least, most = Fraction(1, 10_000), Fraction(2**32 - 1)
        return min(max(x, least), most), min(max(y, least), most)


@dataclass(frozen=True)
class Metadata:
    """What a file says beside its pixels and their colours."""

    exif: bytes | None = None  # a block that begins as a TIFF does; it says upright, and has no thumbnail
    xmp: bytes | None = None  # a packet of XML
    iptc: bytes | None = None  # records of the Information Interchange Model
    texts: tuple[tuple[str, str], ...] = ()  # keyword and text: PNG's chunks; "Comment" of a JPEG
    density: Density | None = None  # None: the file does not say
    notes: tuple[Message, ...] = ()  # for people: what of it cannot be kept


@dataclass(frozen=True)
class Timing:
    """When the frames of an animation are shown."""

    seconds: tuple[Fraction, ...]  # how long each is
    plays: int  # of all frames; 0: without end
    background: bytes | None = None  # of a WebP, which few programs show: blue, green, red, alpha


@dataclass(frozen=True, eq=False)
class Picture(Generic[Pixels]):
    """Pixels and what travels with them; `dataclasses.replace(picture, pixels=...)` keeps the rest."""

    pixels: Pixels  # (H, W, C) uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    icc: bytes | None = None  # the profile of the colours; None: sRGB
    metadata: Metadata = field(default_factory=Metadata)
    # For people: what of the file was left out, mended or guessed. Of a file that is read row by row this is a list
    # that may grow until the last row, when all of its damage is known: read it after that.
    notes: Sequence[Message] = ()

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[2] > 4 or pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"not (H, W, 1 to 4) of uint8 or uint16: {pixels.shape} of {pixels.dtype}")
