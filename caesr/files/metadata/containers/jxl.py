"""JPEG XL: metadata read from its boxes (ISO 18181-2, 9); files written with the plugin of Pillow, an optional extra.

The plugin holds the whole picture in memory.
"""

import struct
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from caesr.files.boxes import boxes
from caesr.files.metadata.directories import Source
from caesr.files.picture import Metadata, PictureError
from zoo.messages import Message

PLUGIN = "pillow_jxl"


def read(source: Source) -> Metadata:
    """Return the metadata of a JPEG XL as they are; compressed ones are left out, since Python has no Brotli."""
    exif: bytes | None = None
    xmp: bytes | None = None
    compressed: set[bytes] = set()
    is_bare = source[:2] == b"\xff\x0a"  # a codestream without boxes
    for kind, start, stop in () if is_bare else boxes(source):
        if kind == b"Exif" and stop - start > 4:
            (offset,) = struct.unpack_from(">L", source, start)
            starts_at_once = source[start : start + 4] in (b"II*\0", b"MM\0*")  # as Pillow's plugin writes it
            exif = bytes(source[start + (0 if starts_at_once else 4 + offset) : stop])
        elif kind == b"xml ":
            xmp = xmp or bytes(source[start:stop])
        elif kind == b"brob":
            compressed.add(bytes(source[start : start + 4]))
    lost = [name for kind, name in ((b"Exif", "EXIF"), (b"xml ", "XMP")) if kind in compressed]
    notes = [Message("Its {kind} is compressed, which is not read, and is left out.", kind=name) for name in lost]
    return Metadata(exif, xmp, notes=tuple(notes))


def check(name: str) -> None:
    """Check that JPEG XL can be written.

    Raises:
        PictureError: the extra is not installed; it names the file.
    """
    if find_spec(PLUGIN) is None:
        message = (
            "{name}: JPEG XL needs an extra of CAESR; install it (pip install 'caesr[jxl]') or choose another format."
        )
        raise PictureError(Message(message, name=name))


def save(image: Any, path: Path, quality: int, metadata: Metadata) -> None:
    """Encode an image of libvips into a file; lossless at a quality of 100."""
    import_module(PLUGIN)
    exif = bytes(4) + metadata.exif if metadata.exif else b""  # the four zeros, which the plugin leaves to its caller
    picture = Image.fromarray(image.numpy())
    picture.save(path, "JXL", lossless=quality == 100, quality=quality, exif=exif, xmp=metadata.xmp or b"")
