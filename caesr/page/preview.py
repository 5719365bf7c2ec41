"""What a browser can show of a picture: the file itself where it can, else a PNG of it, reduced if it is very large."""

import base64
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from caesr.files.picture import ImageInfo
from caesr.files.read import open_image, read_picture
from caesr.files.vips import field_of, pyvips
from caesr.files.write import write_picture
from caesr.page.temporary import run_folder

MAX_PIXELS = 16e6  # shown; browsers stall on more
BROWSER_FORMATS = ("jpg", "png", "webp", "gif", "avif")
PART_SIDE = 512  # of what is shown at 1:1, in pixels of the result
THUMBNAIL_PIXELS = 96


def keep(file: Path) -> Path:
    """Copy a file to where the page may give it to browsers; it is removed when it is old (`cache_cleaner`)."""
    return Path(save_file_to_cache(str(file), get_upload_folder()))


def browser_view(file: Path) -> Path:
    """Return a file that browsers show upright, as large as they can, of any picture; kept for an hour.

    Raises:
        PictureError: the picture cannot be read.
    """
    opened = open_image(file)
    info = opened.info
    if is_shown_by_browsers(info) and is_plain(opened.stored, info):
        return keep(file)
    picture = read_picture(file)
    shrink = min(1.0, math.sqrt(MAX_PIXELS / (info.width * info.height)))
    image = pyvips.Image.new_from_array(to_8_bit(picture.pixels))
    if shrink < 1:
        image = image.resize(shrink, kernel="cubic")
    pixels = image.numpy().reshape(image.height, image.width, -1)
    with run_folder() as folder:
        small = replace(picture, pixels=np.ascontiguousarray(pixels))
        return keep(write_picture(small, folder / "view.png", metadata="none"))


def is_shown_by_browsers(info: ImageInfo) -> bool:
    """Return whether browsers show a picture by itself, and neither stall on it nor play it."""
    return info.format in BROWSER_FORMATS and info.pages == 1 and info.width * info.height <= MAX_PIXELS


def is_plain(stored: object, info: ImageInfo) -> bool:
    """Return whether browsers show a file as it is meant: some know a JPEG's orientation only, and guess at CMYK."""
    if info.format == "jpg":
        return field_of(stored, "interpretation", "srgb") != "cmyk" and getattr(stored, "bands", 3) < 4
    return field_of(stored, "orientation", 1) == 1


def picture_thumbnail(file: Path) -> str:
    """Return the middle of a picture that we wrote as the address of a small JPEG."""
    side = THUMBNAIL_PIXELS
    image = pyvips.Image.thumbnail(os.fsencode(file), side, height=side, crop="centre", size="both")
    if image.hasalpha():
        image = image.flatten(background=255)
    return "data:image/jpeg;base64," + base64.b64encode(image.jpegsave_buffer(Q=80, keep="none")).decode()


def around(middle: float, side: int, part: int = PART_SIDE) -> tuple[int, int]:
    """Return a range of at most `part` pixels of an axis, about a place from 0 to 1."""
    part = min(side, part)
    start = min(max(0, round(middle * side) - part // 2), side - part)
    return start, start + part


def to_8_bit(pixels: np.ndarray) -> np.ndarray:
    """Return pixels of 8 or 16 bits as 8 bits."""
    return np.round(pixels / 257).astype(np.uint8) if pixels.dtype == np.uint16 else pixels


def encode_png(pixels: np.ndarray, icc: bytes | None = None) -> bytes:
    """Return pixels (H, W, C) as a PNG of 8 bits, its profile with it."""
    image = pyvips.Image.new_from_array(to_8_bit(pixels))
    image = image.copy(interpretation="b-w" if pixels.shape[2] < 3 else "srgb")
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image.pngsave_buffer(keep="icc")
