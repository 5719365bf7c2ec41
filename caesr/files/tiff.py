"""EXIF in TIFF, which libvips neither reads nor writes: taken out in one piece, as other formats hold it, and added.

EXIF is itself built like a TIFF: directories of numbered tags, two of them within the first.
"""

import mmap
import os
import struct
from collections.abc import Container
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

Directory = dict[int, tuple[int, Any]]  # tag: (type, values)
EXIF_DIRECTORY, GPS_DIRECTORY = 34665, 34853
# What is EXIF in the first directory of a TIFF, not its structure: what, which camera, when, who.
TIFF_EXIF = {270, 271, 272, 305, 306, 315, 18246, 33432, *range(40091, 40096)}
TIFF_EXIF |= {EXIF_DIRECTORY, GPS_DIRECTORY}
SIZES = {1: (1, 1), 2: (1, 1), 3: (2, 1), 4: (4, 1), 5: (4, 2), 6: (1, 1), 7: (1, 1), 8: (2, 1)}
SIZES |= {9: (4, 1), 10: (4, 2), 11: (4, 1), 12: (8, 1), 13: (4, 1)}  # bytes, numbers of a type


def read(path: Path) -> tuple[bool, bytes | None]:
    """Whether a TIFF begins with a thumbnail, and its EXIF in one piece."""
    thumbnail, exif = False, None
    # broken EXIF is no reason to lose a picture; a BigTIFF, built otherwise, counts as having none
    with path.open("rb") as file, suppress(ValueError, IndexError, struct.error):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            thumbnail = bool(_directory(source, {254}).get(254, (4, [0]))[1][0] == 1)
            if tags := _exif_directory(source):
                exif = b"II*\0" + struct.pack("<L", 8) + _laid_out(tags, "<", 8)
    return thumbnail, exif


def add(path: Path, exif: bytes, width: int, height: int) -> None:
    """Give a TIFF a new directory, at its end: the one it had and that of the EXIF."""
    tags = _exif_directory(exif)
    size = {40962: (4, np.array([width])), 40963: (4, np.array([height]))}
    tags[EXIF_DIRECTORY] = (4, tags.get(EXIF_DIRECTORY, (4, {}))[1] | size)
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            order, own = _order(source), _directory(source, range(65536), most=len(source))
        end = file.seek(0, os.SEEK_END)
        end += file.write(b"\0" * (end % 2))  # directories begin at even places
        file.write(_laid_out(tags | own, order, end))
        file.seek(4)
        file.write(struct.pack(order + "L", end))


def _exif_directory(source: bytes | mmap.mmap) -> Directory:
    tags = _directory(source, TIFF_EXIF)
    for tag in tags.keys() & {EXIF_DIRECTORY, GPS_DIRECTORY}:
        inner = _directory(source, range(65536), at=int(tags[tag][1][0]))
        inner.pop(40965, None)  # a third directory, which says little and would dangle
        tags[tag] = (4, inner)
    return tags


def _order(source: bytes | mmap.mmap) -> str:
    if source[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("neither TIFF nor EXIF")
    return "<" if source[:2] == b"II" else ">"


def _directory(
    source: bytes | mmap.mmap, wanted: Container[int], most: int = 65536, at: int | None = None
) -> Directory:
    """The directory at a place, or the first one: what is wanted of it and whole.

    `most` bytes of values are taken, lest a small file with many tags of one place fill the memory.
    """
    order = _order(source)
    place = struct.unpack_from(order + "L", source, 4)[0] if at is None else at
    (length,) = struct.unpack_from(order + "H", source, place)
    directory: Directory = {}
    for entry in range(place + 2, place + 2 + 12 * length, 12):
        tag, kind, count, start = struct.unpack_from(order + "HHLL", source, entry)
        unit, numbers = SIZES.get(kind, (1, 1))
        size = count * numbers * unit
        start = entry + 8 if size <= 4 else start
        if tag in wanted and kind in SIZES and size <= most and start + size <= len(source):
            most -= size
            directory[tag] = (kind, np.frombuffer(source[start : start + size], f"{order}u{unit}"))
    return directory


def _laid_out(directory: Directory, order: str, at: int) -> bytes:
    """A directory as it is written at a place in a file, its values behind it."""
    entries, behind = struct.pack(order + "H", len(directory)), b""
    end = at + 2 + 12 * len(directory) + 4
    for tag, (kind, values) in sorted(directory.items()):
        unit, numbers = SIZES[kind]
        here = end + len(behind)
        if isinstance(values, dict):
            count, data = 1, _laid_out(values, order, here)
        else:
            count, data = len(values) // numbers, values.astype(f"{order}u{unit}").tobytes()
        if len(data) > 4:
            behind += data + b"\0" * (len(data) % 2)
            data = struct.pack(order + "L", here)
        entries += struct.pack(order + "HHL", tag, kind, count) + data.ljust(4, b"\0")
    return entries + bytes(4) + behind  # the four zeros: there is no further page
