"""What is said of the pages of one file together: progress over all of them, and the notes about each."""

import time
from collections.abc import Sequence

from caesr.engine.progress import Progress
from caesr.jobs.report import some
from zoo.messages import Message


class PagesProgress:
    """Progress over all pages of a file, of the progress of each; of a single page it is that page's own.

    How many tiles pages take is known only when they are begun: until then it is estimated by their pixels.

    Args:
        pixels: of each page.
    """

    def __init__(self, pixels: Sequence[int]):
        self.pixels, self.page, self.tiles = pixels, 0, 0  # tiles of pages that are finished
        self.started = time.monotonic()
        self.progress = Progress(0, len(pixels), 0.0)
        self._own = self.progress  # of the page

    def count(self, own: Progress) -> bool:
        """Take the progress of the page at work, and return whether it is the last of the last page."""
        self._own = own
        if len(self.pixels) == 1:
            self.progress = own
        elif own.done:  # before the first tile of a page its number of tiles need not be known
            finished, through = sum(self.pixels[: self.page]), sum(self.pixels[: self.page + 1])
            whole, done = sum(self.pixels), finished + self.pixels[self.page] * own.done / own.total
            known, begun = self.tiles + own.total, self.page + 1
            total = max(round(known * whole / through), known + len(self.pixels) - begun)  # a tile each at least
            seconds_left = (time.monotonic() - self.started) / done * (whole - done)
            self.progress = Progress(self.tiles + own.done, total, seconds_left)
        return own.done == own.total and self.page == len(self.pixels) - 1

    def finish_page(self) -> None:
        """Go on to the next page."""
        self.tiles += self._own.total
        self.page += 1


def join_notes(pages: Sequence[Sequence[Message]]) -> tuple[Message, ...]:
    """Return the notes about pages; those that do not hold for all of them name theirs, from 1."""
    numbers: dict[Message, list[str]] = {}
    for number, notes in enumerate(pages, 1):
        for note in dict.fromkeys(notes):
            numbers.setdefault(note, []).append(str(number))
    return tuple(
        note if len(found) == len(pages) else Message("Page {pages}: {note}", pages=some(found), note=note)
        for note, found in numbers.items()
    )
