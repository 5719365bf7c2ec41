"""EXIF edited: upright, without thumbnail and location, with size, density and texts of a result; all else stays."""

import struct
from collections.abc import Mapping

from caesr.files.metadata.directories import (
    ASCII,
    BYTE,
    EXIF_DIRECTORY,
    GPS_DIRECTORY,
    INTEROPERABILITY_DIRECTORY,
    LONG,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Directory,
    Value,
    encode_block,
    read_block,
)
from caesr.files.picture import Density

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
# Sides of the picture: in the first directory, and those of EXIF and interoperability.
WIDTHS, HEIGHTS = (256, 40962, 4097), (257, 40963, 4098)
USER_COMMENT, XP_TITLE, IMAGE_DESCRIPTION = 37510, 40091, 270
# Where texts that PNG has under these keywords, whatever their case, go in EXIF; "parameters" are of a generator.
TEXT_TAGS = {"comment": (USER_COMMENT, IMAGE_DESCRIPTION), "parameters": (USER_COMMENT,), "title": (XP_TITLE,)}
TEXT_TAGS |= {"description": (IMAGE_DESCRIPTION,), "software": (305,), "author": (315,), "artist": (315,)}
TEXT_TAGS |= {"copyright": (33432,), "make": (271,), "model": (272,)}


def edit_exif(
    block: bytes,
    size: tuple[int, int] | None = None,
    density: Density | None = None,
    keep_location: bool = True,
) -> bytes:
    """Return EXIF that says upright, without its thumbnail.

    Args:
        size: (H, W) that it shall say; None: as it is.
        density: that it shall say; None: as it is.
        keep_location: whether the GPS tags stay.
    Raises:
        ValueError: it is damaged.
    """
    order, root = read_block(block)
    exif = root.inner(EXIF_DIRECTORY)
    if ORIENTATION in root.tags:
        root.set(ORIENTATION, SHORT, struct.pack(order + "H", 1))
    if not keep_location:
        root.tags.pop(GPS_DIRECTORY, None)
    if size is not None:
        if exif is not None:  # where these two are mandatory
            exif.tags.setdefault(HEIGHTS[1], Value(LONG, b""))
            exif.tags.setdefault(WIDTHS[1], Value(LONG, b""))
        interoperability = exif.inner(INTEROPERABILITY_DIRECTORY) if exif else None
        for directory in filter(None, (root, exif, interoperability)):
            for tags, number in ((HEIGHTS, size[0]), (WIDTHS, size[1])):
                for tag in directory.tags.keys() & tags:
                    directory.set(tag, LONG, struct.pack(order + "L", number))
    if density is not None:
        set_density(root, order, density)
    return encode_block(root, order)


def add_texts(
    block: bytes | None, texts: Mapping[str, str], density: Density | None = None
) -> tuple[bytes | None, list[str]]:
    """Return EXIF that also says texts and density, a new block if there was none, and the keywords without a place.

    What the block says already stays.

    Args:
        texts: keyword and text; those without a tag in `TEXT_TAGS`, or whose tags are taken, have no place.
    Raises:
        ValueError: the block is damaged.
    """
    order, root = read_block(block) if block else ("<", Directory())
    lost = [keyword for keyword, text in texts.items() if not _add_text(root, order, keyword, text)]
    if density is not None:
        set_density(root, order, density)
    return (encode_block(root, order) if root.tags else None), lost


def _add_text(root: Directory, order: str, keyword: str, text: str) -> bool:
    """Add a text to the first tag of its keyword that is free; return whether there is one, or it says this already."""
    for tag in TEXT_TAGS.get(keyword.lower(), ()):
        directory = root
        value = Value(ASCII, text.encode(errors="replace") + b"\0")
        if tag == USER_COMMENT:
            directory = root.inner(EXIF_DIRECTORY) or Directory()
            value = Value(UNDEFINED, _encode_comment(text, order))
        elif tag == XP_TITLE:
            value = Value(BYTE, text.encode("utf-16-le", errors="replace") + bytes(2))
        present = directory.value(tag)
        if present is None or not present.data[8 if tag == USER_COMMENT else 0 :].strip(b"\0 "):
            directory.tags[tag] = value
            if directory is not root:
                root.tags[EXIF_DIRECTORY] = directory
            return True
        if present.data == value.data:
            return True
    return False


def _encode_comment(text: str, order: str) -> bytes:
    """Encode a text as a UserComment, which names its encoding."""
    if text.isascii():
        return b"ASCII\0\0\0" + text.encode()
    return b"UNICODE\0" + text.encode("utf-16-le" if order == "<" else "utf-16-be", errors="replace")


def density_of(root: Directory, order: str) -> Density | None:
    """Return the density that a first directory says."""
    x, y = (root.numbers(tag, order)[:1] for tag in (X_RESOLUTION, Y_RESOLUTION))
    x, y = x or y, y or x
    unit = (root.numbers(RESOLUTION_UNIT, order) or [2])[0]
    if not x or not 0 < x[0] < 1e9 or not 0 < y[0] < 1e9 or (unit == 1 and x == y):
        return None
    factor = 2.54 if unit == 3 else 1
    return Density(x[0] * factor, y[0] * factor, is_ratio=unit == 1)


def set_density(root: Directory, order: str, density: Density) -> None:
    """Set the tags of density of a first directory."""
    for tag, fraction in zip((X_RESOLUTION, Y_RESOLUTION), density.rationals, strict=True):
        root.set(tag, RATIONAL, struct.pack(order + "LL", fraction.numerator, fraction.denominator))
    root.set(RESOLUTION_UNIT, SHORT, struct.pack(order + "H", 1 if density.is_ratio else 2))
