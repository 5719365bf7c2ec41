"""Write picture files row by row, with profile and metadata, complete or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files.atomic import atomic_write
from caesr.files.colour.icc import grey_as_rgb
from caesr.files.edited_target import save_edited
from caesr.files.metadata.containers import avif, gif, jpeg, jxl, png, tiff, webp
from caesr.files.metadata.transfer import fitting_profile, is_srgb, prepare_metadata
from caesr.files.picture import AnyPath, Metadata, Picture, PictureError, Timing
from caesr.files.row_writer import RowWriter
from caesr.files.vips import pyvips
from caesr.options import FORMATS, METADATA
from zoo.messages import Message

MAX_SIDES = {"jpg": 65500, "webp": 16383, "avif": 16384, "gif": 65535}  # pixels; PNG and TIFF hold more
DEFLATE_LEVEL = 2  # of 9, in PNG and TIFF: the usual 6 takes three times as long (benchmarks/measure/encoding.py)
OPTIMISED_PIXELS = 30_000_000  # up to which a JPEG gets its own Huffman codes: it is held in memory for them
MAX_DELAY = 655_350  # milliseconds of a frame, in a GIF
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

    PNG and TIFF are lossless, and so are WebP, AVIF and JPEG XL at quality 100. JPEG and AVIF keep colour as sharp as
    brightness (4:4:4). 16 bits are rounded to 8 for JPEG and WebP, and for JPEG XL with colours or alpha; to 10 for
    AVIF. For JPEG transparent pixels are laid on white. JPEG XL has no profile and becomes sRGB. The encoders of WebP,
    AVIF and JPEG XL hold the whole picture in memory. `lost_metadata` says what of the metadata a format cannot hold.

    Args:
        template: a picture with the channels, dtype, profile and metadata of the one to write.
        size: (H, W) of the picture to write.
        path: where to write; its folder exists.
        format: one of `FORMATS`; None: by the suffix of `path`.
        quality: 1 to 100, for all but PNG and TIFF.
        metadata: what is kept of EXIF, XMP, IPTC, comments, texts and density: 'all', 'no location' (all but where the
            photograph was taken), 'none'. The profile is always kept, since the colours depend on it.
    Raises:
        PictureError: unknown format or metadata, quality out of range, a side too long for the format (JPEG 65500,
            WebP 16383, AVIF 16384), JPEG XL without its extra, or a path that cannot be written to.
    """
    path = Path(path)
    format = format_to_write(path, format)
    check_output(path, format, size, quality, metadata)
    with explain_failure(path), atomic_write(path) as part:
        with part_writer(template, size, part, format, quality, metadata) as rows:
            yield rows


def check_output(path: Path, format: str, size: tuple[int, int], quality: int, metadata: str) -> None:
    """Check what a picture file, or a page of it, shall be, as `picture_writer` says."""
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
    if format == "jxl":
        jxl.check(path.name)


@contextmanager
def part_writer(
    template: Picture,
    size: tuple[int, int],
    part: Path,
    format: str,
    quality: int,
    metadata: str,
    timing: Timing | None = None,
) -> Iterator[RowWriter]:
    """Open a file for writing row by row in place, as `picture_writer` does; its arguments are not checked.

    Args:
        format: one of `FORMATS`, or 'gif'.
        timing: of an animation, of which the frames are written one after the other, each of this size.
    Raises:
        pyvips.Error, OSError: the file cannot be written.
    """
    kept = prepare_metadata(template.metadata, format, metadata, size)
    count = len(timing.seconds) if timing else 1

    def save(image: Any) -> None:
        image = _prepare(image, template, format)
        if timing:
            image = _with_timing(image, timing)
        _save(image, part, format, quality, kept, timing)

    with RowWriter((count * size[0], size[1], template.pixels.shape[2]), template.pixels.dtype, save) as rows:
        yield rows


def _with_timing(image: Any, timing: Timing) -> Any:
    """Return an image of frames, one below the other, that says so."""
    image, count = image.copy(), len(timing.seconds)
    image.set_type(pyvips.GValue.gint_type, "page-height", image.height // count)
    image.set_type(pyvips.GValue.gint_type, "loop", timing.plays)
    delays = [min(round(seconds * 1000), MAX_DELAY) for seconds in timing.seconds]
    image.set_type(pyvips.GValue.array_int_type, "delay", delays)
    return image


@contextmanager
def explain_failure(path: Path) -> Iterator[None]:
    """Raise what goes wrong while a file is written as PictureError."""
    try:
        yield
    except (pyvips.Error, OSError) as error:
        cause = re.search("system error: (.+)", str(error))  # the first one; the lines after it are consequences
        reason = cause[1] if cause else getattr(error, "strerror", Message("perhaps the disk is full"))
        message = "{path} cannot be written ({reason}); make room or choose another place."
        raise PictureError(Message(message, path=path, reason=reason)) from error


def format_to_write(path: Path, format: str | None) -> str:
    """Return the format of a file to write: `format`, or if it is None, what the suffix says.

    Raises:
        PictureError: it is none of `FORMATS`.
    """
    suffix = path.suffix[1:].lower()
    format = format or {"jpeg": "jpg", "tiff": "tif"}.get(suffix, suffix)
    if format not in FORMATS:
        message = "{name} names no format to write; choose {choices}."
        choices = ", ".join("." + choice for choice in FORMATS)
        raise PictureError(Message(message, name=path.name, choices=choices))
    return format


def _prepare(image: Any, template: Picture, format: str) -> Any:
    """Convert an image to what a format can hold, and attach its profile; libvips computes it while saving."""
    channels, deep = template.pixels.shape[2], template.pixels.dtype == np.uint16
    grey = channels <= 2
    if format == "jpg" and channels in (2, 4):
        white = 65535 if deep else 255
        image = (image[: channels - 1] - white) * (image[channels - 1] / white) + white
    if format in ("jpg", "webp") or (format == "jxl" and channels > 1):
        image = (image / 257 if deep else image).rint().cast("uchar")
        deep = False
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    image = image.copy(interpretation=space)
    icc = fitting_profile(template.icc, channels)
    if icc and grey and format in ("webp", "avif", "jxl"):  # WebP and AVIF have no grey, so they hold no profile of one
        rgb = grey_as_rgb(icc)
        if rgb:
            image = image[0].bandjoin([image[0], image[0], *([image[1]] if channels == 2 else [])])
            image, icc, grey = image.copy(interpretation="rgb16" if deep else "srgb"), rgb, False
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
        # WebP has no grey, so it cannot hold the profile of one either; the encoder of JPEG XL takes no profile
        if (format in ("webp", "avif") and grey) or (format == "jxl" and (grey or not is_srgb(icc))):
            image = image.icc_transform("srgb", embedded=True, depth=16 if deep else 8)
    return image


def _save(image: Any, path: Path, format: str, quality: int, metadata: Metadata, timing: Timing | None) -> None:
    """Encode an image, or frames, into a file, with its profile and metadata."""
    height, width = image.height, image.width
    if format == "jpg":
        options = {"Q": quality, "subsample_mode": "off", "optimize_coding": height * width <= OPTIMISED_PIXELS}
        save_edited(image.jpegsave_target, path, partial(jpeg.edit_beginning, metadata=metadata), options)
    elif format == "png":
        options = {"filter": "avg", "compression": DEFLATE_LEVEL}
        save_edited(image.pngsave_target, path, partial(png.edit_beginning, metadata=metadata), options)
    elif format == "webp":
        options = {"lossless": True, "exact": True} if quality == 100 else {"Q": quality, "smart_subsample": True}
        data = image.webpsave_buffer(keep="icc", **options)
        data = webp.add(data, metadata, (height, width), image.hasalpha())
        path.write_bytes(webp.set_timing(data, timing) if timing else data)
    elif format == "gif":
        options = {"dither": 1.0, "keep_duplicate_frames": True}
        save_edited(image.gifsave_target, path, partial(gif.edit_beginning, metadata=metadata), options)
    elif format == "avif":
        path.write_bytes(avif.encode(image, quality, metadata))
    elif format == "jxl":
        jxl.save(image, path, quality, metadata)
    else:
        size = height * width * image.bands * (2 if image.format == "ushort" else 1)
        compression = {"compression": "deflate", "predictor": "horizontal", "level": DEFLATE_LEVEL}
        image.tiffsave(os.fsencode(path), keep="icc", bigtiff=size > CLASSIC_TIFF_BYTES, **compression)
        tiff.add(path, metadata)
