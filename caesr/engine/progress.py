"""How far an enlargement has come, and how long the rest may take."""

import math
import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Progress:
    """How far an enlargement has come."""

    done: int  # tiles
    total: int
    seconds_left: float
    tile: int  # side in low-res pixels
    strip: np.ndarray | None = None  # of `Upscaler.strips`: the rows of the result that this tile completes
    result: np.ndarray | None = None


class Clock:
    """Counts tiles, guesses how long the rest will take, and remembers how large a window memory allows."""

    def __init__(self, total: int, tile: int):
        self.done, self.total, self.tile, self.began = 0, total, tile, time.monotonic()
        self.largest = math.inf

    def tick(self, strip: np.ndarray | None = None) -> Progress:
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        return Progress(self.done, self.total, left, self.tile, strip)
