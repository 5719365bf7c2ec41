"""Line buffers: rows of a picture or of features, made from the top down and dropped when no longer needed.

Alwani et al., "Fused-layer CNN accelerators", MICRO 2016.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from caesr.engine.tiles import round_up

Make = Callable[[int, int], Tensor]  # start and stop of rows -> (1, C, stop - start, W)
Finish = Callable[[Tensor, int, int, Tensor], None]  # unfinished rows, their start and stop, and where the result goes


def copy_rows(x: Tensor, _start: int, _stop: int, out: Tensor) -> None:
    """Copy rows that are finished already."""
    if out is not x:
        out.copy_(x)


class RowBuffer:
    """The rows of a picture or of a layer's features, made on demand and kept until every cursor is past them.

    Args:
        height: of the whole.
        make: makes rows. Every call continues where the last one stopped; the first may start anywhere.
        step: rows are made in multiples of this.
        band: the most rows made in one call; longer ranges take several calls.
        finish: the last operation on what `make` returns. It writes behind the rows that are held, in one pass over
            memory instead of two; its output may be its input.
        dtype: of the finished rows; None: as `make` returns them.
    """

    def __init__(
        self,
        height: int,
        make: Make,
        step: int = 1,
        band: float = math.inf,
        finish: Finish = copy_rows,
        dtype: torch.dtype | None = None,
    ):
        self.height, self.make, self.step, self.finish, self.dtype = height, make, step, finish, dtype
        self.band = max(step, band // step * step) if math.isfinite(band) else band
        self.cursors: list[RowCursor] = []
        self.start = 0  # of the rows that are held
        self.held: Tensor | None = None

    @property
    def stop(self) -> int:
        """The end of the rows made so far."""
        return self.start + (0 if self.held is None else self.held.shape[2])

    def cursor(self) -> "RowCursor":
        """Return a new reader, for which rows are kept from now on."""
        self.cursors.append(RowCursor(self))
        return self.cursors[-1]

    def get(self, start: int, stop: int) -> Tensor:
        """Return rows that are held or follow on those held: (1, C, stop - start, W)."""
        if self.held is None:
            self.start = start // self.step * self.step
        self._extend(min(self.height, round_up(stop, self.step)))
        assert self.held is not None
        return self.held[:, :, start - self.start : stop - self.start]

    def _extend(self, target: int) -> None:
        """Make rows up to `target`."""
        held = self.held if self.held is not None and self.held.shape[2] else None
        extended: Tensor | None = None
        stop = self.stop
        while stop < target:
            start, stop = stop, int(min(target, stop + self.band))
            x = self.make(start, stop)
            dtype = self.dtype or x.dtype
            if extended is None and held is None and stop == target and dtype == x.dtype:
                self.finish(x, start, stop, x)  # one band with nothing before it: no copy
                extended = x
                break
            if extended is None:
                shape = (1, x.shape[1], target - self.start, x.shape[3])
                extended = torch.empty(shape, dtype=dtype, device=x.device, memory_format=torch.channels_last)
                if held is not None:
                    extended[:, :, : held.shape[2]] = held
            self.finish(x, start, stop, extended[:, :, start - self.start : stop - self.start])
        if extended is not None:
            self.held = extended

    def release(self) -> None:
        """Drop the rows that no cursor will read again."""
        start = min(cursor.next_start for cursor in self.cursors)
        if self.held is not None and start > self.start:
            rest = self.held[:, :, start - self.start :]
            self.start, self.held = start, rest.clone()  # a view would keep all of them


class RowCursor:
    """A reader of a RowBuffer from the top down."""

    def __init__(self, buffer: RowBuffer):
        self.buffer, self.next_start = buffer, 0

    def can_read_from(self, start: int) -> bool:
        """Return whether rows from `start` on can be read: none of them dropped, none between left out."""
        return self.next_start <= start <= self.buffer.stop

    def read(self, start: int, stop: int, keep: int = 0, edge: str = "constant") -> Tensor:
        """Return rows, some of which may lie outside the picture: (1, C, stop - start, W).

        Args:
            keep: how many of the last rows the next call reads again.
            edge: what lies outside: "constant" for zeros, "replicate" for the outermost row.
        """
        height = self.buffer.height
        inner_start = min(max(0, start), height - 1)  # below the picture there is nothing: its last row then
        inner_stop = max(inner_start + 1, min(stop, height))
        x = self.buffer.get(inner_start, inner_stop)
        self.next_start = min(stop - keep, height - 1)
        self.buffer.release()
        if start < inner_start or inner_stop < stop:
            x = F.pad(x, (0, 0, max(0, inner_start - start), stop - inner_stop), mode=edge)
        return x[:, :, max(0, start - inner_start) :]
