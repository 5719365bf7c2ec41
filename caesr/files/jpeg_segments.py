"""The segments of a JPEG file (ITU-T T.81, annex B), found without decoding it."""

import mmap
import re
from collections.abc import Iterator

SOI, EOI, SOS, APP1, APP2 = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2
MAX_SEGMENTS = 10_000
MARKER = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")  # beside stuffed bytes, fill bytes and restart markers


def segments(data: bytes | mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """Yield the marker of each segment, and where its content starts and stops; that of EOI is empty and the last.

    Pixels follow the content of SOS. There is no EOI if the file is cut short.
    """
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(data, at)
        if not found:
            return
        marker, start = data[found.start() + 1], found.end()
        if marker == EOI:
            yield EOI, start, start
            return
        if marker in (0x01, SOI):  # without content
            at = start
            continue
        at = start + int.from_bytes(data[start : start + 2])
        if at < start + 2 or at > len(data):
            return
        yield marker, start + 2, at


def shows_every_detail(data: bytes | mmap.mmap) -> bool:
    """Return whether the scans of a progressive JPEG, all but the one in which it is cut, hold each frequency once.

    Later scans only refine them. `data` has no EOI.
    """
    scans = [data[start:stop] for marker, start, stop in segments(data) if marker == SOS][:-1]
    components: set[int] = set()
    covered: dict[int, set[int]] = {}
    for scan in scans:
        count = scan[0] if scan else 0
        if len(scan) < 4 + 2 * count:
            continue
        ids, (first, last) = scan[1 : 1 + 2 * count : 2], scan[1 + 2 * count : 3 + 2 * count]
        components |= set(ids)
        for component in ids:
            covered.setdefault(component, set()).update(range(first, min(last, 63) + 1))
    return bool(components) and all(len(covered[component]) == 64 for component in components)
