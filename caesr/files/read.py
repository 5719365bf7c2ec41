"""Read picture files: what the header says, and the pixels, upright, 8 or 16 bits a channel, grey or RGB, with alpha.

Colours are not converted: the ICC profile is kept, so that a picture in Display P3 stays right. Only what networks
cannot process (CMYK, Lab) becomes sRGB. A file is recognised by its content, and of libvips's decoders only those of
JPEG, PNG, WebP, TIFF and GIF are used.
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
from caesr.files.metadata import edit_exif, fitting_profile, profile_name
from caesr.files.picture import MODES, AnyPath, ImageInfo, Picture, PictureError
from caesr.files.vips import field_of, pyvips
from zoo.messages import Message

MAX_PIXELS = 100_000_000  # unless the environment variable CAESR_MAX_PIXELS says otherwise
BYTES_PER_PIXEL = 24  # of memory while a file is decoded: three times what the largest pixels take
SIGNATURE_BYTES = 65536  # read before a file is opened; an animated PNG says within these that it is one
FORMATS = {  # how a file of each begins, and the decoder of libvips for it
    "jpg": (rb"\xff\xd8\xff", "jpegload"),
    "png": (rb"\x89PNG\r\n\x1a\n", "pngload"),
    "webp": (rb"(?s)RIFF....WEBP", "webpload"),
    "tif": (rb"II[*+]\0|MM\0[*+]", "tiffload"),
    "gif": (rb"GIF8[79]a", "gifload"),
}


def inspect(path: AnyPath) -> ImageInfo:
    """Return what a file's header says, without decoding pixels.

    Raises:
        PictureError: no file, not a picture, a damaged one, or one of an unsupported kind.
    """
    return open_image(Path(path))[1]


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
    return Picture(opened.pixels[:, :], opened.icc, opened.exif, opened.dpi)


def open_picture(path: AnyPath, max_pixels: int | None = None) -> Picture[LazyPixels]:
    """Open a picture as `read_picture` does, but decode its rows on demand; whether it is cut short shows only then.

    A picture that its EXIF rotates is decoded at once, since its first row may be the last of the file.
    """
    path = Path(path)
    image, info = open_image(path)
    _check_limits(path.name, image, info, _max_pixels() if max_pixels is None else max_pixels)
    icc, exif = field_of(image, "icc-profile-data"), field_of(image, "exif-data")
    dpi = image.xres * 25.4 if image.xres > 1 else 72.0  # 1 a millimetre: the file does not say
    with _explain_damage(path):
        if image.interpretation == "cmyk":  # through the file's profile, or a common one for print if there is none
            options = {"intent": "relative", "black_point_compensation": True, "depth": info.depth}
            image, icc = image.icc_transform("srgb", embedded=True, input_profile="cmyk", **options), None
        elif image.interpretation == "labs":
            image, icc = image.colourspace("rgb16"), None
        if field_of(image, "orientation", 1) != 1:  # a file can be decoded only once, from top to bottom
            image = image.copy_memory().autorot()
    dtype, region = np.dtype(np.uint8 if image.format == "uchar" else np.uint16), pyvips.Region.new(image)

    def decode(start: int, stop: int) -> np.ndarray:
        with _explain_damage(path):
            if stop - start == info.height:
                return image.numpy().reshape(stop, info.width, -1)  # a region would copy them
            pixels = region.fetch(0, start, info.width, stop - start)
            return np.frombuffer(pixels, dtype).reshape(stop - start, info.width, -1)

    return Picture(
        pixels=LazyPixels((info.height, info.width, image.bands), dtype, decode),
        icc=fitting_profile(icc, image.bands),
        exif=edit_exif(exif, dpi, keep_location=True) if exif else None,
        dpi=dpi,
    )


def open_image(path: Path) -> tuple[Any, ImageInfo]:
    """Open a file as a libvips image, of which only the header has been read; PictureError as for `inspect`."""
    name, beginning = path.name, _read_beginning(path)
    formats = [format for format, (signature, _) in FORMATS.items() if re.match(signature, beginning)]
    if not formats:
        raise PictureError(Message("{name} is not a JPEG, PNG, WebP, TIFF or GIF; save it as one of them.", name=name))
    format = formats[0]
    with _explain_damage(path):  # by a decoder's name: libvips would choose among all that it has
        load = getattr(pyvips.Image, FORMATS[format][1])
        image = load(os.fsencode(path), access="sequential", fail_on="error").copy()
    image.set_type(pyvips.GValue.gint_type, "concurrency", 1)  # more threads take more memory, and no less time
    if format == "tif":
        is_thumbnail, exif = tiff.read_exif(path)
        if is_thumbnail:
            raise PictureError(Message("{name} is a raw photograph; develop it to a TIFF or JPEG first.", name=name))
        if exif:
            image.set_type(pyvips.GValue.blob_type, "exif-data", exif)

    is_lab = image.interpretation == "labs"  # the one kind with signed numbers
    depth = 16 if is_lab else {"uchar": 8, "ushort": 16}.get(image.format)
    if depth is None:  # float above all, for which no number is known to be white
        message = "{name} has {kind} pixels, black and white unknown; save it with 8 or 16 bits each."
        raise PictureError(Message(message, name=name, kind=image.format))
    channels = image.bands - (image.interpretation == "cmyk")  # whose four become three
    if channels not in ((1, 2) if image.interpretation in ("b-w", "grey16") else (3, 4)):
        message = "{name} has {count} channels; save it as grey, RGB or RGBA."
        raise PictureError(Message(message, name=name, count=image.bands))

    on_its_side = field_of(image, "orientation", 1) in (5, 6, 7, 8)
    width, height = (image.height, image.width) if on_its_side else (image.width, image.height)
    icc = field_of(image, "icc-profile-data")
    pages = field_of(image, "n-pages", 1)
    animation = beginning.find(b"acTL") if format == "png" else -1  # libvips knows no animated PNG
    if animation > 0:
        pages = int.from_bytes(beginning[animation + 4 : animation + 8])
    profile = profile_name(icc) if icc else None
    return image, ImageInfo(width, height, MODES[channels], depth, format, profile, pages)


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


@contextmanager
def _explain_damage(path: Path) -> Iterator[None]:
    """Raise the errors of libvips as PictureError."""
    try:
        yield
    except pyvips.Error as error:
        message = "{name} is damaged, cut short or of a rare kind, and cannot be read; get it afresh or save it anew."
        raise PictureError(Message(message, name=path.name)) from error


def _max_pixels() -> int:
    """Return the limit that the environment sets."""
    text = os.environ.get("CAESR_MAX_PIXELS") or MAX_PIXELS
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        message = "CAESR_MAX_PIXELS is {value}; make it a number of pixels, such as 100000000."
        raise PictureError(Message(message, value=repr(text))) from error
