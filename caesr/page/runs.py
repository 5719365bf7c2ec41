"""Runs: which sessions have a run, so that the button that began it can end it."""

from collections.abc import Iterator
from contextlib import contextmanager


class Runs:
    """The runs of all visitors, one each at most."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._stopping: set[str] = set()

    @contextmanager
    def begin(self, session: str) -> Iterator[bool]:
        """Begin a session's run, or have the one that it has end; gives whether it was begun."""
        if session in self._running:
            self.stop(session)
            yield False
            return
        self._running.add(session)
        try:
            yield True
        finally:
            self._running.discard(session)
            self._stopping.discard(session)

    def stop(self, session: str) -> None:
        """Have a session's run end, if there is one."""
        if session in self._running:
            self._stopping.add(session)

    def is_stopping(self, session: str) -> bool:
        """Return whether a session's run is to end."""
        return session in self._stopping
