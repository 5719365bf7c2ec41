"""DeviceQueue: visitors take the device in turn, and one thread computes their tiles.

The thread belongs to the device, not to a visitor, and runs ahead of who writes the tiles to a file: the turn ends when
the last tile is computed, however long the file takes. Who waits for a tile only looks, several times a second, whether
it is there: so a visitor who cancels or leaves is done at once, and the device is free when the tile at hand has ended.
"""

import math
import queue
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, TypeVar

from caesr.page.memory import return_free_memory
from zoo.messages import Message

Step = TypeVar("Step")
Result = TypeVar("Result")

MAX_WAITING = 32  # visitors; the next one is told at once to come again
POLL_SECONDS = 0.2  # after which a visitor who has left is noticed
UNQUEUED: dict[str, Any] = {"concurrency_limit": None}  # no event waits in Gradio's own queue, which says nothing


class Busy(RuntimeError):
    """Too many wait already."""


@dataclass(frozen=True)
class Waiting:
    """An event while it is not yet a visitor's turn."""

    before: int  # how many come first, with the one the device works for


class Turn:
    """A visitor's turn on the device, which ends once, and may be taken again."""

    def __init__(self, device_queue: "DeviceQueue"):
        self.queue, self.is_held, self._lock = device_queue, True, threading.Lock()
        self.ended = math.inf  # when, as `time.monotonic` counts

    def end(self) -> None:
        """Free the device when the tile at hand has ended."""
        with self._lock:
            was_held, self.is_held = self.is_held, False
        if was_held:
            self.ended = time.monotonic()
            self.queue.release()

    def take_again(self) -> Generator[None]:
        """Wait for the device once more if the turn has ended."""
        if not self.is_held:
            for _ in self.queue.take():
                yield
            self.is_held = True


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


class DeviceQueue:
    """The queue for the device: first come, first served.

    Args:
        places: how many the device works for at the same time.
    """

    def __init__(self, places: int = 1) -> None:
        self.free_places = threading.Semaphore(places)
        self.thread = ThreadPoolExecutor(places, "device")  # with one thread what is submitted waits for the tile
        self._tickets: list[object] = []  # of those who wait, in the order in which they came

    def in_turn(
        self, steps: Callable[[Turn], Generator[Step, None, Result]], max_waiting: float = MAX_WAITING
    ) -> Generator[Step | Waiting, None, Result]:
        """Wait for the device, yielding `Waiting`; then go through the steps and return what they return.

        Closing the generator, which Gradio does when a visitor cancels or leaves, frees the device.

        Args:
            steps: are made of the turn, which they may end before they end themselves.
        Raises:
            Busy: `max_waiting` visitors wait already.
        """
        count = len(self._tickets)
        if count >= max_waiting:
            raise Busy(
                Message("{count} pictures are waiting here already. Please come again in a minute.", count=count)
            )
        yield from self.take()
        turn = Turn(self)
        try:
            return (yield from steps(turn))
        finally:
            turn.end()

    def take(self) -> Generator[Waiting]:
        """Wait for the device and take it."""
        ticket = object()
        self._tickets.append(ticket)
        try:
            while self._tickets[0] is not ticket or not self.free_places.acquire(timeout=POLL_SECONDS):
                place = self._tickets.index(ticket)
                if place > 0:
                    time.sleep(POLL_SECONDS)
                yield Waiting(place + 1)
        finally:
            self._tickets.remove(ticket)

    def try_take(self) -> bool:
        """Take the device if it is free now; return whether it was."""
        return self.free_places.acquire(blocking=False)

    def release(self) -> None:
        """Free the device when the tile at hand has ended, and return the memory that it took."""
        self.thread.submit(self.free_places.release)
        self.thread.submit(return_free_memory)

    def run_ahead(
        self, steps: Generator[Step], turn: Turn, size: Callable[[Step], int], max_bytes: float
    ) -> Generator[Step | None]:
        """Compute steps in the device's thread; yield each, and None whenever POLL_SECONDS pass without one.

        The turn ends with the last step, even if none was taken from here yet. Closing the generator closes the steps
        after the tile at hand, for which it does not wait.

        Args:
            size: of a step in bytes.
            max_bytes: of the steps that may wait to be taken; one always may.
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
                turn.end()
                made.put(failure)

        try:
            self.thread.submit(copy_context().run, compute)  # ZeroGPU asks whose request it is
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
