"""Progress of an upscaling: tiles done, tiles in total, estimated seconds left."""

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

Event = TypeVar("Event")
Result = TypeVar("Result")


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


class Steps(Generic[Event, Result]):
    """The events of a generator, to iterate over once; then `result` is what the generator returned."""

    result: Result

    def __init__(self, generator: Generator[Event, None, Result]):
        self.generator = generator

    def __iter__(self) -> Generator[Event]:
        self.result = yield from self.generator
