"""The boxes that HEIF, AVIF and JPEG XL files consist of (ISO 14496-12, 4.2)."""

import mmap
import struct
from collections.abc import Iterator

MAX_BOXES = 10_000  # in a list of boxes


def boxes(
    data: bytes | bytearray | mmap.mmap, start: int = 0, stop: int | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box, and where its content starts and stops; the last one may be cut short.

    Args:
        start, stop: of the boxes; by default all of the data.
    """
    end = len(data) if stop is None else stop
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,), header = struct.unpack_from(">Q", data, start + 8), 16
        size = size or end - start  # 0: it reaches to the end
        if size < header:
            return
        yield kind, start + header, min(start + size, end)
        start += size
