"""Facts in the boxes of HEIF files (HEIC and AVIF) that their decoders do not give.

Boxes are those of ISO 14496-12, items and their properties those of ISO 23008-12.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from caesr.files.boxes import MAX_BOXES, boxes
from caesr.files.metadata.directories import Source
from zoo.messages import Message

MAX_META_BYTES = 16 << 20  # of the boxes that describe the items; pixels are elsewhere
AUXILIARY = {  # by a part of the name of their kind
    b"auxid:2": Message("a depth map"),
    b"auxiliary:depth": Message("a depth map"),
    b"hdrgainmap": Message("an HDR gain map"),
    b"matte": Message("masks of what it shows"),
}


@dataclass(frozen=True)
class HeifFacts:
    """What a HEIF file says beside the pixels of its primary picture."""

    cicp: tuple[int, int, int, int] | None = None  # primaries, transfer, matrix, full range (ITU-T H.273)
    is_premultiplied: bool = False  # colours were multiplied by alpha
    frames: int = 1  # of a sequence
    left_out: tuple[Message, ...] = ()  # parts that are no pages


def read_heif(path: Path) -> HeifFacts:
    """Return the facts of a HEIF file; those of boxes that are damaged are missing."""
    meta, frames, has_video = b"", 1, False
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        suppress(struct.error, IndexError),
    ):
        for kind, start, stop in boxes(data):
            if kind == b"meta" and not meta and stop - start <= MAX_META_BYTES:
                meta = data[start:stop]
            elif kind == b"moov" and stop - start <= MAX_META_BYTES:
                frames = max(frames, _count_samples(data[start:stop]))
            elif kind == b"mpvd":  # of a motion photo
                has_video = True
    facts = HeifFacts(frames=frames)
    with suppress(struct.error, IndexError):
        facts = _read_meta(meta, frames)
    left_out = (*facts.left_out, *([Message("a video")] if has_video else []))
    return HeifFacts(facts.cicp, facts.is_premultiplied, frames, left_out)


def _contents(data: Source, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each box in the content of another."""
    for kind, begin, stop in boxes(data, start):
        yield kind, data[begin:stop]


def _find(data: bytes, kind: bytes, start: int = 0) -> bytes:
    """Return the content of the first box of a kind; empty if there is none."""
    return next((content for found, content in _contents(data, start) if found == kind), b"")


def _count_samples(moov: bytes) -> int:
    """Return the number of pictures in the longest track."""
    counts = [1]
    for kind, track in _contents(moov):
        if kind == b"trak":
            table = _find(_find(_find(_find(track, b"mdia"), b"minf"), b"stbl"), b"stsz")
            counts.append(struct.unpack_from(">I", table, 8)[0] if len(table) >= 12 else 1)
    return max(counts)


def _read_meta(meta: bytes, frames: int) -> HeifFacts:
    """Return what the items of a file say."""
    primary_box, properties = _find(meta, b"pitm", 4), _find(meta, b"iprp", 4)
    primary = struct.unpack_from(">I" if primary_box[0] else ">H", primary_box, 4)[0]
    values = list(_contents(_find(properties, b"ipco")))
    cicp = None
    for index in _associations(_find(properties, b"ipma")).get(primary, ()):
        kind, value = values[index - 1] if 0 < index <= len(values) else (b"", b"")
        if kind == b"colr" and value[:4] == b"nclx":
            *numbers, full_range = struct.unpack_from(">HHHB", value, 4)
            cicp = (*numbers, full_range >> 7)
    left_out = [
        part
        for kind, value in values
        if kind == b"auxC"
        for name, part in AUXILIARY.items()
        if name in value[4:].split(b"\0")[0]
    ]
    if any(b"tmap" in content[:16] for _, content in _contents(_find(meta, b"iinf", 4), 2)):
        left_out.append(Message("an HDR gain map"))
    premultiplied = any(kind == b"prem" for kind, _ in _contents(_find(meta, b"iref", 4), 4))
    return HeifFacts(cicp, premultiplied, frames, tuple(dict.fromkeys(left_out)))


def _associations(table: bytes) -> dict[int, list[int]]:
    """Return the numbers of each item's properties, counted from one."""
    version, wide = table[0], table[3] & 1
    (count,) = struct.unpack_from(">I", table, 4)
    at, found = 8, {}
    for _ in range(min(count, MAX_BOXES)):
        item = struct.unpack_from(">I" if version else ">H", table, at)[0]
        at += 4 if version else 2
        length = table[at]
        numbers = struct.unpack_from(f">{length}{'H' if wide else 'B'}", table, at + 1)
        at += 1 + length * (1 + wide)
        found[item] = [number & (0x7FFF if wide else 0x7F) for number in numbers]  # the first bit: it is essential
    return found
