"""One picture on its way to a larger one: any window of the result, from the part of the picture that it needs alone.

The way is a chain of steps: networks, then perhaps a reduction to the size asked for. What a step needs for a window of
its output is known from its receptive field, so a window of the result is followed back to a window of the picture, and
computed from there. That is exact: the windows of any tiling give the pixels of the whole.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from caesr.model import CAEResNet
from caesr.resize import resample, taps
from caesr.tiles import Range, Window, seen, turned

Fetch = Callable[[Range, Range], Tensor]  # rows and columns of a layer -> (3, h, w) in [0, 1]
CORRECTIONS = 6  # of back-projection; each leaves about a third of what contradicts the input


@dataclass(frozen=True)
class Network:
    """A pass through a network."""

    model: CAEResNet
    run: Callable[[CAEResNet, Tensor], Tensor]  # (3, h, w) -> (3, sh, sw) in [0, 1]
    length: Range  # the input's height and width

    def needs(self, made: Range, axis: int) -> Range:
        """What of the input a range of the output depends on."""
        return seen(made, self.length[axis], self.model.config.scale, self.model.halo, self.model.stride)

    def apply(self, x: Tensor, given: Window, wanted: Window) -> Tensor:
        """The window `wanted` of the output, from the window `given` of the input."""
        s = self.model.config.scale
        top, left = (first - s * start for (first, _), (start, _) in zip(wanted, given, strict=True))
        height, width = (last - first for first, last in wanted)
        return self.run(self.model, x)[:, top : top + height, left : left + width]


class Resize:
    """Resampling to another size by bicubic, along both axes."""

    def __init__(self, size: Range, other: Range, scale: float):
        self.taps = [taps(*lengths, scale) for lengths in zip(size, other, strict=True)]

    def needs(self, made: Range, axis: int) -> Range:
        """What of the input a range of the output depends on."""
        index = self.taps[axis][0][slice(*made)]
        return int(index.min()), int(index.max()) + 1

    def apply(self, x: Tensor, given: Window, wanted: Window) -> Tensor:
        """The window `wanted` of the output, from the window `given` of the input.

        Where `given` is less than is needed, what lies next to it stands in: for those who know that it does not count.
        """
        for dim, (index, weight), (start, stop), made in zip((-2, -1), self.taps, given, wanted, strict=True):
            places = (index[slice(*made)] - start).clamp(0, stop - start - 1)
            x = resample(x, dim, places, weight[slice(*made)])
        return x


def spread(pixels: Range, margin: int, length: int) -> Range:
    """A range with a margin on both sides, within the axis."""
    return max(0, pixels[0] - margin), min(length, pixels[1] + margin)


class Enlargement:
    """A layer (3, H, W) enlarged by a factor; `window` gives any part of the result.

    Args:
        fetch: gives windows of the layer.
        size: the layer's height and width.
        route: the network of each pass.
        scale: the factor; where the passes go beyond it, the result is reduced.
        run: takes a window through a network, on its device.
        symmetries: 8 for the mean over the picture's symmetries, else 1. The picture is turned, not its tiles.
        true_to_input: correct the result until it gives the input when it is reduced again (Irani & Peleg, 1991).
    """

    def __init__(
        self,
        fetch: Fetch,
        size: Range,
        route: Sequence[CAEResNet],
        scale: float,
        run: Callable[[CAEResNet, Tensor], Tensor],
        symmetries: int = 1,
        true_to_input: bool = False,
    ):
        self.fetch, self.size, self.symmetries, self.scale = fetch, size, symmetries, scale
        self.larger = round(size[0] * scale), round(size[1] * scale)
        self.chains = [self._chain(size, self.larger, route, run)]
        if symmetries > 1:  # a picture on its side has steps of its own
            self.chains.append(self._chain(size[::-1], self.larger[::-1], route, run))
        self.corrections = CORRECTIONS if true_to_input else 0
        if true_to_input:
            self.down, self.up = Resize(self.larger, size, 1 / scale), Resize(size, self.larger, scale)

    def _chain(
        self, size: Range, larger: Range, route: Sequence[CAEResNet], run: Callable[[CAEResNet, Tensor], Tensor]
    ) -> list[Network | Resize]:
        """The steps from a picture of one size to the result."""
        steps: list[Network | Resize] = []
        for model in route:
            steps.append(Network(model, run, size))
            size = size[0] * model.config.scale, size[1] * model.config.scale
        native = math.prod(model.config.scale for model in route)
        if native != self.scale:
            steps.append(Resize(size, larger, self.scale / native))
        return steps

    def window(self, rows: Range, columns: Range) -> Tensor:
        """A window of the result: (3, rows, columns) in [0, 1]."""
        wanted = rows, columns
        if not self.corrections:
            return self._mean(wanted)
        # Each correction looks two input pixels far down and two up again: so far is the edge of a window wrong.
        margin = math.ceil(self.corrections * (4 * self.scale + 4))
        wider = spread(rows, margin, self.larger[0]), spread(columns, margin, self.larger[1])
        source = self.up.needs(wider[0], 0), self.up.needs(wider[1], 1)
        x, original = self._mean(wider), self.fetch(*source)
        for _ in range(self.corrections):
            missing = original - self.down.apply(x, wider, source)
            x = (x + self.up.apply(missing, source, wider)).clamp_(0, 1)
        top, left = rows[0] - wider[0][0], columns[0] - wider[1][0]
        return x[:, top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]

    def _mean(self, wanted: Window) -> Tensor:
        """The mean over the symmetries of a window."""
        total = self._steps(0, wanted)
        for turn in range(1, self.symmetries):
            y = torch.rot90(self._steps(turn, turned(*wanted, *self.larger, turn)), -(turn % 4), (-2, -1))
            total = total + (y.flip(-1) if turn >= 4 else y)
        return total / self.symmetries

    def _steps(self, turn: int, wanted: Window) -> Tensor:
        """A window of the result of the turned picture."""
        steps = self.chains[turn % 2]
        ranges = [wanted]
        for step in reversed(steps):
            ranges.append((step.needs(ranges[-1][0], 0), step.needs(ranges[-1][1], 1)))
        x = self._turned(turn, *ranges[-1])
        for step, given, made in zip(steps, reversed(ranges[1:]), reversed(ranges[:-1]), strict=True):
            x = step.apply(x, given, made)
        return x.clamp(0, 1)

    def _turned(self, turn: int, rows: Range, columns: Range) -> Tensor:
        """A window of the turned picture."""
        if turn == 0:
            return self.fetch(rows, columns)
        size = self.size if turn % 2 == 0 else self.size[::-1]
        rows, columns = turned(rows, columns, *size, -turn % 4)  # turned back …
        if turn >= 4:
            rows, columns = turned(rows, columns, *self.size, 4)  # … and mirrored back
        x = self.fetch(rows, columns)
        return torch.rot90(x.flip(-1) if turn >= 4 else x, turn % 4, (-2, -1))
