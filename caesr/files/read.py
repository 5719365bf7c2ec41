"""Read picture files: what the header says, and the pixels, upright, 8 or 16 bits a channel, with or without alpha."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files.colour.interpret import Interpreted, interpret
from caesr.files.decoders import parts
from caesr.files.decoders import pillow as pillow_decoder
from caesr.files.decoders.decode import PILLOW_FORMATS, open_file
from caesr.files.decoders.memory import decoder_memory
from caesr.files.decoders.row_decoder import RowDecoder
from caesr.files.formats import SIGNATURE_BYTES, recognise, refusal
from caesr.files.lazy import LazyPixels
from caesr.files.metadata.containers import tiff
from caesr.files.metadata.transfer import profile_name, read_metadata
from caesr.files.picture import MODES, AnyPath, ImageInfo, Picture, PictureError
from caesr.files.vips import field_of
from zoo.messages import Message

MAX_PIXELS = 100_000_000  # unless the environment variable CAESR_MAX_PIXELS says otherwise
PAGED = ("tif", "gif", "webp", "png")  # of which all pages can be read (`caesr.files.pages`)
BYTES_PER_PIXEL = 24  # of memory while a file is decoded: three times what the largest pixels take


def inspect(path: AnyPath) -> ImageInfo:
    """Return what a file's header says, without decoding pixels.

    Raises:
        PictureError: no file, not a picture, a damaged one, or one of an unsupported kind.
    """
    return open_image(Path(path)).info


def read_picture(path: AnyPath, max_pixels: int | None = None) -> Picture[np.ndarray]:
    """Read the first page of a picture file, upright.

    Palettes become RGB; 1, 2 and 4 bits become 8, other bits than 8 become 16; a transparent colour becomes alpha; CMYK
    and Lab become sRGB. A profile that does not fit the pixels is left out.

    Args:
        path: a JPEG, PNG, WebP, TIFF, GIF, BMP or AVIF, with the optional packages HEIC or JPEG XL, whatever its
            suffix.
        max_pixels: a picture with more pixels is refused before it is decoded, and so is one whose decoder would take
            more than 24 bytes of memory for each of that many. None: the environment variable CAESR_MAX_PIXELS, by
            default 100 megapixels.
    Raises:
        PictureError: as for `inspect`; also over the limit, or with more than half of it missing.
    """
    opened = open_picture(path, max_pixels)
    return Picture(opened.pixels[:, :], opened.icc, opened.metadata, opened.notes)


def open_picture(path: AnyPath, max_pixels: int | None = None, page: int | None = None) -> Picture[LazyPixels]:
    """Open a picture as `read_picture` does, but decode its rows on demand.

    Whether a file is damaged shows only then: a slightly damaged one adds to `notes` until the last row was read, and
    more damage raises PictureError where the rows are read. A picture that its EXIF rotates is decoded at once, since
    its first row may be the last of the file, and so is BMP, HEIC and JPEG XL.

    Args:
        page: of a TIFF, from 0; None: the first, and a note says that there are more.
    """
    path = Path(path)
    opened = open_image(path, page)
    info, notes = opened.info, list(opened.notes)
    check_limits(path.name, opened.stored, info, max_pixels)
    stored, interpreted, rows = opened.stored, opened.interpreted, opened.rows
    if info.format in PILLOW_FORMATS:
        stored, decoder_notes = pillow_decoder.decode(path, info.format)
        interpreted, notes = interpret(stored, path, info.format), list(decoder_notes)
    notes += parts.find_left_out(path, info.format)
    if info.pages > 1:
        notes.append(first_of_pages(info))
    notes += interpreted.notes

    def interpret_again(other: Any) -> Any:
        return interpret(other, path, info.format, page or 0).image

    decoder = RowDecoder(path, info.format, interpreted.image, interpret_again, rows, notes)
    decode: Callable[[int, int], np.ndarray] = decoder
    metadata = read_metadata(stored, path, info.format, page or 0)
    icc, orientation = interpreted.icc, orientation_of(stored)
    del opened, stored, interpreted  # the decoder closes the file after the last row
    if orientation != 1:  # a file can be decoded only once, from top to bottom
        upright = turn(decoder(0, decoder.height), orientation)

        def decode_upright(start: int, stop: int) -> np.ndarray:
            return np.ascontiguousarray(upright[start:stop])

        decode = decode_upright
    is_whole = orientation != 1 or info.format in PILLOW_FORMATS
    reopen = None if is_whole else lambda: open_picture(path, max_pixels, page).pixels
    shape = (info.height, info.width, decoder.channels)
    return Picture(LazyPixels(shape, decoder.dtype, decode, reopen), icc, metadata, notes)


@dataclass(frozen=True)
class OpenedImage:
    """A picture file of which only the header has been read."""

    stored: Any  # an image of libvips, as the file says it is
    interpreted: Interpreted  # as grey or RGB
    info: ImageInfo
    notes: tuple[Message, ...]  # for people: what of the file was mended or left out
    rows: int | None  # that hold pixels, from the top of the file; None: all


def first_of_pages(info: ImageInfo) -> Message:
    """Return the note that more pages are there than the first."""
    message = "It has {pages} pages or frames, of which the first was taken."
    if info.format in PAGED:
        message = "It has {pages} pages or frames, of which the first was taken; --pages all takes all."
    return Message(message, pages=info.pages)


def open_image(path: Path, page: int | None = None) -> OpenedImage:
    """Open a file, of which only the header is read.

    Args:
        page: of a TIFF, of which the information is, as of a file of one page; None: the first.
    Raises:
        PictureError: as for `inspect`.
    """
    beginning = _read_beginning(path)
    format = recognise(beginning)
    if format is None:
        raise refusal(path.name, beginning)
    opened = open_file(path, format, page or 0)
    image = opened.image
    if format == "tif" and tiff.is_thumbnail(path):
        raise PictureError(Message("{name} is a raw photograph; develop it to a TIFF or JPEG first.", name=path.name))
    interpreted = interpret(image, path, format, page or 0)

    on_its_side = orientation_of(image) >= 5
    width, height = (image.height, image.width) if on_its_side else (image.width, image.height)
    pages = 1 if page is not None else parts.count_pages(path, format, beginning, field_of(image, "n-pages", 1))
    icc = field_of(image, "icc-profile-data")
    profile = profile_name(icc) if icc else None
    mode, depth = MODES[interpreted.image.bands], 8 if interpreted.image.format == "uchar" else 16
    info = ImageInfo(width, height, mode, depth, format, profile, pages)
    return OpenedImage(image, interpreted, info, opened.notes, opened.rows)


def orientation_of(image: Any) -> int:
    """Return how a libvips image lies, 1 to 8 as in EXIF; 1 is upright, and what numbers beyond these mean, too."""
    orientation = field_of(image, "orientation", 1)
    return orientation if 1 <= orientation <= 8 else 1


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return a view of pixels (H, W, C), turned and mirrored as EXIF's orientation asks for (2 to 8)."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return pixels[::rows, ::columns]


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


def check_limits(name: str, image: Any, info: ImageInfo, max_pixels: int | None) -> None:
    """Raise PictureError for a picture with too many pixels, or whose decoder takes too much memory.

    Args:
        image: of libvips, as the file says it is.
        max_pixels: as for `read_picture`.
    """
    max_pixels = pixel_limit() if max_pixels is None else max_pixels
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


def pixel_limit() -> int:
    """Return the limit that the environment sets."""
    text = os.environ.get("CAESR_MAX_PIXELS") or MAX_PIXELS
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        message = "CAESR_MAX_PIXELS is {value}; make it a number of pixels, such as 100000000."
        raise PictureError(Message(message, value=repr(text))) from error
