"""Any window of an upscaled picture, computed from the part of the picture that it depends on.

A picture passes through a chain of steps: one or two networks, then, if the scale is not native, a reduction. Each step
knows which range of its input a range of its output depends on, so a window of the result is traced back to a window of
the picture and computed from there. That is exact: the windows of any tiling give the pixels of the whole. A CPU makes
the rows of a window as they are needed (`caesr.engine.row_engine`), a GPU the whole window in one go.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from caesr.engine.row_buffer import RowBuffer, RowCursor
from caesr.engine.row_engine import apply_network
from caesr.engine.tiles import Range, Size, Window, add_halo, add_margin, join_ranges, turn_window
from caesr.imaging.limits import limit_overshoot, limit_to_surroundings, surroundings
from caesr.imaging.resize import WindowResize
from caesr.model.caeresnet import CAEResNet

Fetch = Callable[[Range, Range], Tensor]  # rows and columns of a plane -> (3, h, w) in [0, 1]
CORRECTIONS = 6  # of back-projection; each leaves about a third of what contradicts the input


@dataclass(frozen=True)
class NetworkStep:
    """A pass through a network.

    Args:
        size: of the input.
        cache_bytes: that the features of a band may take.
        checksums: receives the sum of each range of rows made, which is NaN or infinite if one of its values is.
    """

    model: CAEResNet
    size: Size
    cache_bytes: float
    checksums: list[Tensor]

    def input_range(self, output: Range, axis: int) -> Range:
        """Return the range of the input that a range of the output depends on."""
        return add_halo(output, self.size[axis], self.model.config.scale, self.model.halo, self.model.stride)

    def apply(self, source: RowBuffer, in_columns: Range, out_columns: Range) -> RowBuffer:
        """Compute columns of the output from columns of the input, as rows in [0, 1]."""
        left = out_columns[0] - self.model.config.scale * in_columns[0]
        row_bytes = (in_columns[1] - in_columns[0]) * feature_bytes(self.model)
        band = math.inf if math.isinf(self.cache_bytes) else max(4, self.cache_bytes // row_bytes)
        output = apply_network(self.model, source, (left, left + out_columns[1] - out_columns[0]), band)
        cursor = output.cursor()

        def make(start: int, stop: int) -> Tensor:
            x = cursor.read(start, stop)
            self.checksums.append(x.sum())  # before infinity is clamped to white
            return x.clamp_(0, 1)  # in place: no other cursor reads these rows

        return RowBuffer(output.height, make)

    def apply_window(self, x: Tensor, source: Window, output: Window) -> Tensor:
        """Compute a window of the output from one of the input: (3, h, w) -> (3, h', w') in [0, 1]."""
        y = self.model(x[None].contiguous(memory_format=torch.channels_last))[0]
        self.checksums.append(y.sum())
        scale = self.model.config.scale
        rows, columns = (
            slice(wanted[0] - scale * start, wanted[1] - scale * start)
            for wanted, (start, _) in zip(output, source, strict=True)
        )
        return y[:, rows, columns].clamp_(0, 1)


def feature_bytes(model: CAEResNet, dtype: torch.dtype | None = None) -> int:
    """Return the bytes that the widest layer's features, the first's, take for each pixel of the picture.

    Args:
        dtype: of the features; None: as the network has it.
    """
    itemsize = (dtype or next(model.decoder.parameters()).dtype).itemsize
    return model.config.widths[0] * model.config.pre_scale**2 * itemsize


class ResizeStep(WindowResize):
    """A bicubic resize of rows as they come."""

    def apply(self, source: RowBuffer, in_columns: Range, out_columns: Range) -> RowBuffer:
        """Compute columns of the output from columns of the input, as rows in [0, 1]."""
        cursor = source.cursor()

        def make(start: int, stop: int) -> Tensor:
            rows = self.input_range((start, stop), 0)
            next_row = int(self.first_needed[min(stop, len(self.first_needed) - 1)])
            x = cursor.read(*rows, keep=rows[1] - next_row)
            return self.resize_window(x, (rows, in_columns), ((start, stop), out_columns)).clamp(0, 1)

        return RowBuffer(len(self.first_needed), make)

    def apply_window(self, x: Tensor, source: Window, output: Window) -> Tensor:
        """Compute a window of the output from one of the input: (3, h, w) -> (3, h', w') in [0, 1]."""
        return self.resize_window(x, source, output).clamp_(0, 1)


class Pipeline:
    """A plane (3, H, W) upscaled by a factor; `compute` gives any window of the result.

    A window directly below the last one of the same columns continues from the rows that it left.

    Args:
        fetch: reads windows of the plane.
        size: the plane's.
        route: the network of each pass.
        scale: the factor; where the passes go beyond it, the result is reduced.
        symmetries: 8 for the mean over the picture's symmetries, else 1. The picture is turned, not its tiles.
        true_to_input: correct the result until it gives the input when it is reduced again (Irani & Peleg, 1991).
        cache_bytes: that the features of a band of rows may take; the picture passes through a network in such bands.
        overshoots: False: no value leaves those of the 3 x 3 pixels of the plane around it. True: by an eighth of the
            contrast of the 5 x 5 it may.
        by_rows: compute a window from rows as they are needed, which the next window below continues; else in one go.
    """

    def __init__(
        self,
        fetch: Fetch,
        size: Size,
        route: Sequence[CAEResNet],
        scale: float,
        symmetries: int = 1,
        true_to_input: bool = False,
        cache_bytes: float = math.inf,
        overshoots: bool = True,
        by_rows: bool = True,
    ):
        self.fetch, self.size, self.symmetries, self.scale = fetch, size, symmetries, scale
        self.overshoots, self.by_rows = overshoots, by_rows
        self.out_size = round(size[0] * scale), round(size[1] * scale)
        self.corrections = CORRECTIONS if true_to_input else 0
        # Each correction reaches two input pixels down and two up again: so much of a window's border is wrong.
        self.margin = math.ceil(self.corrections * (4 * scale + 4))
        if true_to_input:
            self.down, self.up = ResizeStep(self.out_size, size, 1 / scale), ResizeStep(size, self.out_size, scale)
        self.checksums: list[Tensor] = []  # of what the networks made since this was cleared
        self.set_route(route, cache_bytes)

    def set_route(self, route: Sequence[CAEResNet], cache_bytes: float) -> None:
        """Set the networks and the size of bands; allowed in the middle of a picture, which then continues anew."""
        self.route, self.cache_bytes = route, cache_bytes
        self.chains = [self._build_chain(self.size, self.out_size)]
        if self.symmetries > 1:  # for the picture on its side
            self.chains.append(self._build_chain(self.size[::-1], self.out_size[::-1]))
        self.cursors: dict[tuple[int, Range], RowCursor] = {}  # by turn and columns, for the next window below

    def _build_chain(self, size: Size, out_size: Size) -> list[NetworkStep | ResizeStep]:
        """Return the steps from a picture of one size to its result."""
        steps: list[NetworkStep | ResizeStep] = []
        for model in self.route:
            steps.append(NetworkStep(model, size, self.cache_bytes, self.checksums))
            size = size[0] * model.config.scale, size[1] * model.config.scale
        native = math.prod(model.config.scale for model in self.route)
        if native != self.scale:
            steps.append(ResizeStep(size, out_size, self.scale / native))
        return steps

    def first_row_needed(self, row: int) -> int:
        """Return the first row of the plane that windows from this row of the result on read, even if started anew."""
        if self.symmetries > 1:
            return 0
        top = max(0, row - self.margin)
        rows = top, top + 1
        limits = surroundings(rows, self.scale, self.size[0])
        corrected = self.up.input_range(rows, 0) if self.corrections else limits
        for step in reversed(self.chains[0]):
            rows = step.input_range(rows, 0)
        return min(rows[0], corrected[0], limits[0])

    @property
    def is_one_pass(self) -> bool:
        """Return whether a window of the result is a network's output for a window of the plane, and nothing else."""
        is_chain_of_one = len(self.chains[0]) == 1 and self.route[0].config.upsampling == "post"
        return is_chain_of_one and self.symmetries == 1 and self.corrections == 0

    def input_window(self, rows: Range, columns: Range) -> Window:
        """Return the window of the plane that computing a window of the result reads, in one go."""
        wide = add_margin(rows, self.margin, self.out_size[0]), add_margin(columns, self.margin, self.out_size[1])
        windows = [self._surroundings(wide)]
        if self.corrections:
            windows.append((self.up.input_range(wide[0], 0), self.up.input_range(wide[1], 1)))
        for turn in range(self.symmetries):
            turned = turn_window(*wide, *self.out_size, turn)
            windows.append(self._turn_back(turn, *self._trace_back(turn, turned)[0]))
        all_rows, all_columns = zip(*windows, strict=True)
        return join_ranges(all_rows), join_ranges(all_columns)

    def _surroundings(self, window: Window) -> Window:
        """Return the window of the plane whose values limit a window of the result."""
        rows, columns = (
            surroundings(pixels, self.scale, length) for pixels, length in zip(window, self.size, strict=True)
        )
        return rows, columns

    def compute(self, rows: Range, columns: Range) -> Tensor:
        """Compute a window of the result: (3, rows, columns) in [0, 1]."""
        if not self.corrections:
            return self._limit(self._mean((rows, columns)), (rows, columns))
        wide = add_margin(rows, self.margin, self.out_size[0]), add_margin(columns, self.margin, self.out_size[1])
        source = self.up.input_range(wide[0], 0), self.up.input_range(wide[1], 1)
        x, original = self._mean(wide), self.fetch(*source)
        for _ in range(self.corrections):
            missing = original - self.down.resize_window(x, wide, source)
            x = self._limit((x + self.up.resize_window(missing, source, wide)).clamp_(0, 1), wide)
        top, left = rows[0] - wide[0][0], columns[0] - wide[1][0]
        return x[:, top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]

    def _limit(self, x: Tensor, window: Window) -> Tensor:
        """Limit a window of the result to what the input allows, in place, and return it."""
        source = self._surroundings(window)
        limit = limit_overshoot if self.overshoots else limit_to_surroundings
        limit(x, self.fetch(*source), source, window, self.scale)
        return x

    def _mean(self, window: Window) -> Tensor:
        """Return the mean over the symmetries of a window."""
        total = self._read_turned(0, window)
        if self.symmetries == 1:  # without a copy
            return total
        for turn in range(1, self.symmetries):
            y = self._read_turned(turn, turn_window(*window, *self.out_size, turn))
            y = torch.rot90(y, -(turn % 4), (-2, -1))
            total = total + (y.flip(-1) if turn >= 4 else y)
        return total / self.symmetries

    def _read_turned(self, turn: int, window: Window) -> Tensor:
        """Return a window of the result of the turned picture."""
        if not self.by_rows:
            return self._compute_turned(turn, window)
        (start, stop), columns = window
        cursor = self.cursors.get((turn, columns))
        if cursor is None or not cursor.can_read_from(start):
            cursor = self._build_rows(turn, columns).cursor()
        if turn % 4 == 0:  # the next window of these columns lies below; in other turns beside or above
            self.cursors[turn, columns] = cursor
        return cursor.read(start, stop, keep=min(2 * self.margin, stop - start))[0]

    def _build_rows(self, turn: int, columns: Range) -> RowBuffer:
        """Return columns of the result of the turned picture, as rows to be made."""
        steps = self.chains[turn % 2]
        ranges = [columns]
        for step in reversed(steps):
            ranges.insert(0, step.input_range(ranges[0], 1))
        rows = RowBuffer(
            self.size[turn % 2], lambda start, stop: self._fetch_turned(turn, (start, stop), ranges[0])[None]
        )
        for step, in_columns, out_columns in zip(steps, ranges[:-1], ranges[1:], strict=True):
            rows = step.apply(rows, in_columns, out_columns)
        return rows

    def _compute_turned(self, turn: int, window: Window) -> Tensor:
        """Return a window of the result of the turned picture, computed in one go."""
        windows = self._trace_back(turn, window)
        x = self._fetch_turned(turn, *windows[0])
        for step, source, output in zip(self.chains[turn % 2], windows[:-1], windows[1:], strict=True):
            x = step.apply_window(x, source, output)
        return x

    def _trace_back(self, turn: int, window: Window) -> list[Window]:
        """Return the window of the input of every step that one of the turned result depends on, and that itself."""
        windows = [window]
        for step in reversed(self.chains[turn % 2]):
            rows, columns = (step.input_range(windows[0][axis], axis) for axis in (0, 1))
            windows.insert(0, (rows, columns))
        return windows

    def _fetch_turned(self, turn: int, rows: Range, columns: Range) -> Tensor:
        """Return a window of the turned picture."""
        x = self.fetch(*self._turn_back(turn, rows, columns))
        return torch.rot90(x.flip(-1) if turn >= 4 else x, turn % 4, (-2, -1)) if turn else x

    def _turn_back(self, turn: int, rows: Range, columns: Range) -> Window:
        """Return where a window of the turned picture lies in the picture."""
        size = self.size if turn % 2 == 0 else self.size[::-1]
        rows, columns = turn_window(rows, columns, *size, -turn % 4)
        return turn_window(rows, columns, *self.size, 4) if turn >= 4 else (rows, columns)
