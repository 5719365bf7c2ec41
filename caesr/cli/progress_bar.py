"""Progress bar on a terminal: how much of a picture is done, and how long the rest takes."""

import shutil
import time
import unicodedata
from typing import TextIO

from caesr.engine.progress import Progress
from caesr.jobs.report import Job
from zoo.messages import printable

MAX_BAR, MAX_NAME = 30, 40  # columns
REDRAW_SECONDS = 0.1


class ProgressBar:
    """A bar on the last line of a terminal, and lines above it; where there is no terminal, lines only."""

    def __init__(self, stream: TextIO):
        self.stream, self.is_terminal = stream, stream.isatty()
        self.full, self.empty = blocks(stream.encoding or "ascii")
        self.job: Job | None = None
        self.drawn_at, self.width = 0.0, 0  # of the bar that is to be seen, in columns

    def say(self, line: str) -> None:
        """Print a line for good."""
        self.clear()
        print(printable(line), file=self.stream, flush=True)

    def show(self, job: Job, progress: Progress) -> None:
        """Draw how far a job is."""
        is_new, now = job is not self.job, time.monotonic()
        if not self.is_terminal or (not is_new and now - self.drawn_at < REDRAW_SECONDS):
            return
        self.job, self.drawn_at = job, now
        line = self.line(job.picture.name, progress, shutil.get_terminal_size().columns - 1)
        self.clear()
        print(line, end="\r", file=self.stream, flush=True)
        self.width = columns(line)

    def clear(self) -> None:
        """Remove the bar from the terminal."""
        if self.width:
            print(" " * self.width, end="\r", file=self.stream, flush=True)
        self.width = 0

    def line(self, name: str, progress: Progress, width: int) -> str:
        """Return the bar as a text of at most so many columns."""
        share = progress.done / max(progress.total, 1)
        end = f" {100 * share:3.0f} %" + (f"  {time_left(progress.seconds_left)}" if progress.done else "")
        start = cut(printable(name), min(MAX_NAME, max(0, width - len(end) - 12)))
        length = max(0, min(MAX_BAR, width - columns(start) - len(end) - 1))
        full = round(share * length)
        return f"{start} {self.full * full}{self.empty * (length - full)}{end}"[:width]


def blocks(encoding: str) -> tuple[str, str]:
    """Return the characters of which a bar is made that an encoding has."""
    try:
        "█░".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return "#", "."
    return "█", "░"


def time_left(seconds: float) -> str:
    """Return a time in words, as long as it is worth knowing."""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def cut(text: str, width: int) -> str:
    """Return a text of at most so many columns; a longer one loses its beginning, since names differ at the end."""
    if columns(text) <= width:
        return text
    while text and columns(text) >= width:
        text = text[1:]
    return "…" + text if width else ""
