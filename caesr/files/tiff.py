"""Read and write EXIF in TIFF files, which libvips does neither; elsewhere it is one block, as other formats hold it.

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

Directory = dict[int, tuple[int, Any]]  # tag: (type, values); the values may be a Directory
NEW_SUBFILE_TYPE, IMAGE_WIDTH, IMAGE_HEIGHT = 254, 40962, 40963
EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY_DIRECTORY = 34665, 34853, 40965
# Tags of a TIFF's first directory that are EXIF, not its structure: description, camera, date, author.
EXIF_TAGS = {270, 271, 272, 305, 306, 315, 18246, 33432, *range(40091, 40096), EXIF_DIRECTORY, GPS_DIRECTORY}
ALL_TAGS = range(65536)
# type: (bytes of a number, numbers of a value)
TYPES = {1: (1, 1), 2: (1, 1), 3: (2, 1), 4: (4, 1), 5: (4, 2), 6: (1, 1), 7: (1, 1), 8: (2, 1)}
TYPES |= {9: (4, 1), 10: (4, 2), 11: (4, 1), 12: (8, 1), 13: (4, 1)}


def read_exif(path: Path) -> tuple[bool, bytes | None]:
    """Return whether a TIFF begins with a thumbnail, and its EXIF as one block, or None."""
    is_thumbnail, exif = False, None
    # broken EXIF is no reason to refuse a picture; a BigTIFF, which is built otherwise, counts as having none
    with path.open("rb") as file, suppress(ValueError, IndexError, struct.error):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            subfile_type = _read_directory(source, {NEW_SUBFILE_TYPE}).get(NEW_SUBFILE_TYPE, (4, [0]))[1]
            is_thumbnail = bool(subfile_type[0] == 1)
            tags = _read_exif_tags(source)
            if tags:
                exif = b"II*\0" + struct.pack("<L", 8) + _encode_directory(tags, "<", 8)
    return is_thumbnail, exif


def add_exif(path: Path, exif: bytes, width: int, height: int) -> None:
    """Append a directory to a TIFF that joins its own tags with those of the EXIF, and make it the first one."""
    tags = _read_exif_tags(exif)
    size = {IMAGE_WIDTH: (4, np.array([width])), IMAGE_HEIGHT: (4, np.array([height]))}
    tags[EXIF_DIRECTORY] = (4, tags.get(EXIF_DIRECTORY, (4, {}))[1] | size)
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            order, own = _byte_order(source), _read_directory(source, ALL_TAGS, max_bytes=len(source))
        end = file.seek(0, os.SEEK_END)
        end += file.write(b"\0" * (end % 2))  # directories begin at even offsets
        file.write(_encode_directory(tags | own, order, end))
        file.seek(4)
        file.write(struct.pack(order + "L", end))


def _read_exif_tags(source: bytes | mmap.mmap) -> Directory:
    """Return the EXIF tags of a TIFF or of a block of EXIF."""
    tags = _read_directory(source, EXIF_TAGS)
    for tag in tags.keys() & {EXIF_DIRECTORY, GPS_DIRECTORY}:
        inner = _read_directory(source, ALL_TAGS, offset=int(tags[tag][1][0]))
        inner.pop(INTEROPERABILITY_DIRECTORY, None)  # it says little, and its offset would no longer be right
        tags[tag] = (4, inner)
    return tags


def _byte_order(source: bytes | mmap.mmap) -> str:
    if source[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("neither TIFF nor EXIF")
    return "<" if source[:2] == b"II" else ">"


def _read_directory(
    source: bytes | mmap.mmap, wanted: Container[int], max_bytes: int = 65536, offset: int | None = None
) -> Directory:
    """Return the wanted tags of the first directory, or of that at an offset; tags that are cut short are left out.

    At most `max_bytes` of values are taken, or a small file with many tags that share one value would fill the memory.
    """
    order = _byte_order(source)
    start = struct.unpack_from(order + "L", source, 4)[0] if offset is None else offset
    (length,) = struct.unpack_from(order + "H", source, start)
    directory: Directory = {}
    for entry in range(start + 2, start + 2 + 12 * length, 12):
        tag, kind, count, place = struct.unpack_from(order + "HHLL", source, entry)
        unit, numbers = TYPES.get(kind, (1, 1))
        size = count * numbers * unit
        place = entry + 8 if size <= 4 else place
        if tag in wanted and kind in TYPES and size <= max_bytes and place + size <= len(source):
            max_bytes -= size
            directory[tag] = (kind, np.frombuffer(source[place : place + size], f"{order}u{unit}"))
    return directory


def _encode_directory(directory: Directory, order: str, offset: int) -> bytes:
    """Encode a directory for an offset in a file, its values behind it."""
    entries, values_data = struct.pack(order + "H", len(directory)), b""
    end = offset + 2 + 12 * len(directory) + 4
    for tag, (kind, values) in sorted(directory.items()):
        unit, numbers = TYPES[kind]
        place = end + len(values_data)
        if isinstance(values, dict):
            count, data = 1, _encode_directory(values, order, place)
        else:
            count, data = len(values) // numbers, values.astype(f"{order}u{unit}").tobytes()
        if len(data) > 4:
            values_data += data + b"\0" * (len(data) % 2)
            data = struct.pack(order + "L", place)
        entries += struct.pack(order + "HHL", tag, kind, count) + data.ljust(4, b"\0")
    return entries + bytes(4) + values_data  # the four zeros: there is no further page
