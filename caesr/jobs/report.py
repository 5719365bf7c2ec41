"""What became of pictures: the status of each, counts for people, and report.csv."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from caesr.files.listed import ListedPicture
from zoo.messages import printable

REPORT = "report.csv"
COLUMNS = ("name", "state", "result", "seconds", "error", "notes")
MAX_REASONS = 50  # shown at the end; report.csv has all
MAX_NAMES = 5  # of files that are left out for one reason
FORMULA = re.compile(r"[=+\-@＝＋－＠\t\r\n']")  # how a cell begins that a spreadsheet would compute


@dataclass(frozen=True)
class Job:
    """A picture to upscale, and where its result goes: paths, or addresses of an object store (`caesr.files.store`)."""

    picture: ListedPicture
    source: str
    target: str
    overwrite: bool = False


@dataclass(frozen=True)
class Status:
    """How far a job is.

    It is queued, done, kept (its result was there), failed, skipped (no picture), or left (the batch was stopped).
    """

    job: Job
    state: str = "queued"
    error: str = ""  # why it failed or is skipped
    seconds: float = 0.0
    worker: str = ""  # the machine and its process
    notes: tuple[str, ...] = ()  # why Auto chose its model; what could not be kept, or was mended

    @property
    def has_result(self) -> bool:
        """Whether the result is there."""
        return self.state in ("done", "kept")


@dataclass
class Report:
    """Counts of pictures, the reason for each that failed, by its path or address, and what was left out."""

    written: int = 0
    kept: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)  # names by reason

    @property
    def is_complete(self) -> bool:
        """Whether no picture failed, and there was one."""
        return not self.failed and (bool(self.written or self.kept) or not self.skipped)

    def add(self, status: Status, say: Callable[..., None]) -> None:
        """Count a picture that is done with, and say it; one that failed before may be done now."""
        name, source = printable(status.job.picture.name), status.job.source
        self.failed.pop(source, None)
        if status.state == "failed":
            self.failed[source] = status.error
            say(f"{name}: failed")
        elif status.state == "skipped":  # said in one line for each reason, at the end
            self.skipped.setdefault(status.error, []).append(status.job.picture.name)
        elif status.state == "kept":
            self.kept += 1
        else:
            self.written += 1
            say(" · ".join(map(printable, [f"{name} -> {status.job.target}", *status.notes])))

    def summary(self) -> str:
        """Return how many there are of each kind, and once more the reasons, which may have scrolled away."""
        kept = f"{self.kept} done already, " if self.kept else ""
        count = sum(map(len, self.skipped.values()))
        skipped = f", {count} left out" if count else ""
        reasons = [f"  {reason}" for reason in self.failed.values()]
        if len(reasons) > MAX_REASONS:
            reasons[MAX_REASONS:] = [f"  … and {len(reasons) - MAX_REASONS} more"]
        reasons += [f"  left out, {reason}: {some(names)}" for reason, names in self.skipped.items()]
        head = f"{self.written} upscaled, {kept}{len(self.failed)} failed{skipped}"
        return "\n".join(map(printable, [head, *reasons]))


def some(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def report_text(rows: Iterable[dict[str, Any]]) -> str:
    """Return the text of report.csv, a row a picture in the order of names.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that begins with
    one: https://owasp.org/www-community/attacks/CSV_Injection. All are quoted, since semicolons separate, too.

    Args:
        rows: of each its name, the result's or "", the seconds it took, the error or "", and a list of notes.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore", quoting=csv.QUOTE_ALL)
    table.writeheader()
    for row in sorted(rows, key=itemgetter("name")):
        state, notes = row.get("state") or ("failed" if row.get("error") else "done"), row.get("notes")
        joined = "; ".join(map(str, notes)) if isinstance(notes, (list, tuple)) else ""
        table.writerow({column: cell(value) for column, value in (row | {"state": state, "notes": joined}).items()})
    return text.getvalue()


def cell(value: object) -> str:
    """Return the text of a cell, which no spreadsheet computes and every encoding of Unicode holds."""
    text = str(value)
    text = f"'{text}" if FORMULA.match(text) else text
    return text.encode(errors="backslashreplace").decode()
