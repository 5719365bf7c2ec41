"""LazyPixels: an array-like view of a picture file whose rows are decoded on demand and discarded after use."""

from collections.abc import Callable, Iterator

import numpy as np

BLOCK_ROWS = 64  # decoded together


class LazyPixels:
    """Pixels of a file that are decoded from the top down when they are first read.

    It has the `shape`, `ndim` and `dtype` of an array, and `pixels[top:bottom, left:right]` returns a window.

    Args:
        shape: (H, W, C).
        dtype: uint8 or uint16.
        decode: returns the rows from start to stop, (stop - start, W, C). It is called for consecutive ranges from the
            top down, or once for all rows.
        reopen: opens the file again, to look at pixels ahead of their use; None: rows looked at are held until then.
    """

    ndim = 3

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: np.dtype,
        decode: Callable[[int, int], np.ndarray],
        reopen: "Callable[[], LazyPixels] | None" = None,
    ):
        self.shape, self.dtype, self.decode, self.reopen = shape, dtype, decode, reopen
        self.blocks: list[tuple[int, np.ndarray]] = []  # the first row of each, and its rows
        self.start = self.stop = 0  # rows that are held

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Return a window of the picture: (h, w, C).

        Raises:
            IndexError: rows that were discarded.
            PictureError: the file is damaged there.
        """
        height, width, _ = self.shape
        start, stop, _ = window[0].indices(height)
        left, right, _ = window[1].indices(width)
        if start < self.start:
            raise IndexError(f"row {start} was discarded: rows are held from row {self.start} on")
        block_rows = height if (start, stop) == (0, height) else BLOCK_ROWS
        while stop > self.stop:
            block_stop = min(height, self.stop + block_rows)
            self.blocks.append((self.stop, self.decode(self.stop, block_stop)))
            self.stop = block_stop
        parts = [
            rows[max(0, start - top) : stop - top, left:right]
            for top, rows in self.blocks
            if top < stop and start < top + len(rows)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def look_ahead(self) -> Iterator[np.ndarray]:
        """Yield all rows in blocks, from the top down, before any of them was discarded.

        Only the first block is held for its use. If more are asked for, the file is decoded a second time.
        """
        yield self[:BLOCK_ROWS, :]
        pixels = self if self.reopen is None else self.reopen()
        for start in range(BLOCK_ROWS, self.shape[0], BLOCK_ROWS):
            yield pixels[start : start + BLOCK_ROWS, :]
            if pixels is not self:
                pixels.discard_before(start + BLOCK_ROWS)

    def discard_before(self, row: int) -> None:
        """Free the memory of all rows above this one; they cannot be read again."""
        self.start = max(self.start, min(row, self.stop))
        self.blocks = [(top, rows) for top, rows in self.blocks if top + len(rows) > self.start]
