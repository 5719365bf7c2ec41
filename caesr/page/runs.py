"""Runs: which sessions have a run, and of what, so that the button that began it can end it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Runs:
    """The runs of all visitors, one each at most."""

    def __init__(self) -> None:
        self._running: dict[str, Path | None] = {}  # session -> the picture
        self._stopping: set[str] = set()

    @contextmanager
    def begin(self, session: str, picture: Path | None = None) -> Iterator[bool]:
        """Begin a session's run, or have the one that it has end; gives whether it was begun."""
        if session in self._running:
            self.stop(session)
            yield False
            return
        self._running[session] = picture
        try:
            yield True
        finally:
            del self._running[session]
            self._stopping.discard(session)

    def stop(self, session: str) -> None:
        """Have a session's run end, if there is one."""
        if session in self._running:
            self._stopping.add(session)

    def is_stopping(self, session: str) -> bool:
        """Return whether a session's run is to end."""
        return session in self._stopping

    def picture(self, session: str) -> Path | None:
        """Return the picture that a session's run is about."""
        return self._running.get(session)
