"""A picture file's pixels as its decoder gives them, from the top down, none held for longer than it is needed."""

from collections.abc import Callable

import numpy as np

BLOCK = 64  # rows that are decoded together


class LazyPixels:
    """Pixels of a file that are decoded when they are first asked for.

    To an enlargement it is an array: it has `shape`, `ndim`, `dtype`, and windows, `decoded[top:bottom, left:right]`.

    Args:
        shape: (H, W, C).
        dtype: uint8 or uint16.
        decode: gives rows, (n, W, C); it is asked for each of them once, from the top down, or for all of them.
    """

    ndim = 3

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype, decode: Callable[[int, int], np.ndarray]):
        self.shape, self.dtype, self.decode = shape, dtype, decode
        self.size = int(np.prod(shape))
        self.pieces: list[tuple[int, np.ndarray]] = []  # the first row of each, and its rows
        self.first = self.end = 0  # of the rows that are held

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """A window of the picture: (h, w, C).

        Raises:
            IndexError: rows that were forgotten.
            PictureError: the file is damaged there.
        """
        (first, last, _), (left, right, _) = (
            part.indices(length) for part, length in zip(window, self.shape, strict=False)
        )
        if first < self.first:
            raise IndexError(f"row {first} was forgotten: from row {self.first} on they are held")
        height = self.shape[0]
        block = height if (first, last) == (0, height) else BLOCK
        while last > self.end:
            behind = min(height, self.end + block)
            self.pieces.append((self.end, self.decode(self.end, behind)))
            self.end = behind
        parts = [
            rows[max(0, first - top) : last - top, left:right]
            for top, rows in self.pieces
            if top < last and first < top + len(rows)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def forget(self, first: int) -> None:
        """Let go of rows above this one: nobody will ask for them again."""
        self.first = max(self.first, min(first, self.end))
        self.pieces = [(top, rows) for top, rows in self.pieces if top + len(rows) > self.first]
