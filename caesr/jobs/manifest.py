"""The manifest of a batch: a line of JSON for every picture that was tried, so that a batch knows what is done.

`manifest.jsonl` in the folder of results only ever grows. The last line of a picture counts; a line cut short counts
as none. Every run begins with a line of its settings. An object store has nothing that grows, so there every hundred
lines become an object of their own, `manifest-….jsonl`.
"""

import csv
import hashlib
import io
import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import Any

from caesr.files import store
from caesr.files.atomic import atomic_write
from caesr.files.store import Found, StoreError

SEGMENT = 100  # lines of an object; what is lost when a batch is killed, and found again by the results themselves
REPORT = "report.csv"
COLUMNS = ("name", "result", "seconds", "error")


class Manifest:
    """What is done, of this run and earlier ones, in this folder.

    Args:
        output: the address of the folder of results; made if need be.
        settings: all that decides what a result looks like.
    Raises:
        StoreError: the manifest cannot be read or written, or another batch writes it right now.
    """

    def __init__(self, output: str, settings: dict[str, Any]):
        self.output = output
        self.key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        self.log = _File(Path(path)) if (path := store.local_path(output)) else _Segments(output)
        self.last: dict[str, tuple[str, str]] = {}  # name: its stamp, and the settings or what stands for failure
        self.keys = {self.key}
        self.earlier = False  # whether there was a run before this one
        for line in _lines(output):
            self.earlier = True
            if "run" in line:
                self.keys.add(line["run"])
            elif "name" in line:
                self.last[line["name"]] = line["stamp"], line["settings"] if not line["error"] else "failed"
        self.log.add({"run": self.key, "settings": settings, "date": time.strftime("%Y-%m-%dT%H:%M:%S%z")})

    def done(self, found: Found) -> bool:
        """Whether this picture, unchanged, has a result by these settings; if that is still there."""
        return self.last.get(found.name) == (found.stamp, self.key)

    def orphan(self, found: Found) -> bool:
        """Whether a result that is there was made by these settings though no line says so: a batch was killed
        between the two. Not if this folder has seen other settings, too: it might be theirs."""
        return found.name not in self.last and self.keys == {self.key} and self.earlier

    def add(self, found: Found, result: str, seconds: float, worker: str, error: str) -> None:
        """A line for a picture that was tried."""
        self.last[found.name] = found.stamp, "failed" if error else self.key
        line = {"name": found.name, "stamp": found.stamp, "settings": self.key, "result": result}
        self.log.add(line | {"seconds": round(seconds, 3), "worker": worker, "error": error})

    def close(self) -> None:
        """Write what is not written yet, and `report.csv`: what became of every picture, as of now."""
        self.log.close()
        last = {line["name"]: line for line in _lines(self.output) if "name" in line}
        _write(store.join(self.output, REPORT), report(last.values()))


def report(rows: Iterable[Mapping[str, Any]]) -> str:
    """What became of every picture, for people: the text of `report.csv`, a row a picture in the order of names.

    Args:
        rows: of each its name, the result's or "", the seconds it took, and the error or "".
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    table.writeheader()
    table.writerows(sorted(rows, key=itemgetter("name")))
    return text.getvalue()


class _File:
    """Lines at the end of a file, each of them written at once."""

    def __init__(self, folder: Path):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = (folder / "manifest.jsonl").open("a+b")
        except OSError as error:
            raise StoreError(f"{folder} cannot be written ({error.strerror}); choose another OUTPUT.") from error
        _lock(self.file, folder)
        if self.file.tell() > 0:
            self.file.write(b"\n")  # after a line that was cut short

    def add(self, line: dict[str, Any]) -> None:
        self.file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class _Segments:
    """Lines as objects of a hundred."""

    def __init__(self, folder: str):
        self.folder, self.run, self.count = folder, uuid.uuid4().hex[:8], 0
        self.waiting: list[str] = []

    def add(self, line: dict[str, Any]) -> None:
        self.waiting.append(json.dumps(line, ensure_ascii=False))
        if len(self.waiting) >= SEGMENT or "run" in line:
            self.flush()

    def close(self) -> None:
        self.flush()

    def flush(self) -> None:
        if self.waiting:  # named by the time, so that their order is that of their names
            name = f"manifest-{time.time_ns():020}-{self.run}-{self.count:06}.jsonl"
            _write(store.join(self.folder, name), "\n".join(self.waiting) + "\n")
            self.waiting, self.count = [], self.count + 1


def _lock(file: Any, folder: Path) -> None:
    """Two batches that write one manifest would each redo what the other does."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(f"Another batch is writing to {folder}; wait for it, or choose another OUTPUT.") from error
    except (ImportError, OSError):
        return  # a system or a disk without locks


def _lines(folder: str) -> Iterator[dict[str, Any]]:
    """All lines of a folder's manifest, the oldest first."""
    if not store.exists(folder):
        return
    names = sorted(name for name, _, _ in store.listing(folder))
    for name in names:
        if not re.fullmatch(r"manifest(-[\w-]+)?\.jsonl", name):
            continue
        with store.local_copy(store.join(folder, name)) as path, path.open("rb") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except ValueError:  # cut short, or the empty line after it
                    continue
                if isinstance(line, dict):
                    yield line


def _write(address: str, text: str) -> None:
    """A small file, there whole or not at all."""
    with store.local_target(address) as path, atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
