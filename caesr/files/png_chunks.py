"""The chunks that a PNG consists of (ISO 15948, 5.3), found and encoded."""

import mmap
import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(data: bytes | mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, up to IEND, and where its content starts and stops.

    The last one may be cut short: then it stops beyond the end of the data, or its checksum does.
    """
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha():
            return
        yield kind, at + 8, at + 8 + length
        if kind == b"IEND":
            return
        at += 12 + length


def has_right_checksum(data: bytes | mmap.mmap, start: int, stop: int) -> bool:
    """Return whether the checksum of a chunk, whose content starts and stops there, is right."""
    return data[stop : stop + 4] == struct.pack(">I", zlib.crc32(data[start - 4 : stop]))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Encode a chunk: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
