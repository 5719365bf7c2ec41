"""What a file holds beside its first picture: pages and frames, gain maps, previews, videos, bytes after its end."""

import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from caesr.files.decoders.pillow import left_out
from caesr.files.jpeg_segments import APP2, EOI, segments
from caesr.files.metadata.directories import DirectoryReader
from zoo.messages import Message

SUBFILE_TYPE, REDUCED, MASK = 254, 1, 4
MP_ENTRY = 0xB002  # of 16 bytes for each picture
PICTURE, PREVIEW, GAIN_MAP = Message("a picture"), Message("a preview"), Message("an HDR gain map")
IS_GAIN_MAP = re.compile(rb"hdrgainmap|hdrgm:Version|iso:ts:21496")  # Apple, Ultra HDR, ISO 21496-1
IS_VIDEO = re.compile(rb"(?s)....ftyp(?:mp4|isom|iso[2-9]|qt  |MSNV|avc1)|MotionPhoto_Data")
BEGINNING_BYTES = 65536  # of a picture, within which it says that it is a gain map
MAX_PICTURES = 1000
MAX_TYPES_BYTES = 1 << 20


def count_pages(path: Path, format: str, beginning: bytes, pages: int) -> int:
    """Return how many pages or frames a file has.

    Args:
        beginning: its first bytes.
        pages: as its decoder says.
    """
    if format == "png":  # libvips knows no animated PNG, which says so before its pixels
        at = beginning.find(b"acTL", 0, beginning.find(b"IDAT") + 1 or len(beginning))
        return max(1, int.from_bytes(beginning[at + 4 : at + 8])) if at > 0 else pages
    if format == "jpg" or (format == "tif" and pages > 1):
        with _map(path) as data:
            if format == "jpg":
                return 1 + jpeg_pictures(data).count(PICTURE)
            return max(1, sum(not kind & (REDUCED | MASK) for kind in subfile_types(data, pages)))
    return pages


def find_left_out(path: Path, format: str) -> tuple[Message, ...]:
    """Return notes about a JPEG's end and its parts that are no pages; other formats' decoders make their own."""
    if format != "jpg":
        return ()
    with _map(path) as data:
        end = next((start for marker, start, _ in segments(data) if marker == EOI), None)
        if end is None:
            return (Message("It lacks the end of the file; its pixels are all there."),)
        pictures = jpeg_pictures(data)
        parts = [part for part in (GAIN_MAP, PREVIEW) if part in pictures]
        if GAIN_MAP not in parts and IS_GAIN_MAP.search(data, end):
            parts.append(GAIN_MAP)
        if IS_VIDEO.search(data, end):
            parts.append(Message("a video"))
        if not parts and not pictures and re.compile(rb"[^\0]").search(data, end):
            message = "It goes on after the end of the picture; {bytes} bytes were left out."
            return (Message(message, bytes=len(data) - end),)
    return tuple(left_out(part) for part in parts)


def _map(path: Path) -> mmap.mmap:
    """Return the bytes of a file."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def jpeg_pictures(data: mmap.mmap) -> list[Message]:
    """Return what the pictures after the first in a JPEG are (CIPA DC-007, 5.2): PICTURE, PREVIEW or GAIN_MAP."""
    found = []
    with suppress(struct.error, ValueError):
        for marker, start, stop in segments(data):
            if marker == EOI:
                break
            if marker == APP2 and data[start : start + 4] == b"MPF\0":
                base = start + 4
                for kind, offset in list(_entries(data[base:stop]))[1:]:
                    beginning = data[base + offset : base + offset + BEGINNING_BYTES]
                    if kind >> 16 & 0xFF == 1:
                        found.append(PREVIEW)
                    elif beginning[:2] == b"\xff\xd8":
                        found.append(GAIN_MAP if IS_GAIN_MAP.search(beginning) else PICTURE)
                break
    return found


def _entries(index: bytes) -> Iterator[tuple[int, int]]:
    """Yield the kind of each picture and where it begins, counted from the start of this index."""
    reader = DirectoryReader(index, len(index))
    entries = reader.read(reader.first, {MP_ENTRY}).value(MP_ENTRY)
    for kind, _, offset, _ in struct.iter_unpack(
        reader.order + "4L", entries.data[: MAX_PICTURES * 16] if entries else b""
    ):
        yield kind, offset


def subfile_types(data: mmap.mmap, pages: int) -> Iterator[int]:
    """Yield the kind of each page of a TIFF or BigTIFF (TIFF 6.0, NewSubfileType); 0: of no special kind."""
    with suppress(ValueError):
        reader = DirectoryReader(data, MAX_TYPES_BYTES)
        place = reader.first
        for _ in range(pages):
            if not place:
                return
            numbers = reader.read(place, {SUBFILE_TYPE}).numbers(SUBFILE_TYPE, reader.order)
            yield int(numbers[0]) if numbers else 0
            place = reader.following(place)
