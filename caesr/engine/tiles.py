"""Which windows a picture is cut into, and what of the picture each must see. Plain arithmetic.

A range is (first, behind the last), in pixels along one axis.
"""

Range = tuple[int, int]
Window = tuple[Range, Range]  # rows and columns


def cuts(length: int, tile: int, stride: int = 1) -> list[Range]:
    """Cut an axis into ranges of about `tile` pixels, as equal as multiples of `stride` allow.

    Raises:
        ValueError: a length or tile below 1.
    """
    if length < 1 or tile < 1:
        raise ValueError(f"A picture of {length} pixels cannot be cut into tiles of {tile}.")
    count = -(-length // round_up(tile, stride))
    even = round_up(-(-length // count), stride)  # equal tiles rather than a sliver at the end
    return [(start, min(length, start + even)) for start in range(0, length, even)]


def seen(made: Range, length: int, scale: int, halo: int, stride: int) -> Range:
    """What a network must see of its input to make a range of its output: that range with a halo around it.

    It begins at a multiple of `stride`: then a strided convolution meets the same pixels in the window as in the whole.
    Without that, or with a halo below the network's, the seams would show.

    Args:
        made: in pixels of the output.
        length: of the input.
        scale: of the network.
    """
    first, last = made
    return max(0, (first // scale - halo) // stride * stride), min(length, -(-last // scale) + halo)


def scaled(made: Range, scale: float, length: int, larger: int) -> Range:
    """A range of an axis of `length` pixels where the axis has `larger` pixels; neighbours stay neighbours."""
    first, last = (larger if pixel == length else round(pixel * scale) for pixel in made)
    return first, last


def turned(rows: Range, columns: Range, height: int, width: int, turn: int) -> Window:
    """Where a window comes to lie when its picture is mirrored left to right (turn >= 4), then turned turn % 4 times a
    quarter against the clock, as `torch.rot90` does it."""
    if turn >= 4:
        columns = width - columns[1], width - columns[0]
    for _ in range(turn % 4):
        rows, columns = (width - columns[1], width - columns[0]), rows
        height, width = width, height
    return rows, columns


def halved(pixels: Range) -> tuple[Range, Range]:
    """A range in two."""
    middle = sum(pixels) // 2
    return (pixels[0], middle), (middle, pixels[1])


def round_up(value: int, multiple: int) -> int:
    """The next multiple at or above a value."""
    return -(-value // multiple) * multiple
