"""Write picture files row by row: JPEG, PNG, WebP and TIFF, with ICC profile and EXIF, complete or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files import tiff
from caesr.files.atomic import atomic_write
from caesr.files.metadata import edit_exif, fitting_profile
from caesr.files.picture import AnyPath, Density, Picture, PictureError
from caesr.files.row_writer import RowWriter
from caesr.files.vips import field_of, pyvips
from caesr.options import FORMATS, METADATA
from zoo.messages import Message

MAX_SIDES = {"jpg": 65500, "webp": 16383}  # pixels; PNG and TIFF hold more than memory does
DEFLATE_LEVEL = 3  # of 9, in PNG and TIFF: at the usual 6 it takes as long as a small network
OPTIMISED_PIXELS = 30_000_000  # up to which a JPEG gets its own Huffman codes: it is held in memory for them
CLASSIC_TIFF_BYTES = 4_000_000_000  # of pixels; more need a BigTIFF


def write_picture(
    picture: Picture, path: AnyPath, format: str | None = None, quality: int = 95, metadata: str = "no location"
) -> Path:
    """Write a picture as `picture_writer` does, with the same arguments and errors, and return the path."""
    with picture_writer(picture, picture.pixels.shape[:2], path, format, quality, metadata) as rows:
        rows.write(picture.pixels)
    return Path(path)


@contextmanager
def picture_writer(
    template: Picture,
    size: tuple[int, int],
    path: AnyPath,
    format: str | None = None,
    quality: int = 95,
    metadata: str = "no location",
) -> Iterator[RowWriter]:
    """Open a picture file for writing row by row; it appears, or replaces an older one, only when it is complete.

    PNG and TIFF are lossless, and so is WebP at quality 100. JPEG keeps colour as sharp as brightness (4:4:4). For JPEG
    and WebP 16 bits are rounded to 8; for JPEG transparent pixels are laid on white. A TIFF of more than 4 GB gets no
    EXIF.

    Args:
        template: a picture with the channels, dtype, profile, EXIF and density of the one to write.
        size: (H, W) of the picture to write.
        path: where to write; its folder exists.
        format: 'jpg', 'png', 'webp' or 'tif'; None: by the suffix of `path`.
        quality: 1 to 100, for JPEG and WebP.
        metadata: what is kept of the EXIF: 'all', 'no location' (where the photograph was taken), 'none'. The profile
            is always kept, since the colours depend on it.
    Raises:
        PictureError: unknown format or metadata, quality out of range, a side too long for the format (JPEG 65500,
            WebP 16383), or a path that cannot be written to.
    """
    path = Path(path)
    suffix = path.suffix[1:].lower()
    format = format or {"jpeg": "jpg", "tiff": "tif"}.get(suffix, suffix)
    if format not in FORMATS:
        message = "{name} names no format to write; choose .jpg, .png, .webp or .tif."
        raise PictureError(Message(message, name=path.name))
    if not 1 <= quality <= 100:
        message = "{name} cannot have a quality of {quality}; choose 1 to 100."
        raise PictureError(Message(message, name=path.name, quality=quality))
    if metadata not in METADATA:
        message = "{name} cannot keep {metadata} of the metadata; choose {choices}."
        raise PictureError(Message(message, name=path.name, metadata=repr(metadata), choices=", ".join(METADATA)))
    side = max(size)
    max_side = MAX_SIDES.get(format, side)
    if side > max_side:
        message = "{name} would be {side} pixels long and a {format} holds only {limit}; save it as PNG or TIFF."
        raise PictureError(Message(message, name=path.name, side=side, format=format, limit=max_side))
    try:
        with atomic_write(path) as part:

            def save(image: Any) -> None:
                _save(_prepare(image, template, format, metadata), part, format, quality)

            with RowWriter((*size, template.pixels.shape[2]), template.pixels.dtype, save) as rows:
                yield rows
    except (pyvips.Error, OSError) as error:
        cause = re.search("system error: (.+)", str(error))  # the first one; the lines after it are consequences
        reason = cause[1] if cause else getattr(error, "strerror", Message("perhaps the disk is full"))
        message = "{path} cannot be written ({reason}); make room or choose another place."
        raise PictureError(Message(message, path=path, reason=reason)) from error


def _prepare(image: Any, template: Picture, format: str, metadata: str) -> Any:
    """Convert an image to what a format can hold, and attach its metadata; libvips computes it while saving."""
    channels, deep = template.pixels.shape[2], template.pixels.dtype == np.uint16
    grey = channels <= 2
    if format == "jpg" and channels in (2, 4):
        white = 65535 if deep else 255
        image = (image[: channels - 1] - white) * (image[channels - 1] / white) + white
    if format in ("jpg", "webp"):
        image = (image / 257 if deep else image).rint().cast("uchar")
        deep = False
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    exif, density = template.metadata.exif, template.metadata.density or Density(72, 72)
    image = image.copy(interpretation=space, xres=density.x / 25.4, yres=density.y / 25.4)
    icc = fitting_profile(template.icc, channels)
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
        if format == "webp" and grey:  # WebP has no grey, so it cannot hold the profile of one either
            image = image.icc_transform("srgb", embedded=True)
    if exif and metadata != "none":
        exif = edit_exif(exif, density.x, keep_location=metadata == "all")
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    return image


def _save(image: Any, path: Path, format: str, quality: int) -> None:
    """Encode an image into a file."""
    exif = field_of(image, "exif-data")
    target, keep = os.fsencode(path), "icc|exif" if exif else "icc"
    if format == "jpg":
        optimised = image.width * image.height <= OPTIMISED_PIXELS
        image.jpegsave(target, keep=keep, Q=quality, subsample_mode="off", optimize_coding=optimised)
    elif format == "png":
        image.pngsave(target, keep=keep, filter="paeth", compression=DEFLATE_LEVEL)
    elif format == "webp" and quality == 100:
        image.webpsave(target, keep=keep, lossless=True, exact=True)
    elif format == "webp":
        image.webpsave(target, keep=keep, Q=quality, smart_subsample=True)
    else:
        size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
        compression = {"compression": "deflate", "predictor": "horizontal", "level": DEFLATE_LEVEL}
        image.tiffsave(target, keep=keep, bigtiff=size > CLASSIC_TIFF_BYTES, **compression)
        if exif and size <= CLASSIC_TIFF_BYTES:
            tiff.add_exif(path, exif, image.width, image.height)
