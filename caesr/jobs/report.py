"""What became of pictures: the status of each, counts for people, and report.csv."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from caesr.files.store import ListedPicture

REPORT = "report.csv"
COLUMNS = ("name", "result", "seconds", "error")
MAX_REASONS = 50  # shown at the end; report.csv has all


@dataclass(frozen=True)
class Job:
    """A picture to upscale, and where its result goes: paths, or addresses of an object store (`caesr.files.store`)."""

    picture: ListedPicture
    source: str
    target: str
    overwrite: bool = False


@dataclass(frozen=True)
class Status:
    """How far a job is: queued, done, kept (its result was there), failed, or left out (the batch was stopped)."""

    job: Job
    state: str = "queued"
    error: str = ""
    seconds: float = 0.0
    worker: str = ""  # the machine and its process
    pages: int = 1  # of the file, of which the first is upscaled

    @property
    def has_result(self) -> bool:
        """Whether the result is there."""
        return self.state in ("done", "kept")


@dataclass
class Report:
    """Counts of pictures, and the reason for each that failed, by its path or address."""

    written: int = 0
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, status: Status, say: Callable[..., None]) -> None:
        """Count a picture that is done with, and say it; one that failed before may be done now."""
        name, source = status.job.picture.name, status.job.source
        self.failed.pop(source, None)
        if status.state == "failed":
            self.failed[source] = status.error
            say(f"{name}: failed".ljust(78))
        elif status.state == "kept":
            self.kept += 1
        else:
            self.written += 1
            pages = f" (the first of its {status.pages} pages)" if status.pages > 1 else ""
            say(f"{name} -> {status.job.target}{pages}".ljust(78))

    def summary(self) -> str:
        """Return how many there are of each kind, and once more the reasons, which may have scrolled away."""
        kept = f"{self.kept} done already, " if self.kept else ""
        reasons = [f"  {reason}" for reason in self.failed.values()]
        if len(reasons) > MAX_REASONS:
            reasons[MAX_REASONS:] = [f"  … and {len(reasons) - MAX_REASONS} more"]
        return "\n".join([f"{self.written} upscaled, {kept}{len(self.failed)} failed", *reasons])


def report_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of report.csv, a row a picture in the order of names.

    Args:
        rows: of each its name, the result's or "", the seconds it took, and the error or "".
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    table.writeheader()
    table.writerows(sorted(rows, key=itemgetter("name")))
    return text.getvalue()
