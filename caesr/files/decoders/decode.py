"""Open picture files with the decoder of their format: libvips images whose rows are decoded on demand."""

import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caesr.files.decoders import mend
from caesr.files.decoders import pillow as pillow_decoder
from caesr.files.decoders.heif import read_heif
from caesr.files.decoders.tiff_layout import check_layout, read_layout
from caesr.files.decoders.tiff_samples import open_samples
from caesr.files.picture import damaged
from caesr.files.vips import field_of, pyvips
from zoo.messages import Message

DECODERS = {"jpg": "jpegload", "png": "pngload", "webp": "webpload", "gif": "gifload", "avif": "heifload"}
PILLOW_FORMATS = ("bmp", "heic", "jxl")  # decoded as a whole by `pillow_decoder`
ANIMATED_WEBP = 0x02  # of the flags in VP8X
STRICT = {"jpg": "warning"}  # libjpeg only warns of damaged pixels; other decoders warn of what does not matter
MENDERS: dict[str, Callable[[mend.Data], mend.Mended | None]] = {
    "png": mend.mend_png,
    "gif": mend.mend_gif,
    "webp": mend.mend_webp,
}


@dataclass(frozen=True)
class OpenedFile:
    """A file of which the header has been read, or more of it if it had to be mended."""

    image: Any  # of libvips, as the file says it is
    notes: tuple[Message, ...] = ()  # for people: what was mended or left out
    rows: int | None = None  # that hold pixels, from the top of the file; None: all


def open_file(path: Path, format: str, page: int = 0, frames: bool = False) -> OpenedFile:
    """Open a picture file as a libvips image, to be read once from the top down; only the header is read here.

    Of BMP, HEIC and JPEG XL the image is black: `pillow_decoder.decode` returns the pixels.

    Args:
        page: of a TIFF.
        frames: of a GIF or WebP all frames, one below the other.
    Raises:
        PictureError: the file is damaged.
    """
    with explain_damage(path):
        if format in PILLOW_FORMATS:
            image, notes = pillow_decoder.open_header(path, format)
            return OpenedFile(image, tuple(notes))
        if format == "tif":
            layout = read_layout(path, page)
            check_layout(layout, path.name)
            return OpenedFile(one_thread(open_samples(path, layout, page)))
        if format == "avif":
            return _open_avif(path)
        mended = _mend(path, MENDERS[format]) if format in MENDERS else None
        if mended is None:
            return OpenedFile(load(path, format, frames=frames))
        if frames and lacks_frames(mended, path, format):
            raise pyvips.Error("cut short")
        return OpenedFile(load(mended.data, format, frames=frames), notes_of(mended), mended.rows)


def load(source: Path | bytes, format: str, fail_on: str | None = None, frames: bool = False) -> Any:
    """Open a file, or what is in memory, with the decoder of its format; of an animation all frames if asked for."""
    name = DECODERS[format]  # libvips would choose among all decoders that it has
    options: dict[str, Any] = {"access": "sequential", "fail_on": fail_on or STRICT.get(format, "error")}
    options |= {"n": -1} if frames else {}
    if isinstance(source, bytes):
        return one_thread(getattr(pyvips.Image, f"{name}_buffer")(source, **options))
    return one_thread(getattr(pyvips.Image, name)(os.fsencode(source), **options))


def one_thread(image: Any) -> Any:
    """Return an image that is computed in one thread: more take more memory, and no less time."""
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "concurrency", 1)
    return image


def _open_avif(path: Path) -> OpenedFile:
    """Open an AVIF; white is 65535 if it has more than 8 bits, which libvips only shifts."""
    image, facts = load(path, "avif"), read_heif(path)
    bits = field_of(image, "bits-per-sample", 8)
    if bits > 8:
        image = image | image >> bits
    if facts.is_premultiplied and image.bands == 4:
        image = image.unpremultiply().rint().cast(image.format)
    image = image.copy()
    fields = pillow_decoder.cicp_fields(facts) | {"n-pages": max(field_of(image, "n-pages", 1), facts.frames)}
    for name, value in fields.items():
        image.set_type(pyvips.GValue.gint_type, name, value)
    return OpenedFile(image, tuple(pillow_decoder.left_out(part) for part in facts.left_out))


def _mend(path: Path, mender: Callable[[mend.Data], mend.Mended | None]) -> mend.Mended | None:
    """Return a file mended in memory, None if nothing of it is damaged.

    Raises:
        pyvips.Error: it is damaged too much.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return mender(data)
    except (mend.Hopeless, OSError, ValueError, LookupError) as error:
        raise pyvips.Error("damaged too much") from error


def lacks_frames(mended: mend.Mended, path: Path, format: str) -> bool:
    """Return whether a GIF or WebP that was mended may have had more frames than are left, or a whole one."""
    if mended.has_end:
        return False
    if format == "gif" and mended.rows is not None:
        return b"NETSCAPE2.0" in mended.data  # which animations begin with
    if format == "gif":  # of which the end, a byte, may be all that is missing
        return len(mended.data) - 1 < path.stat().st_size
    is_animated = mended.data[12:16] == b"VP8X" and bool(mended.data[20] & ANIMATED_WEBP)
    return is_animated and (not mended.lost or "ANMF" in mended.lost)  # metadata come after the frames


def notes_of(mended: mend.Mended) -> tuple[Message, ...]:
    """Return what people should know of a file that was mended, beside rows that are missing."""
    notes = []
    if mended.lost:
        message = "Damaged parts of it that hold no pixels were left out: {parts}."
        notes.append(Message(message, parts=", ".join(mended.lost)))
    if mended.surplus:
        message = "It goes on after the end of the picture; {bytes} bytes were left out."
        notes.append(Message(message, bytes=mended.surplus))
    if not mended.has_end and mended.rows is None:
        message = "It lacks the end of the file; its pixels are all there."
        notes.append(Message(message))
    return tuple(notes)


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Raise the errors of libvips as PictureError."""
    try:
        yield
    except pyvips.Error as error:
        raise damaged(path.name) from error
