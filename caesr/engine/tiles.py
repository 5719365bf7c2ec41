"""Tile arithmetic: how a picture is cut into tiles, and which part of it each tile needs.

A range is a pair start, stop of pixels along one axis; stop is not part of it.
"""

from collections.abc import Iterable

from zoo.messages import Message

Range = tuple[int, int]
Window = tuple[Range, Range]  # rows and columns
Size = tuple[int, int]  # height and width


def cut_axis(length: int, tile: int, stride: int = 1) -> list[Range]:
    """Cut an axis into ranges of about `tile` pixels, as equal as multiples of `stride` allow.

    Raises:
        ValueError: a length or tile below 1.
    """
    if length < 1 or tile < 1:
        raise ValueError(
            Message("A picture of {length} pixels cannot be cut into tiles of {tile}.", length=length, tile=tile)
        )
    count = -(-length // round_up(tile, stride))
    side = round_up(-(-length // count), stride)  # equal tiles rather than a sliver at the end
    return [(start, min(length, start + side)) for start in range(0, length, side)]


def add_halo(output: Range, length: int, scale: int, halo: int, stride: int) -> Range:
    """Return the range of its input that a network needs for a range of its output.

    It starts at a multiple of `stride`, so that a strided convolution meets the same pixels as in the whole picture.
    Without that, or with a halo below the network's, seams would show.

    Args:
        length: of the input's axis.
        scale: of the network.
    """
    start, stop = output
    return max(0, (start // scale - halo) // stride * stride), min(length, -(-stop // scale) + halo)


def add_margin(pixels: Range, margin: int, length: int) -> Range:
    """Return a range with a margin on both sides, clipped to the axis."""
    return max(0, pixels[0] - margin), min(length, pixels[1] + margin)


def join_ranges(ranges: Iterable[Range]) -> Range:
    """Return the smallest range that holds all of these."""
    starts, stops = zip(*ranges, strict=True)
    return min(starts), max(stops)


def scale_range(pixels: Range, scale: float, length: int, out_length: int) -> Range:
    """Return a range of an axis of `length` pixels on the axis of the result; neighbours stay neighbours."""
    start, stop = (out_length if pixel == length else round(pixel * scale) for pixel in pixels)
    return start, stop


def turn_window(rows: Range, columns: Range, height: int, width: int, turn: int) -> Window:
    """Return where a window lies after its picture is mirrored left to right (turn >= 4), then rotated by turn % 4
    quarters counter-clockwise, as `torch.rot90` does it."""
    if turn >= 4:
        columns = width - columns[1], width - columns[0]
    for _ in range(turn % 4):
        rows, columns = (width - columns[1], width - columns[0]), rows
        height, width = width, height
    return rows, columns


def halve(pixels: Range) -> tuple[Range, Range]:
    """Split a range in two."""
    middle = sum(pixels) // 2
    return (pixels[0], middle), (middle, pixels[1])


def round_up(value: int, multiple: int) -> int:
    """Return the smallest multiple that is not below a value."""
    return -(-value // multiple) * multiple
