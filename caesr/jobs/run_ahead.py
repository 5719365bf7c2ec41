"""Tiles computed in the device's thread ahead of who writes them to a file, as far as memory allows."""

import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TypeVar

import numpy as np

from caesr.engine.progress import Progress
from caesr.engine.tiles import Range
from caesr.engine.upscaler import Upscaler
from caesr.files.lazy import LazyPixels

POLL_SECONDS = 0.2  # after which one who waits for a tile looks whether it is still wanted
QUEUED_SHARE = 0.25  # of the free memory, that strips of results may take while they wait to be written

Step = TypeVar("Step")
Tile = tuple[Progress, list[np.ndarray]]  # the progress after a tile, and the strips of the result that it completed


class Backlog:
    """The bytes of what was made and waits to be taken."""

    def __init__(self, max_bytes: float):
        self.max_bytes, self.bytes, self.is_closed = max_bytes, 0, False
        self._changed = threading.Condition()

    def add(self, size: int) -> bool:
        """Wait until there is room, which an empty backlog always has; return False if it was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed or self.bytes == 0 or self.bytes + size <= self.max_bytes)
            self.bytes += size
            return not self.is_closed

    def take(self, size: int) -> None:
        """Make room for more."""
        with self._changed:
            self.bytes -= size
            self._changed.notify()

    def close(self) -> None:
        """Take no more; who waits for room is woken."""
        with self._changed:
            self.is_closed = True
            self._changed.notify()


def run_ahead(
    thread: Executor,
    steps: Generator[Step],
    size: Callable[[Step], int],
    max_bytes: float,
    ended: Callable[[], None] = lambda: None,
) -> Generator[Step | None]:
    """Compute steps in a thread; yield each, and None whenever POLL_SECONDS pass without one.

    Closing the generator closes the steps after the one at hand, for which it does not wait.

    Args:
        size: of a step in bytes.
        max_bytes: of the steps that may wait to be taken; one always may.
        ended: is called there after the last step, even if none was taken from here yet.
    """
    made: queue.SimpleQueue[tuple[Step] | BaseException | None] = queue.SimpleQueue()  # None: there are no more
    backlog = Backlog(max_bytes)

    def compute() -> None:
        failure: BaseException | None = None
        try:
            for step in steps:
                if not backlog.add(size(step)):
                    break
                made.put((step,))
        except BaseException as error:
            failure = error
        finally:
            steps.close()
            ended()
            made.put(failure)

    try:
        thread.submit(copy_context().run, compute)  # ZeroGPU asks whose request it is
        while True:
            try:
                item = made.get(timeout=POLL_SECONDS)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item[0]
            backlog.take(size(item[0]))
    finally:
        backlog.close()


def iterate_tiles(
    upscaler: Upscaler, image: np.ndarray | LazyPixels, scale: float, part: Range | None = None
) -> Generator[Tile]:
    """Upscale a picture, or a part of its rows: yields the progress after every tile, and the strips it completed."""
    strips: list[np.ndarray] = []
    for progress in upscaler.upscale_rows(image, scale, strips.append, part):
        completed = strips.copy()
        strips.clear()
        yield progress, completed


def tile_bytes(tile: Tile) -> int:
    """Return the bytes of the strips that come with a tile."""
    return sum(strip.nbytes for strip in tile[1])
