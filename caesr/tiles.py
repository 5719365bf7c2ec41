"""Which tiles a picture is cut into, and how much of its surroundings each must see. Plain arithmetic."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """One axis of a tile, in low-res pixels: what it makes (start…stop) of what it sees (first…last)."""

    first: int
    start: int
    stop: int
    last: int

    @property
    def made(self) -> slice:
        """Where the result belongs in the picture."""
        return slice(self.start, self.stop)

    @property
    def seen(self) -> slice:
        """What is cut out of the picture: the tile with its halo."""
        return slice(self.first, self.last)

    @property
    def kept(self) -> slice:
        """Where the result lies within what was seen."""
        return slice(self.start - self.first, self.stop - self.first)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the picture: rows and columns."""

    rows: Span
    columns: Span


def spans(length: int, tile: int, halo: int, stride: int) -> list[Span]:
    """Cut one axis into spans of at most `tile` pixels, each with its halo where the picture goes on.

    Tiles begin at multiples of `stride`, and so do their halos: then a strided convolution meets the
    same pixels in the tile as in the whole. Without that, or with a halo below the network's, the
    seams would show.

    Raises:
        ValueError: a length or tile below 1.
    """
    if length < 1 or tile < 1:
        raise ValueError(f"A picture of {length} pixels cannot be cut into tiles of {tile}.")
    tile, halo = round_up(tile, stride), round_up(halo, stride)
    count = -(-length // tile)
    even = round_up(-(-length // count), stride)  # equal tiles rather than a sliver at the end
    starts = range(0, length, even)
    return [Span(max(0, s - halo), s, min(length, s + even), min(length, s + even + halo)) for s in starts]


def plan(height: int, width: int, tile: int, halo: int, stride: int) -> list[Tile]:
    """The tiles of a picture, row by row. Sizes in low-res pixels."""
    columns = spans(width, tile, halo, stride)
    return [Tile(r, c) for r in spans(height, tile, halo, stride) for c in columns]


def round_up(value: int, multiple: int) -> int:
    """The next multiple at or above a value."""
    return -(-value // multiple) * multiple


def scaled(pixels: slice, scale: int) -> slice:
    """The same stretch of pixels in a picture `scale` times as large."""
    return slice(pixels.start * scale, pixels.stop * scale)
