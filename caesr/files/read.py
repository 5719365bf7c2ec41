"""Read picture files: what the header says, and the pixels, upright, 8 or 16 bits a channel, grey or RGB, with alpha."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files import tiff
from caesr.files.colour import Interpreted, interpret
from caesr.files.decode import explain_damage, open_file
from caesr.files.decoder_memory import decoder_memory
from caesr.files.formats import SIGNATURE_BYTES, recognise
from caesr.files.lazy import LazyPixels
from caesr.files.metadata import profile_name, read_metadata
from caesr.files.picture import MODES, AnyPath, ImageInfo, Picture, PictureError
from caesr.files.vips import field_of, pyvips
from zoo.messages import Message

MAX_PIXELS = 100_000_000  # unless the environment variable CAESR_MAX_PIXELS says otherwise
BYTES_PER_PIXEL = 24  # of memory while a file is decoded: three times what the largest pixels take


def inspect(path: AnyPath) -> ImageInfo:
    """Return what a file's header says, without decoding pixels.

    Raises:
        PictureError: no file, not a picture, a damaged one, or one of an unsupported kind.
    """
    return open_image(Path(path))[2]


def read_picture(path: AnyPath, max_pixels: int | None = None) -> Picture[np.ndarray]:
    """Read the first page of a picture file, upright.

    Palettes become RGB; 1, 2 and 4 bits become 8; a transparent colour becomes alpha; CMYK and Lab become sRGB. A
    profile that does not fit the pixels is left out.

    Args:
        path: a JPEG, PNG, WebP, TIFF or GIF, whatever its suffix.
        max_pixels: a picture with more pixels is refused before it is decoded, and so is one whose decoder would take
            more than 24 bytes of memory for each of that many. None: the environment variable CAESR_MAX_PIXELS, by
            default 100 megapixels.
    Raises:
        PictureError: as for `inspect`; also over the limit, or cut short.
    """
    opened = open_picture(path, max_pixels)
    return Picture(opened.pixels[:, :], opened.icc, opened.metadata, opened.notes)


def open_picture(path: AnyPath, max_pixels: int | None = None) -> Picture[LazyPixels]:
    """Open a picture as `read_picture` does, but decode its rows on demand; whether it is cut short shows only then.

    A picture that its EXIF rotates is decoded at once, since its first row may be the last of the file.
    """
    path = Path(path)
    stored, interpreted, info = open_image(path)
    _check_limits(path.name, stored, info, _max_pixels() if max_pixels is None else max_pixels)
    image = interpreted.image
    with explain_damage(path):
        if field_of(image, "orientation", 1) != 1:  # a file can be decoded only once, from top to bottom
            image = image.copy_memory().autorot()
    dtype, region = np.dtype(np.uint8 if image.format == "uchar" else np.uint16), pyvips.Region.new(image)

    def decode(start: int, stop: int) -> np.ndarray:
        with explain_damage(path):
            if stop - start == info.height:
                return image.numpy().reshape(stop, info.width, -1)  # a region would copy them
            pixels = region.fetch(0, start, info.width, stop - start)
            return np.frombuffer(pixels, dtype).reshape(stop - start, info.width, -1)

    return Picture(
        pixels=LazyPixels((info.height, info.width, image.bands), dtype, decode),
        icc=interpreted.icc,
        metadata=read_metadata(stored, path, info.format),
        notes=interpreted.notes,
    )


def open_image(path: Path) -> tuple[Any, Interpreted, ImageInfo]:
    """Open a file, of which only the header has been read: as it is stored, and as grey or RGB.

    Raises:
        PictureError: as for `inspect`.
    """
    name, beginning = path.name, _read_beginning(path)
    format = recognise(beginning)
    if format is None:
        raise PictureError(Message("{name} is not a JPEG, PNG, WebP, TIFF or GIF; save it as one of them.", name=name))
    image = open_file(path, format)
    if format == "tif":
        is_thumbnail, exif = tiff.read_exif(path)
        if is_thumbnail:
            raise PictureError(Message("{name} is a raw photograph; develop it to a TIFF or JPEG first.", name=name))
        if exif:
            image.set_type(pyvips.GValue.blob_type, "exif-data", exif)
    interpreted = interpret(image, path, format)

    on_its_side = field_of(image, "orientation", 1) in (5, 6, 7, 8)
    width, height = (image.height, image.width) if on_its_side else (image.width, image.height)
    icc = field_of(image, "icc-profile-data")
    pages = field_of(image, "n-pages", 1)
    animation = beginning.find(b"acTL") if format == "png" else -1  # libvips knows no animated PNG
    if animation > 0:
        pages = int.from_bytes(beginning[animation + 4 : animation + 8])
    profile = profile_name(icc) if icc else None
    mode, depth = MODES[interpreted.image.bands], 8 if interpreted.image.format == "uchar" else 16
    return image, interpreted, ImageInfo(width, height, mode, depth, format, profile, pages)


def _read_beginning(path: Path) -> bytes:
    """Return the first bytes of a file."""
    try:
        if path.is_dir():
            raise PictureError(Message("{path} is a folder; name a picture that is there.", path=path))
        if not path.is_file():  # reading from a pipe would wait
            raise PictureError(Message("There is no file {path}; name a picture that is there.", path=path))
        with path.open("rb") as file:
            beginning = file.read(SIGNATURE_BYTES)
    except OSError as error:
        message = "{name} cannot be opened ({reason}); check that you may read it."
        raise PictureError(Message(message, name=path.name, reason=error.strerror)) from error
    if not beginning:
        raise PictureError(Message("{name} is empty; get it afresh.", name=path.name))
    return beginning


def _check_limits(name: str, image: Any, info: ImageInfo, max_pixels: int) -> None:
    """Raise PictureError for a picture with too many pixels, or whose decoder takes too much memory."""
    if info.width * info.height > max_pixels:
        message = (
            "{name} has {width} x {height} pixels, over the limit of {limit} megapixels; make it smaller or raise "
            "CAESR_MAX_PIXELS."
        )
        limit = f"{max_pixels / 1e6:g}"
        raise PictureError(Message(message, name=name, width=info.width, height=info.height, limit=limit))
    need, most = decoder_memory(image), BYTES_PER_PIXEL * max_pixels
    if need > most:
        message = (
            "{name} takes {gigabytes} GB of memory to decode, over the limit of {limit} GB; save it otherwise, not "
            "interlaced, with more and shorter rows, or raise CAESR_MAX_PIXELS."
        )
        raise PictureError(Message(message, name=name, gigabytes=f"{need / 1e9:.2g}", limit=f"{most / 1e9:.2g}"))


def _max_pixels() -> int:
    """Return the limit that the environment sets."""
    text = os.environ.get("CAESR_MAX_PIXELS") or MAX_PIXELS
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        message = "CAESR_MAX_PIXELS is {value}; make it a number of pixels, such as 100000000."
        raise PictureError(Message(message, value=repr(text))) from error
