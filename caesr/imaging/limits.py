"""Limits of what a network may make of a picture: the values of the 3 x 3 input pixels around a pixel of the result."""

from collections.abc import Callable

import torch
from torch import Tensor

from caesr.imaging.resize import Range, Window


def limit_to_surroundings(y: Tensor, x: Tensor, source: Window, output: Window, scale: float) -> None:
    """Clamp a window of the result between the least and the greatest input value around each pixel, in place.

    A network sharpens an edge and overshoots beside it: half transparent becomes opaque there. Within these limits an
    edge may be as steep as ever, and what is flat stays exactly that.

    Args:
        y: (C, h', w') in [0, 1], the window `output` of the result.
        x: (C, h, w) in [0, 1], the window `source` of the input: the `surroundings` of `output` along both axes.
        scale: the factor between them.
    """
    low, high = (_join_around(x, join) for join in (torch.minimum, torch.maximum))
    y.clamp_(*(_expand(limit, source, output, scale) for limit in (low, high)))


def keep_black_and_white(y: Tensor, x: Tensor, source: Window, output: Window, scale: float) -> None:
    """Make a window of the result 0 or 1 where all input values around a pixel are that, in place.

    A network misses flat black and white by a level or more. The arguments are those of `limit_to_surroundings`.
    """
    for value in (0, 1):
        is_flat = _join_around(x == value, torch.logical_and)
        if y.is_cuda or is_flat.any():  # to ask a GPU would wait for it
            y.masked_fill_(_expand(is_flat, source, output, scale), value)


def surroundings(output: Range, scale: float, length: int) -> Range:
    """Return the range of an axis of the input, of `length` pixels, whose values limit a range of the result."""
    first, last = _nearest(output, scale, length)[[0, -1]].tolist()
    return max(0, first - 1), min(length, last + 2)


def _nearest(output: Range, scale: float, length: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the input pixel that each pixel of a range of the result lies in, int64."""
    centre = (torch.arange(*output, dtype=torch.float64, device=device) + 0.5) / scale
    return centre.long().clamp(max=length - 1)


def _join_around(x: Tensor, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Join each value with those of its eight neighbours; at the border with fewer."""
    for axis in (-2, -1):
        count = x.shape[axis]
        wide = torch.cat((x.narrow(axis, 0, 1), x, x.narrow(axis, count - 1, 1)), axis)
        x = join(join(wide.narrow(axis, 0, count), x), wide.narrow(axis, 2, count))
    return x


def _expand(x: Tensor, source: Window, output: Window, scale: float) -> Tensor:
    """Return for each pixel of a window of the result the value of the input pixel that it lies in."""
    for axis in (1, 0):  # columns first, of which there are fewer before rows are repeated
        start, stop = source[axis]
        # on a GPU, to which a copy would wait for what runs there; only MPS has no float64
        device = x.device if x.is_cuda else "cpu"
        nearest = _nearest(output[axis], scale, stop, device) - start
        x = x.index_select(axis - 2, nearest.to(x.device))
    return x
