"""Limits of what a network may make of a picture: the values of the input pixels around a pixel of the result.

A network sharpens an edge and overshoots beside it. Resamplers of video players limit that likewise ("anti-ringing").
"""

from collections.abc import Callable

import torch
from torch import Tensor

from caesr.imaging.resize import Range, Window

REACH = 2  # pixels of the input to either side that limit a pixel of the result
OVERSHOOT = 0.125  # of the contrast around a pixel
LEVEL = 0.4 / 255  # what is flat may differ by this: a gradient need not show the levels of a file of 8 bits


def limit_to_surroundings(y: Tensor, x: Tensor, source: Window, output: Window, scale: float) -> None:
    """Clamp a window of the result between the least and the greatest of the 3 x 3 input values around, in place.

    Half transparent becomes opaque beside an edge that overshoots. Within these limits an edge may be as steep as ever,
    and what is flat stays exactly that.

    Args:
        y: (..., C, h', w') in [0, 1], the window `output` of the result.
        x: (..., C, h, w) in [0, 1], the window `source` of the input: the `surroundings` of `output` along both axes.
        scale: the factor between them.
    """
    x = x.movedim(-3, -1)
    _clamp(y, _join_around(x, torch.minimum), _join_around(x, torch.maximum), source, output, scale)


def limit_overshoot(y: Tensor, x: Tensor, source: Window, output: Window, scale: float) -> None:
    """Clamp a window of the result near the 5 x 5 input values around, in place.

    It may go beyond them by `OVERSHOOT` times their contrast, but where the 3 x 3 are all black, or all white, it is
    exactly that: a network misses flat black and white by a level or more. The arguments are those of
    `limit_to_surroundings`.
    """
    x = x.movedim(-3, -1)
    low, high = _join_around(x, torch.minimum), _join_around(x, torch.maximum)
    is_white, is_black = low == 1, high == 0
    low, high = _join_around(low, torch.minimum), _join_around(high, torch.maximum)
    slack = OVERSHOOT * (high - low) + LEVEL
    low, high = (low - slack).masked_fill_(is_white, 1), (high + slack).masked_fill_(is_black, 0)
    _clamp(y, low, high, source, output, scale)


def surroundings(output: Range, scale: float, length: int) -> Range:
    """Return the range of an axis of the input, of `length` pixels, whose values limit a range of the result."""
    first, last = _nearest(output, scale, length)[[0, -1]].tolist()
    return max(0, first - REACH), min(length, last + 1 + REACH)


def _nearest(output: Range, scale: float, length: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the input pixel that each pixel of a range of the result lies in, int64."""
    centre = (torch.arange(*output, dtype=torch.float64, device=device) + 0.5) / scale
    return centre.long().clamp(max=length - 1)


def _join_around(x: Tensor, join: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Join each value of (..., h, w, C) with those of its eight neighbours; at the border with fewer."""
    for axis in (-3, -2):
        count = x.shape[axis]
        wide = torch.cat((x.narrow(axis, 0, 1), x, x.narrow(axis, count - 1, 1)), axis)
        x = join(join(wide.narrow(axis, 0, count), x), wide.narrow(axis, 2, count))
    return x


def _clamp(y: Tensor, low: Tensor, high: Tensor, source: Window, output: Window, scale: float) -> None:
    """Clamp each pixel of a window of the result between the limits of the input pixel that it lies in, in place.

    Args:
        y: (..., C, h', w').
        low, high: (..., h, w, C): in memory, too, the channels of a pixel are side by side, as in `y`.
    """
    y = y.movedim(-3, -1)
    low, high = (_spread(limit, 1, source, output, scale) for limit in (low, high))  # columns first: fewer than rows
    (start, stop), first = output[0], source[0][0]
    if start % scale == 0 and stop % scale == 0 and scale == int(scale):  # the rows of a pixel are clamped together
        side = int(scale)
        rows = slice(start // side - first, stop // side - first)
        y.unflatten(-3, (-1, side)).clamp_(low[..., rows, None, :, :], high[..., rows, None, :, :])
    else:
        y.clamp_(*(_spread(limit, 0, source, output, scale) for limit in (low, high)))


def _spread(limit: Tensor, axis: int, source: Window, output: Window, scale: float) -> Tensor:
    """Return for each row (axis 0) or column of a window of the result that of (..., h, w, C) that it lies in."""
    start, stop = source[axis]
    # on a GPU, to which a copy would wait for what runs there; only MPS has no float64
    device = limit.device if limit.is_cuda else "cpu"
    nearest = _nearest(output[axis], scale, stop, device) - start
    return limit.index_select(axis - 3, nearest.to(limit.device))
