"""DeviceQueue: visitors take the device in turn, and one thread computes their tiles.

The thread belongs to the device, not to a visitor. Who waits for a tile only looks, several times a second, whether it
is there: so a visitor who cancels or leaves is done at once, and the device is free when the tile at hand has ended.
"""

import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
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


class DeviceQueue:
    """The queue for the device: one at a time, first come, first served."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # held by the one whose turn it is
        self.thread = ThreadPoolExecutor(1, "device")  # what is submitted runs after the tile at hand
        self._tickets: list[object] = []  # of those who wait, in the order in which they came

    def in_turn(
        self, steps: Generator[Step, None, Result], max_waiting: float = MAX_WAITING
    ) -> Generator[Step | Waiting, None, Result]:
        """Wait for the device, yielding `Waiting`; then go through the steps and return what they return.

        Closing the generator, which Gradio does when a visitor cancels or leaves, frees the device.

        Raises:
            Busy: `max_waiting` visitors wait already.
        """
        count = len(self._tickets)
        if count >= max_waiting:
            raise Busy(
                Message("{count} pictures are waiting here already. Please come again in a minute.", count=count)
            )
        yield from self._take()
        try:
            return (yield from steps)
        finally:
            self.release()

    def _take(self) -> Generator[Waiting]:
        """Wait for the device and take it."""
        ticket = object()
        self._tickets.append(ticket)
        try:
            while self._tickets[0] is not ticket or not self.lock.acquire(timeout=POLL_SECONDS):
                place = self._tickets.index(ticket)
                if place > 0:
                    time.sleep(POLL_SECONDS)
                yield Waiting(place + 1)
        finally:
            self._tickets.remove(ticket)

    def try_take(self) -> bool:
        """Take the device if it is free now; return whether it was."""
        return self.lock.acquire(blocking=False)

    def release(self) -> None:
        """Free the device when the tile at hand has ended, and return the memory that it took."""
        self.thread.submit(self.lock.release)
        self.thread.submit(return_free_memory)

    def watch(self, steps: Generator[Step]) -> Generator[Step | None]:
        """Compute steps in the device's thread; yield each, and None whenever POLL_SECONDS pass without one.

        Closing the generator closes the steps after the tile at hand, for which it does not wait.
        """

        def compute_next() -> list[Step]:
            return list(islice(steps, 1))  # empty at the end

        try:
            while True:
                coming = self.thread.submit(copy_context().run, compute_next)  # ZeroGPU asks whose request it is
                while not wait([coming], POLL_SECONDS).done:
                    yield None
                if not coming.result():
                    return
                yield coming.result()[0]
        finally:
            self.thread.submit(steps.close)
