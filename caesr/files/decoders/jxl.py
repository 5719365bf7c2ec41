"""The header of a JPEG XL file: its plugin of Pillow decodes a file when it opens it, so limits are checked before.

Fields are those of ISO 18181-1, annexes A.6, D and E.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path

from caesr.files.boxes import boxes

HEADER_BYTES = 4096  # of the codestream
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # of width to height
SIZE = ((9, 1), (13, 1), (18, 1), (30, 1))  # bits and the number added to their value, of four choices
ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
ALPHA, SPOT, BLACK, FILTER_ARRAY = 0, 2, 3, 5  # kinds of channels beside the colours
RGB, GREY = 0, 1


@dataclass(frozen=True)
class JxlHeader:
    """What the header says."""

    width: int  # pixels, of the upright picture
    height: int
    depth: int  # bits a channel
    is_float: bool
    is_grey: bool
    has_alpha: bool
    is_premultiplied: bool  # colours were multiplied by alpha
    has_black: bool  # CMYK
    is_animated: bool
    cicp: tuple[int, int] | None  # primaries and transfer (ITU-T H.273); None: an ICC profile says it


class _Bits:
    """Reader of a codestream, the lowest bit of each byte first."""

    def __init__(self, data: bytes):
        self.value, self.at, self.end = int.from_bytes(data, "little"), 0, 8 * len(data)

    def read(self, count: int) -> int:
        """Return the next bits as a number; raise ValueError at the end."""
        self.at += count
        if self.at > self.end:
            raise ValueError("the header is cut short")
        return self.value >> (self.at - count) & ((1 << count) - 1)

    def choose(self, choices: tuple[tuple[int, int], ...]) -> int:
        """Return a number that is written in one of four lengths."""
        bits, offset = choices[self.read(2)]
        return self.read(bits) + offset


def read_jxl(path: Path) -> JxlHeader:
    """Return what the header of a file says.

    Raises:
        ValueError: it is damaged.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        bits = _Bits(_read_codestream(data)[2:])
    width, height = _read_size(bits)
    if bits.read(1):  # everything else is as it mostly is
        return JxlHeader(width, height, 8, False, False, False, False, False, False, (1, 13))
    orientation, is_animated = 1, False
    if bits.read(1):
        orientation = 1 + bits.read(3)
        if bits.read(1):  # the size at which to show it
            _read_size(bits)
        if bits.read(1):
            _skip_preview(bits)
        is_animated = bool(bits.read(1))
        if is_animated:
            bits.choose(((0, 100), (0, 1000), (10, 1), (30, 1)))
            bits.choose(((0, 1), (0, 1001), (8, 1), (10, 1)))
            bits.choose(((0, 0), (3, 0), (16, 0), (32, 0)))
            bits.read(1)
    is_float, depth = _read_depth(bits)
    bits.read(1)
    extra = [_read_extra_channel(bits) for _ in range(bits.choose(((0, 0), (0, 1), (4, 2), (12, 1))))]
    kinds = [kind for kind, _ in extra]
    bits.read(1)
    is_grey, cicp = _read_colours(bits)
    if orientation > 4:
        width, height = height, width
    return JxlHeader(
        width=width,
        height=height,
        depth=depth,
        is_float=is_float,
        is_grey=is_grey,
        has_alpha=ALPHA in kinds,
        is_premultiplied=(ALPHA, True) in extra,
        has_black=BLACK in kinds,
        is_animated=is_animated,
        cicp=cicp,
    )


def _read_codestream(data: mmap.mmap) -> bytes:
    """Return the beginning of the codestream, which may lie in parts among other boxes."""
    if data[:2] == b"\xff\x0a":
        return data[:HEADER_BYTES]
    found = b""
    for kind, start, stop in boxes(data):
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0  # after its number
            found += data[start : min(stop, start + HEADER_BYTES)]
        if len(found) >= HEADER_BYTES:
            break
    if found[:2] != b"\xff\x0a":
        raise ValueError("there is no codestream")
    return found


def _read_size(bits: _Bits) -> tuple[int, int]:
    """Return width and height."""
    is_small = bits.read(1)

    def side() -> int:
        return 8 * (1 + bits.read(5)) if is_small else bits.choose(SIZE)

    height, ratio = side(), bits.read(3)
    if ratio == 0:
        return side(), height
    x, y = RATIOS[ratio - 1]
    return height * x // y, height


def _skip_preview(bits: _Bits) -> None:
    """Read past the size of a preview."""
    sizes = ((0, 16), (0, 32), (5, 1), (9, 33)) if bits.read(1) else ((6, 1), (8, 65), (10, 321), (12, 1345))
    bits.choose(sizes)
    if bits.read(3) == 0:
        bits.choose(sizes)


def _read_depth(bits: _Bits) -> tuple[bool, int]:
    """Return whether samples are floating-point numbers, and their bits."""
    if bits.read(1):
        depth = bits.choose(((0, 32), (0, 16), (0, 24), (6, 1)))
        bits.read(4)
        return True, depth
    return False, bits.choose(((0, 8), (0, 10), (0, 12), (6, 1)))


def _read_extra_channel(bits: _Bits) -> tuple[int, bool]:
    """Return the kind of a channel beside the colours, and whether it is alpha that they were multiplied by."""
    if bits.read(1):
        return ALPHA, False
    kind = bits.choose(ENUM)
    _read_depth(bits)
    bits.choose(((0, 0), (0, 3), (0, 4), (3, 1)))
    bits.read(8 * bits.choose(((0, 0), (4, 0), (5, 16), (10, 48))))  # its name
    is_premultiplied = kind == ALPHA and bool(bits.read(1))
    if kind == SPOT:
        bits.read(64)
    elif kind == FILTER_ARRAY:
        bits.choose(((0, 1), (2, 0), (4, 3), (8, 19)))
    return kind, is_premultiplied


def _read_colours(bits: _Bits) -> tuple[bool, tuple[int, int] | None]:
    """Return whether the picture is grey, and its primaries and transfer, unless an ICC profile says them."""
    if bits.read(1):
        return False, (1, 13)
    has_profile, space = bits.read(1), bits.choose(ENUM)
    if has_profile or space not in (RGB, GREY):
        return space == GREY, None
    white, primaries = bits.choose(ENUM), 1
    if white == 2:  # of its own
        _skip_point(bits)
    if space == RGB:
        primaries = bits.choose(ENUM)
        for _ in range(3 if primaries == 2 else 0):
            _skip_point(bits)
    if bits.read(1):  # a power
        return space == GREY, None
    transfer = bits.choose(ENUM)
    return space == GREY, (12 if primaries == 11 else primaries, transfer)


def _skip_point(bits: _Bits) -> None:
    """Read past the coordinates of a colour."""
    for _ in range(2):
        bits.choose(((19, 0), (19, 524288), (20, 1048576), (21, 2097152)))
