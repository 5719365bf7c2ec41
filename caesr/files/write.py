"""Write picture files row by row: JPEG, PNG, WebP and TIFF, with profile and EXIF; whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files import tiff
from caesr.files.atomic import atomic_write
from caesr.files.metadata import edited, fitting
from caesr.files.picture import Picture, PictureError
from caesr.files.row_writer import RowWriter
from caesr.files.vips import field_of, pyvips

WRITTEN = ("jpg", "png", "webp", "tif")  # not gif, whose 256 colours no upscaled picture keeps to
METADATA = ("no location", "all", "none")
LONGEST_SIDE = {"jpg": 65500, "webp": 16383}  # pixels; the other two hold more than memory does
DEFLATE_LEVEL = 3  # of 9, in PNG and TIFF: at the usual 6 it takes as long as a small network
OPTIMISED_PIXELS = 30_000_000  # up to which a JPEG gets codes of its own: for them it is held in memory as a whole
CLASSIC_TIFF_BYTES = 4_000_000_000  # of pixels; more of them need a BigTIFF


def write_picture(
    picture: Picture,
    path: str | os.PathLike[str],
    format: str | None = None,
    quality: int = 95,
    metadata: str = "no location",
) -> Path:
    """Write a picture as `picture_writer` does.

    Raises:
        PictureError: as for `picture_writer`.
    """
    height, width = picture.pixels.shape[:2]
    with picture_writer(picture, (height, width), path, format, quality, metadata) as rows:
        rows.add(picture.pixels)
    return Path(path)


@contextmanager
def picture_writer(
    like: Picture,
    size: tuple[int, int],
    path: str | os.PathLike[str],
    format: str | None = None,
    quality: int = 95,
    metadata: str = "no location",
) -> Iterator[RowWriter]:
    """Write a file that is either whole or not there, from strips of its rows; one that was there stays until then.

    PNG and TIFF are lossless, and so is WebP at quality 100. JPEG keeps colour as sharp as
    brightness (4:4:4). Into JPEG and WebP 16 bits are rounded to 8; into JPEG, what is transparent
    is laid on white. Only a TIFF of more than 4 GB always goes without EXIF.

    Args:
        like: a picture with the channels, the type, the profile and the EXIF of the one to write.
        size: the height and width of that.
        path: where to; the folder is there already.
        format: 'jpg', 'png', 'webp' or 'tif'. None: the one that the suffix names.
        quality: 1 to 100, for JPEG and WebP.
        metadata: what of the EXIF is kept: 'all', 'no location' (where the photograph was taken), 'none'.
            The profile always stays, since the colours are meant by it.

    Raises:
        PictureError: unknown format or metadata, quality out of range, a side too long for the format (JPEG
            65500, WebP 16383), or a place that cannot be written to.
    """
    path = Path(path)
    suffix = path.suffix[1:].lower()
    format = format or {"jpeg": "jpg", "tiff": "tif"}.get(suffix, suffix)
    if format not in WRITTEN:
        message = f"{path.name} names no format to write; choose .jpg, .png, .webp or .tif."
        raise PictureError(message)
    if not 1 <= quality <= 100:
        raise PictureError(f"{path.name} cannot have a quality of {quality}; choose 1 to 100.")
    if metadata not in METADATA:
        raise PictureError(f"{path.name} cannot keep {metadata!r} of the metadata; choose {', '.join(METADATA)}.")
    longest = max(size)
    if longest > LONGEST_SIDE.get(format, longest):
        raise PictureError(
            f"{path.name} would be {longest} pixels long and a {format} holds only "
            f"{LONGEST_SIDE[format]}; save it as PNG or TIFF."
        )

    try:
        with atomic_write(path) as part:

            def save(image: Any) -> None:
                _save(_image(image, like, format, metadata), part, format, quality)

            with RowWriter((*size, like.pixels.shape[2]), like.pixels.dtype, save) as rows:
                yield rows
    except (pyvips.Error, OSError) as error:
        said = re.search("system error: (.+)", str(error))  # the first is the cause, what follows its consequences
        why = error.strerror if isinstance(error, OSError) else said[1] if said else "perhaps the disk is full"
        message = f"{path} cannot be written ({why}); make room or choose another place."
        raise PictureError(message) from error


def _image(image: Any, picture: Picture, format: str, metadata: str) -> Any:
    """An image brought to what a format can hold, with all that travels; libvips computes it while saving."""
    channels, deep = picture.pixels.shape[2], picture.pixels.dtype == np.uint16
    grey = channels <= 2
    if format == "jpg" and channels in (2, 4):
        white = 65535 if deep else 255
        image = (image[: channels - 1] - white) * (image[channels - 1] / white) + white
    if format in ("jpg", "webp"):
        image = (image / 257 if deep else image).rint().cast("uchar")
        deep = False
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    image = image.copy(interpretation=space, xres=picture.dpi / 25.4, yres=picture.dpi / 25.4)
    if icc := fitting(picture.icc, channels):
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
        if format == "webp" and grey:  # it holds no grey, so neither the profile of one
            image = image.icc_transform("srgb", embedded=True)
    if picture.exif and metadata != "none":
        exif = edited(picture.exif, picture.dpi, keep_location=metadata == "all")
        image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    return image


def _save(image: Any, path: Path, format: str, quality: int) -> None:
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
        smaller = {"compression": "deflate", "predictor": "horizontal", "level": DEFLATE_LEVEL}
        image.tiffsave(target, keep=keep, bigtiff=size > CLASSIC_TIFF_BYTES, **smaller)
        if exif and size <= CLASSIC_TIFF_BYTES:
            tiff.add(path, exif, image.width, image.height)
