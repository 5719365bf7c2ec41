"""Read picture files: what the header says, and the pixels, upright, 8 or 16 bits a channel, grey or RGB, with alpha.

Colours are left alone: the ICC profile travels along, so that a picture in Display P3 stays right. Only what the
network cannot see (CMYK, Lab) becomes sRGB. A file is recognised by its content, and no decoder but the five of JPEG,
PNG, WebP, TIFF and GIF ever sees one; all are libvips's.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files import tiff
from caesr.files.decoder_memory import decoder_memory
from caesr.files.lazy import LazyPixels
from caesr.files.metadata import edited, fitting, profile_name
from caesr.files.picture import MODES, ImageInfo, Picture, PictureError
from caesr.files.vips import field_of, pyvips

MAX_PIXELS = 100_000_000  # where the environment variable CAESR_MAX_PIXELS says nothing
BYTES_PER_PIXEL = 24  # of memory while a file is decoded: three times what the largest pixels take
SNIFFED_BYTES = 65536
FORMATS = {  # how a file of each begins, and which of libvips's decoders reads it
    "jpg": (rb"\xff\xd8\xff", "jpegload"),
    "png": (rb"\x89PNG\r\n\x1a\n", "pngload"),
    "webp": (rb"RIFF....WEBP", "webpload"),
    "tif": (rb"II[*+]\0|MM\0[*+]", "tiffload"),
    "gif": (rb"GIF8[79]a", "gifload"),
}


def inspect(path: str | os.PathLike[str]) -> ImageInfo:
    """Say what a file holds, from its header alone.

    Raises:
        PictureError: no file, no picture, a damaged one, or one of a kind that is not read.
    """
    return open_image(Path(path))[1]


def read_picture(path: str | os.PathLike[str], max_pixels: int | None = None) -> Picture[np.ndarray]:
    """Read the first page of a file, upright.

    Palettes become RGB; 1, 2 and 4 bits become 8; a transparent colour becomes alpha; CMYK and Lab
    become sRGB. A profile that does not fit the pixels is left out.

    Args:
        path: a JPEG, PNG, WebP, TIFF or GIF, whatever its suffix.
        max_pixels: a picture with more is refused before it is decoded, and so is one whose decoder would take
            more than 24 bytes of memory for each of so many. None: the number in the environment variable
            CAESR_MAX_PIXELS, or else 100 megapixels.

    Raises:
        PictureError: as for `inspect`; also over the limit, or cut short.
    """
    opened = open_picture(path, max_pixels)
    return Picture(opened.pixels[:, :], opened.icc, opened.exif, opened.dpi)


def open_picture(path: str | os.PathLike[str], max_pixels: int | None = None) -> Picture[LazyPixels]:
    """As `read_picture`, but the pixels are decoded when they are asked for; that a file is cut short is found out then.

    A picture that is turned, as its file says, is decoded at once: its first row is the last that a file has.
    """
    path = Path(path)
    image, facts = open_image(path)
    limit = _max_pixels() if max_pixels is None else max_pixels
    if facts.width * facts.height > limit:
        raise PictureError(
            f"{path.name} has {facts.width} x {facts.height} pixels, over the limit of "
            f"{limit / 1e6:g} megapixels; make it smaller or raise CAESR_MAX_PIXELS."
        )
    if (need := decoder_memory(image)) > BYTES_PER_PIXEL * limit:
        raise PictureError(
            f"{path.name} takes {need / 1e9:.2g} GB of memory to decode, over the limit of {BYTES_PER_PIXEL * limit / 1e9:.2g} "
            "GB; save it otherwise, not interlaced, with more and shorter rows, or raise CAESR_MAX_PIXELS."
        )
    icc, exif = field_of(image, "icc-profile-data"), field_of(image, "exif-data")
    dpi = image.xres * 25.4 if image.xres > 1 else 72.0  # 1 a millimetre: the file does not say
    with _damage(path):
        if image.interpretation == "cmyk":
            how = {"intent": "relative", "black_point_compensation": True, "depth": facts.depth}
            # through the profile of the file, or where there is none a usual one for print
            image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", **how)
            icc = None
        elif image.interpretation == "labs":
            image, icc = image.colourspace("rgb16"), None
        if field_of(image, "orientation", 1) != 1:  # files are decoded from top to bottom, only once
            image = image.copy_memory().autorot()

    dtype, region = np.dtype(np.uint8 if image.format == "uchar" else np.uint16), pyvips.Region.new(image)

    def rows(first: int, last: int) -> np.ndarray:
        with _damage(path):
            if last - first == facts.height:
                return image.numpy().reshape(last, facts.width, -1)  # of which a region would make copies
            pixels = region.fetch(0, first, facts.width, last - first)
            return np.frombuffer(pixels, dtype).reshape(last - first, facts.width, -1)

    return Picture(
        pixels=LazyPixels((facts.height, facts.width, image.bands), dtype, rows),
        icc=fitting(icc, image.bands),
        exif=edited(exif, dpi, keep_location=True) if exif else None,
        dpi=dpi,
    )


def open_image(path: Path) -> tuple[Any, ImageInfo]:
    """The image of a file, of which only the header has been read so far, and its facts."""
    name = path.name
    try:
        if not path.is_file():  # a pipe would be waited for
            wrong = f"{path} is a folder" if path.is_dir() else f"There is no file {path}"
            raise PictureError(f"{wrong}; name a picture that is there.")
        with path.open("rb") as file:
            start = file.read(SNIFFED_BYTES)
    except OSError as error:
        message = f"{name} cannot be opened ({error.strerror}); check that you may read it."
        raise PictureError(message) from error
    if not start:
        raise PictureError(f"{name} is empty; get it afresh.")
    found = [key for key, (first, _) in FORMATS.items() if re.match(first, start, re.DOTALL)]
    if not found:
        raise PictureError(f"{name} is not a JPEG, PNG, WebP, TIFF or GIF; save it as one of them.")
    with _damage(path):  # a decoder by its name, not the one that libvips would find for the file
        format = found[0]
        load = getattr(pyvips.Image, FORMATS[format][1])
        image = load(os.fsencode(path), access="sequential", fail_on="error").copy()
    image.set_type(pyvips.GValue.gint_type, "concurrency", 1)  # more threads take more memory, and no less time
    if format == "tif":
        thumbnail, exif = tiff.read(path)
        if thumbnail:
            raise PictureError(f"{name} is a raw photograph; develop it to a TIFF or JPEG first.")
        if exif:
            image.set_type(pyvips.GValue.blob_type, "exif-data", exif)

    lab = image.interpretation == "labs"  # the one kind with signed numbers
    depth = 16 if lab else {"uchar": 8, "ushort": 16}.get(image.format)
    if depth is None:  # of float above all nobody says which number is white
        raise PictureError(
            f"{name} has {image.format} pixels, black and white unknown; save it with 8 or 16 bits each."
        )
    channels = image.bands - (image.interpretation == "cmyk")  # whose four become three
    if channels not in ((1, 2) if image.interpretation in ("b-w", "grey16") else (3, 4)):
        raise PictureError(f"{name} has {image.bands} channels; save it as grey, RGB or RGBA.")

    on_its_side = field_of(image, "orientation", 1) in (5, 6, 7, 8)
    icc = field_of(image, "icc-profile-data")
    pages = field_of(image, "n-pages", 1)
    if format == "png" and (at := start.find(b"acTL")) > 0:  # libvips knows no animated PNG
        pages = int.from_bytes(start[at + 4 : at + 8])
    return image, ImageInfo(
        width=image.height if on_its_side else image.width,
        height=image.width if on_its_side else image.height,
        mode=MODES[channels],
        depth=depth,
        format=format,
        profile=profile_name(icc) if icc else None,
        pages=pages,
    )


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except pyvips.Error as error:
        wrong = f"{path.name} is damaged, cut short or of a rare kind, and cannot be read"
        raise PictureError(f"{wrong}; get it afresh or save it anew.") from error


def _max_pixels() -> int:
    text = os.environ.get("CAESR_MAX_PIXELS") or MAX_PIXELS
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        message = f"CAESR_MAX_PIXELS is {text!r}; make it a number of pixels, such as 100000000."
        raise PictureError(message) from error
