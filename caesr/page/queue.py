"""DeviceQueue: visitors take the device in turn, and one thread computes their tiles.

The thread belongs to the device, not to a visitor, and runs ahead of who writes the tiles to a file: the turn ends when
the last tile is computed, however long the file takes. Who waits for a tile only looks, several times a second, whether
it is there: so a visitor who cancels or leaves is done at once, and the device is free when the tile at hand has ended.
"""

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from caesr.jobs.run_ahead import POLL_SECONDS, run_ahead
from caesr.page.memory import return_free_memory
from zoo.messages import Message

Step = TypeVar("Step")
Result = TypeVar("Result")

MAX_WAITING = 32  # visitors; the next one is told at once to come again
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

    def end(self) -> None:
        """Free the device when the tile at hand has ended."""
        with self._lock:
            was_held, self.is_held = self.is_held, False
        if was_held:
            self.queue.release()

    def take_again(self) -> Generator[None]:
        """Wait for the device once more if the turn has ended."""
        if not self.is_held:
            for _ in self.queue.take():
                yield
            self.is_held = True


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
        return run_ahead(self.thread, steps, size, max_bytes, turn.end)
