"""Progress of an upscaling: tiles done, tiles in total, estimated seconds left."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How many tiles of an upscaling are done."""

    done: int  # tiles
    total: int
    seconds_left: float


class ProgressTimer:
    """A counter of tiles that estimates the time left from the mean time of those done."""

    def __init__(self, total: int):
        self.done, self.total, self.started = 0, total, time.monotonic()

    def tick(self) -> Progress:
        """Count one more tile as done."""
        self.done += 1
        left = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        return Progress(self.done, self.total, left)
