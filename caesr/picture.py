"""Files <-> arrays: what a picture file holds, its pixels, and writing it back with nothing lost.

A picture is read as it is meant to be seen: upright, 8 or 16 bits a channel, grey or RGB, with or
without alpha. Its colours are left alone: the ICC profile travels along, so that a picture in
Display P3 stays right. Only what the network cannot see (CMYK, Lab) becomes sRGB.

JPEG, PNG, WebP and TIFF, and GIF to be read, all through libvips. A file is recognised by its content,
and no decoder but these five ever sees one. For a profile's name there is Pillow.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pyvips

from caesr import decoders, tiff_exif
from caesr.decoded import Decoded
from caesr.metadata import edited, fitting, profile_name
from caesr.strips import Strips
from caesr.unfinished import unfinished

MAX_PIXELS = 100_000_000  # where the environment variable CAESR_MAX_PIXELS says nothing
BYTES = 24  # of memory for each of them, while a file is decoded: three times what the largest pixels take
FORMATS = {  # how a file of each begins, and which of libvips's decoders reads it
    "jpg": (rb"\xff\xd8\xff", "jpegload"),
    "png": (rb"\x89PNG\r\n\x1a\n", "pngload"),
    "webp": (rb"RIFF....WEBP", "webpload"),
    "tif": (rb"II[*+]\0|MM\0[*+]", "tiffload"),
    "gif": (rb"GIF8[79]a", "gifload"),
}
WRITTEN = ("jpg", "png", "webp", "tif")  # not gif, whose 256 colours no enlargement keeps to
MODES = {1: "greyscale", 2: "greyscale with alpha", 3: "colour", 4: "colour with alpha"}
LONGEST_SIDE = {"jpg": 65500, "webp": 16383}  # pixels; the other two hold more than memory does
METADATA = ("no location", "all", "none")
PACKING = 3  # of 9, for deflate in PNG and TIFF: at the usual 6 it takes as long as a small network
COUNTED = 30_000_000  # pixels up to which a JPEG gets codes of its own: for them it is held in memory as a whole
CLASSIC_TIFF = 4_000_000_000  # bytes of pixels; more of them need a BigTIFF

pyvips.block_untrusted_set(True)  # decoders that libvips itself would not show a stranger's file
pyvips.cache_set_max(0)  # would hold decoded pictures in memory, and show a changed file as it was


def _words(said: Any) -> str:
    """What libvips says, which may quote a file, and so be no UTF-8."""
    return pyvips.ffi.string(said).decode(errors="replace")


pyvips._to_string = pyvips.error._to_string = _words  # of the log and of errors; pyvips's own would raise


Pixels = TypeVar("Pixels", bound=np.ndarray | Decoded)


class PictureError(ValueError):
    """A picture that cannot be read or written. One sentence: what is wrong, where, what to do."""


@dataclass(frozen=True)
class Facts:
    """What the header of a file says; nothing is decoded for it."""

    width: int  # pixels, of the upright picture
    height: int
    mode: str  # 'colour', 'greyscale', 'colour with alpha', 'greyscale with alpha'
    depth: int  # 8 or 16 bits a channel
    format: str  # 'jpg', 'png', 'webp', 'tif', 'gif'
    profile: str | None  # the name of the embedded ICC profile
    pages: int  # frames of an animation or pages of a TIFF, of which the first is read


@dataclass(frozen=True, eq=False)
class Picture(Generic[Pixels]):
    """Pixels, and what travels with them: `dataclasses.replace(picture, pixels=...)` keeps it."""

    pixels: Pixels  # (H, W, C) uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    icc: bytes | None = None  # the profile of the colours; None: sRGB
    exif: bytes | None = None  # as stored, but saying upright, and without the thumbnail
    dpi: float = 72.0  # dots per inch in print; a density that `exif` names comes before this one

    def __post_init__(self) -> None:
        array = self.pixels
        if array.ndim != 3 or not array.size or array.shape[2] > 4 or array.dtype not in (np.uint8, np.uint16):
            message = f"not (H, W, 1 to 4) of uint8 or uint16: {array.shape} of {array.dtype}"
            raise ValueError(message)


def inspect(path: str | os.PathLike[str]) -> Facts:
    """Say what a file holds, from its header alone.

    Raises:
        PictureError: no file, no picture, a damaged one, or one of a kind that is not read.
    """
    return _open(Path(path))[1]


def read(path: str | os.PathLike[str], max_pixels: int | None = None) -> Picture[np.ndarray]:
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
    way = stream(path, max_pixels)
    return Picture(way.pixels[:, :], way.icc, way.exif, way.dpi)


def stream(path: str | os.PathLike[str], max_pixels: int | None = None) -> Picture[Decoded]:
    """As `read`, but the pixels are decoded when they are asked for; that a file is cut short is found out then.

    A picture that is turned, as its file says, is decoded at once: its first row is the last that a file has.
    """
    path = Path(path)
    image, facts = _open(path)
    limit = _max_pixels() if max_pixels is None else max_pixels
    if facts.width * facts.height > limit:
        raise PictureError(
            f"{path.name} has {facts.width} x {facts.height} pixels, over the limit of "
            f"{limit / 1e6:g} megapixels; make it smaller or raise CAESR_MAX_PIXELS."
        )
    if (need := decoders.memory(image)) > BYTES * limit:
        raise PictureError(
            f"{path.name} takes {need / 1e9:.2g} GB of memory to decode, over the limit of {BYTES * limit / 1e9:.2g} "
            "GB; save it otherwise, not interlaced, with more and shorter rows, or raise CAESR_MAX_PIXELS."
        )
    icc, exif = _field(image, "icc-profile-data"), _field(image, "exif-data")
    dpi = image.xres * 25.4 if image.xres > 1 else 72.0  # 1 a millimetre: the file does not say
    with _damage(path):
        if image.interpretation == "cmyk":
            how = {"intent": "relative", "black_point_compensation": True, "depth": facts.depth}
            # through the profile of the file, or where there is none a usual one for print
            image = image.icc_transform("srgb", embedded=True, input_profile="cmyk", **how)
            icc = None
        elif image.interpretation == "labs":
            image, icc = image.colourspace("rgb16"), None
        if _field(image, "orientation", 1) != 1:  # files are decoded from top to bottom, only once
            image = image.copy_memory().autorot()

    dtype, region = np.dtype(np.uint8 if image.format == "uchar" else np.uint16), pyvips.Region.new(image)

    def rows(first: int, last: int) -> np.ndarray:
        with _damage(path):
            if last - first == facts.height:
                return image.numpy().reshape(last, facts.width, -1)  # of which a region would make copies
            pixels = region.fetch(0, first, facts.width, last - first)
            return np.frombuffer(pixels, dtype).reshape(last - first, facts.width, -1)

    return Picture(
        pixels=Decoded((facts.height, facts.width, image.bands), dtype, rows),
        icc=fitting(icc, image.bands),
        exif=edited(exif, dpi, keep_location=True) if exif else None,
        dpi=dpi,
    )


def write(
    picture: Picture,
    path: str | os.PathLike[str],
    format: str | None = None,
    quality: int = 95,
    metadata: str = "no location",
) -> Path:
    """Write a picture as `writing` does.

    Raises:
        PictureError: as for `writing`.
    """
    height, width = picture.pixels.shape[:2]
    with writing(picture, (height, width), path, format, quality, metadata) as strips:
        strips.add(picture.pixels)
    return Path(path)


@contextmanager
def writing(
    like: Picture,
    size: tuple[int, int],
    path: str | os.PathLike[str],
    format: str | None = None,
    quality: int = 95,
    metadata: str = "no location",
) -> Iterator[Strips]:
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
        with unfinished(path) as part:

            def save(image: Any) -> None:
                _save(_image(image, like, format, metadata), part, format, quality)

            with Strips((*size, like.pixels.shape[2]), like.pixels.dtype, save) as strips:
                yield strips
    except (pyvips.Error, OSError) as error:
        said = re.search("system error: (.+)", str(error))  # the first is the cause, what follows its consequences
        why = error.strerror if isinstance(error, OSError) else said[1] if said else "perhaps the disk is full"
        message = f"{path} cannot be written ({why}); make room or choose another place."
        raise PictureError(message) from error


# --- reading ------------------------------------------------------------------------------------


def _open(path: Path) -> tuple[Any, Facts]:
    """The image of a file, of which only the header has been read so far, and its facts."""
    name = path.name
    try:
        if not path.is_file():  # a pipe would be waited for
            wrong = f"{path} is a folder" if path.is_dir() else f"There is no file {path}"
            raise PictureError(f"{wrong}; name a picture that is there.")
        with path.open("rb") as file:
            start = file.read(65536)
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
        thumbnail, exif = tiff_exif.read(path)
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

    on_its_side = _field(image, "orientation", 1) in (5, 6, 7, 8)
    icc = _field(image, "icc-profile-data")
    pages = _field(image, "n-pages", 1)
    if format == "png" and (at := start.find(b"acTL")) > 0:  # libvips knows no animated PNG
        pages = int.from_bytes(start[at + 4 : at + 8])
    return image, Facts(
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


def _field(image: Any, name: str, default: Any = None) -> Any:
    return image.get(name) if image.get_typeof(name) else default


def _max_pixels() -> int:
    text = os.environ.get("CAESR_MAX_PIXELS") or MAX_PIXELS
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        message = f"CAESR_MAX_PIXELS is {text!r}; make it a number of pixels, such as 100000000."
        raise PictureError(message) from error


# --- writing ------------------------------------------------------------------------------------


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
    exif = _field(image, "exif-data")
    target, keep = os.fsencode(path), "icc|exif" if exif else "icc"
    if format == "jpg":
        optimised = image.width * image.height <= COUNTED
        image.jpegsave(target, keep=keep, Q=quality, subsample_mode="off", optimize_coding=optimised)
    elif format == "png":
        image.pngsave(target, keep=keep, filter="paeth", compression=PACKING)
    elif format == "webp" and quality == 100:
        image.webpsave(target, keep=keep, lossless=True, exact=True)
    elif format == "webp":
        image.webpsave(target, keep=keep, Q=quality, smart_subsample=True)
    else:
        size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
        smaller = {"compression": "deflate", "predictor": "horizontal", "level": PACKING}
        image.tiffsave(target, keep=keep, bigtiff=size > CLASSIC_TIFF, **smaller)
        if exif and size <= CLASSIC_TIFF:
            tiff_exif.add(path, exif, image.width, image.height)
