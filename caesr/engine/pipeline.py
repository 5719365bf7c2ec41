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

from caesr.engine.row_engine import Reader, Rows, network
from caesr.engine.tiles import Range, Window, seen, turned
from caesr.imaging.resize import resample, taps
from caesr.model.caeresnet import CAEResNet

Fetch = Callable[[Range, Range], Tensor]  # rows and columns of a layer -> (3, h, w) in [0, 1]
CORRECTIONS = 6  # of back-projection; each leaves about a third of what contradicts the input


@dataclass(frozen=True)
class Network:
    """A pass through a network.

    Args:
        cache: bytes that a strip's features may take.
        sums: get the sum of all that is made, which is no number if any of it is none.
    """

    model: CAEResNet
    length: Range  # the input's height and width
    cache: float
    sums: list[Tensor]

    def needs(self, made: Range, axis: int) -> Range:
        """What of the input a range of the output depends on."""
        return seen(made, self.length[axis], self.model.config.scale, self.model.halo, self.model.stride)

    def rows(self, source: Rows, given: Range, wanted: Range) -> Rows:
        """The columns `wanted` of the output, from the columns `given` of the input."""
        left = wanted[0] - self.model.config.scale * given[0]
        strip = max(4, self.cache // ((given[1] - given[0]) * bytes_of_features(self.model)))
        made = network(self.model, source, (left, left + wanted[1] - wanted[0]), strip)
        read = made.reader()

        def make(first: int, last: int) -> Tensor:
            x = read(first, last, last)
            self.sums.append(x.sum())  # before they are clamped to white
            return x.clamp_(0, 1)  # nobody else holds these rows

        return Rows(made.height, make)


def bytes_of_features(model: CAEResNet) -> int:
    """What the features of a layer take, for a pixel of the picture: of the widest, which is the first."""
    pre = model.config.scale if model.config.upsampling == "pre" else 1
    return model.config.widths[0] * pre**2 * next(model.decoder.parameters()).element_size()


class Resize:
    """Resampling to another size by bicubic, along both axes."""

    def __init__(self, size: Range, other: Range, scale: float):
        self.taps = [taps(*lengths, scale) for lengths in zip(size, other, strict=True)]
        lowest = self.taps[0][0].amin(dim=1)
        self.later = lowest.flip(0).cummin(dim=0).values.flip(0)  # the first row that this one or a later one needs

    def needs(self, made: Range, axis: int) -> Range:
        """What of the input a range of the output depends on."""
        index = self.taps[axis][0][slice(*made)]
        return int(index.min()), int(index.max()) + 1

    def rows(self, source: Rows, given: Range, wanted: Range) -> Rows:
        """The columns `wanted` of the output, from the columns `given` of the input."""
        read = source.reader()

        def make(first: int, last: int) -> Tensor:
            seen, then = self.needs((first, last), 0), int(self.later[min(last, len(self.later) - 1)])
            return self.apply(read(*seen, then), (seen, given), ((first, last), wanted)).clamp(0, 1)

        return Rows(len(self.later), make)

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


class Pipeline:
    """A layer (3, H, W) enlarged by a factor; `window` gives any part of the result.

    Windows that follow on one another from the top down go on with what is held of the rows before.

    Args:
        fetch: gives windows of the layer.
        size: the layer's height and width.
        route: the network of each pass.
        scale: the factor; where the passes go beyond it, the result is reduced.
        symmetries: 8 for the mean over the picture's symmetries, else 1. The picture is turned, not its tiles.
        true_to_input: correct the result until it gives the input when it is reduced again (Irani & Peleg, 1991).
        cache: bytes that a strip's features may take; the picture goes through a network in strips of so many.
    """

    def __init__(
        self,
        fetch: Fetch,
        size: Range,
        route: Sequence[CAEResNet],
        scale: float,
        symmetries: int = 1,
        true_to_input: bool = False,
        cache: float = math.inf,
    ):
        self.fetch, self.size, self.symmetries, self.scale = fetch, size, symmetries, scale
        self.larger = round(size[0] * scale), round(size[1] * scale)
        self.corrections = CORRECTIONS if true_to_input else 0
        # Each correction looks two input pixels far down and two up again: so far is the edge of a window wrong.
        self.margin = math.ceil(self.corrections * (4 * scale + 4))
        if true_to_input:
            self.down, self.up = Resize(self.larger, size, 1 / scale), Resize(size, self.larger, scale)
        self.sums: list[Tensor] = []  # what the networks made since this was emptied; no number if any of it was none
        self.plan(route, cache)

    def plan(self, route: Sequence[CAEResNet], cache: float) -> None:
        """Choose the networks and the size of their strips, also anew in the middle of a picture."""
        self.route, self.cache = route, cache
        self.chains = [self._chain(self.size, self.larger)]
        if self.symmetries > 1:  # a picture on its side has steps of its own
            self.chains.append(self._chain(self.size[::-1], self.larger[::-1]))
        self.held: dict[tuple[int, Range], Reader] = {}  # by turn and columns: what goes on from the window before

    def _chain(self, size: Range, larger: Range) -> list[Network | Resize]:
        """The steps from a picture of one size to the result."""
        steps: list[Network | Resize] = []
        for model in self.route:
            steps.append(Network(model, size, self.cache, self.sums))
            size = size[0] * model.config.scale, size[1] * model.config.scale
        native = math.prod(model.config.scale for model in self.route)
        if native != self.scale:
            steps.append(Resize(size, larger, self.scale / native))
        return steps

    def oldest(self, row: int) -> int:
        """The first row of the layer that windows of the result from this row on will ask for, even if begun anew."""
        if self.symmetries > 1:
            return 0
        first = max(0, row - self.margin)
        rows = first, first + 1
        corrected = self.up.needs(rows, 0)[0] if self.corrections else first
        for step in reversed(self.chains[0]):
            rows = step.needs(rows, 0)
        return min(rows[0], corrected)

    def window(self, rows: Range, columns: Range) -> Tensor:
        """A window of the result: (3, rows, columns) in [0, 1]."""
        wanted = rows, columns
        if not self.corrections:
            return self._mean(wanted)
        wider = spread(rows, self.margin, self.larger[0]), spread(columns, self.margin, self.larger[1])
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
        if self.symmetries == 1:  # as it is, not copied
            return total
        for turn in range(1, self.symmetries):
            y = torch.rot90(self._steps(turn, turned(*wanted, *self.larger, turn)), -(turn % 4), (-2, -1))
            total = total + (y.flip(-1) if turn >= 4 else y)
        return total / self.symmetries

    def _steps(self, turn: int, wanted: Window) -> Tensor:
        """A window of the result of the turned picture."""
        (first, last), columns = wanted
        read = self.held.get((turn, columns))
        if read is None or not read.next <= first <= read.made:
            read = self._rows(turn, columns).reader()
        if turn % 4 == 0:  # the next window of these columns lies below; of other turns, beside or above
            self.held[turn, columns] = read
        return read(first, last, max(first, last - 2 * self.margin))[0]

    def _rows(self, turn: int, wanted: Range) -> Rows:
        """Columns of the result of the turned picture."""
        steps = self.chains[turn % 2]
        columns = [wanted]
        for step in reversed(steps):
            columns.append(step.needs(columns[-1], 1))
        source = columns[-1]
        rows = Rows(self.size[turn % 2], lambda first, last: self._turned(turn, (first, last), source)[None])
        for step, given, made in zip(steps, reversed(columns[1:]), reversed(columns[:-1]), strict=True):
            rows = step.rows(rows, given, made)
        return rows

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
