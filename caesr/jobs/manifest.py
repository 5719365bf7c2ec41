"""The manifest of a folder of results: a line of JSON for every picture that was tried, to know what is done.

`manifest.jsonl` only ever grows. The last line about a result counts; a line cut short counts as none. Every run that
does something begins with a line of its settings. A picture has a line when it is queued, so that a result whose own
line is missing (the run was killed between the two) is known all the same. An object store has nothing that grows, so
there every hundred lines become an object of their own, `manifest-….jsonl`.

A manifest may be a stranger's: what it says is checked before it is used.
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from caesr.files import store
from caesr.files.atomic import PART, atomic_write
from caesr.files.listed import ListedPicture
from caesr.files.store import StoreError
from caesr.jobs.naming import RESULT
from caesr.jobs.report import REPORT, Status, report_text
from zoo.messages import Message

MANIFEST = "manifest.jsonl"
MANIFESTS = re.compile(r"manifest(-[\w-]+)?\.jsonl")  # of a disk, of a store
SEGMENT_LINES = 100  # of an object; what is lost when a batch is killed was queued, and its results are there


class Manifest:
    """What earlier runs and this one made in a folder, and from what.

    Args:
        output: the address of the folder of results; made if need be.
        settings: all that decides what a result looks like.
    Raises:
        StoreError: the manifest cannot be read or written, or another batch is writing it.
    """

    def __init__(self, output: str, settings: dict[str, Any]):
        self.output, self.settings = output, settings
        self.key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        path = store.local_path(output)
        self._lines = _LineFile(path) if path else _LineObjects(output)
        self._made: dict[str, tuple[str, str, str]] = {}  # result -> name and stamp of its picture, key of the settings
        self._began = False
        queued: dict[tuple[str, str], tuple[str, tuple[str, str, str]]] = {}  # without a line of what became of them
        for line in _read_lines(output):
            made = line["name"], line["stamp"], line["settings"]
            picture = line["name"], line["settings"]
            if "queued" in line:
                queued[picture] = line["queued"], made
                continue
            queued.pop(picture, None)
            if line["result"]:
                self._made[line["result"]] = made
        self._made |= queued.values()
        self.unconfirmed = {result for result, _ in queued.values()}
        self._names = {(name, key): result for result, (name, _, key) in self._made.items() if _is_beside(result, name)}

    def results(self) -> set[str]:
        """Return the names of all results that the manifest knows."""
        return set(self._made)

    def known_result(self, picture: ListedPicture) -> str:
        """Return the name that a picture's result of these settings was given before; "" if it has none."""
        return self._names.get((picture.name, self.key), "")

    def is_done(self, picture: ListedPicture, result: str) -> bool:
        """Return whether a result that is there was made of this picture, unchanged, by these settings."""
        return self._made.get(result) == (picture.name, picture.stamp, self.key)

    def conflict(self, picture: ListedPicture, result: str) -> Message:
        """Return why a result that is there is not this picture's."""
        path = store.join(self.output, result)
        name, stamp, key = self._made.get(result, ("", "", ""))
        advice = "Overwrite it (--overwrite), or choose another folder."
        if not stamp:
            why = "{result} is there already, and it is not known what made it. "
        elif name != picture.name:
            return Message("{result} is there already: the result of {other}. " + advice, result=path, other=name)
        elif key != self.key:
            why = "{result} is there already, made with other settings or another model. "
        else:
            why = "{result} is there already, made from another version of the picture. "
        return Message(why + advice, result=path)

    def queue(self, picture: ListedPicture, result: str, is_present: bool) -> None:
        """Write a line for a picture that is to be upscaled.

        Args:
            is_present: whether the result is there and will be replaced: until it is, it is that of nobody knows what.
        """
        stamp = "" if is_present else picture.stamp
        self._add({"name": picture.name, "stamp": stamp, "settings": self.key, "queued": result})

    def add(self, status: Status) -> None:
        """Write a line for a picture that was tried."""
        self._add(self._line(status))

    def flush(self) -> None:
        """Write what is not written yet."""
        self._lines.flush()

    def close(self, only_reported: Iterable[Status] = ()) -> None:
        """Write what is not written yet, and report.csv: what became of every picture, as of now.

        Args:
            only_reported: pictures whose results are not theirs, and what is no picture.
        """
        self._lines.close()
        last = {line["name"]: line for line in _read_lines(self.output) if "result" in line}
        last |= {status.job.picture.name: self._line(status) | {"state": status.state} for status in only_reported}
        _write(store.join(self.output, REPORT), report_text(last.values()))

    def _add(self, line: dict[str, Any]) -> None:
        """Write a line, the first one after a line of the settings."""
        if not self._began:
            date = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            self._lines.add({"run": self.key, "settings": self.settings, "date": date})
            self._began = True
        self._lines.add(line)

    def _line(self, status: Status) -> dict[str, Any]:
        """Return the line for a picture that was tried."""
        picture = status.job.picture
        result = status.job.target.removeprefix(self.output).lstrip("/") if status.has_result else ""
        line: dict[str, Any] = {"name": picture.name, "stamp": picture.stamp, "settings": self.key, "result": result}
        line |= {"seconds": round(status.seconds, 3), "worker": status.worker, "error": str(status.error)}
        return line | ({"notes": list(map(str, status.notes))} if status.notes else {})


def records_of(names: Iterable[str]) -> set[str]:
    """Return which of the names in a folder are those of a batch's own files, if results of a batch are there."""
    names = set(names)
    records = {name for name in names if MANIFESTS.fullmatch(name)}
    own = records | ({REPORT} & names if records else set())
    return own | {name for name in names if PART.fullmatch(name)}


def recorded_results(folder: Path) -> dict[Path, Path]:
    """Return the results that the manifest of a folder on this machine names, if it has one.

    Returns:
        The path of each, and the path that its picture has if it lies in this folder, too.
    """
    if not store.exists(str(folder / MANIFEST)):
        return {}
    lines = _read_lines(str(folder))
    return {folder / line["result"]: folder / line["name"] for line in lines if line.get("result")}


class _LineFile:
    """Lines at the end of a file, each written at once."""

    def __init__(self, folder: Path):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = (folder / MANIFEST).open("a+b")
        except OSError as error:
            message = "{folder} cannot be written ({why}); choose another OUTPUT."
            raise StoreError(Message(message, folder=folder, why=error.strerror)) from error
        _lock(self.file, folder)
        if self.file.tell() > 0:
            self.file.write(b"\n")  # after a line that was cut short

    def add(self, line: dict[str, Any]) -> None:
        self.file.write(_line_text(line).encode() + b"\n")
        self.file.flush()

    def flush(self) -> None:
        """Do nothing: there is nothing that is not written."""

    def close(self) -> None:
        self.file.close()


class _LineObjects:
    """Lines as objects of a hundred each."""

    def __init__(self, folder: str):
        self.folder, self.run, self.count = folder, uuid.uuid4().hex[:8], 0
        self.waiting: list[str] = []

    def add(self, line: dict[str, Any]) -> None:
        self.waiting.append(_line_text(line))
        if len(self.waiting) >= SEGMENT_LINES:
            self.flush()

    def close(self) -> None:
        self.flush()

    def flush(self) -> None:
        if self.waiting:  # named by the time, so that their order is that of their names
            name = f"manifest-{time.time_ns():020}-{self.run}-{self.count:06}.jsonl"
            _write(store.join(self.folder, name), "\n".join(self.waiting) + "\n")
            self.waiting, self.count = [], self.count + 1


def _line_text(line: dict[str, Any]) -> str:
    """Return a line as JSON. A byte of a name that is no UTF-8 is a lone surrogate, which JSON escapes: \\udcff."""
    return json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace").decode()


def _lock(file: Any, folder: Path) -> None:
    """Lock a manifest: two batches that write one would each redo what the other does."""
    try:
        import fcntl  # which Windows lacks

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = "Another batch is writing to {folder}; wait for it, or choose another OUTPUT."
        raise StoreError(Message(message, folder=folder)) from error
    except (ImportError, OSError):
        return  # a system or a disk without locks


def _is_beside(result: str, picture: str) -> bool:
    """Return whether a result's name is one in the folder of its picture."""
    folder, _, own = result.rpartition("/")
    return folder == picture.rpartition("/")[0] and RESULT.fullmatch(own) is not None


def _read_lines(folder: str) -> Iterator[dict[str, Any]]:
    """Read the lines about pictures of a folder's manifest, the oldest first; damaged ones are left out."""
    if not store.exists(folder):
        return
    for name in sorted(entry.name for entry in store.listing(folder)):
        if not MANIFESTS.fullmatch(name):
            continue
        with store.local_copy(store.join(folder, name)) as path, path.open("rb") as file:
            for text in file:
                try:
                    line = json.loads(text)
                except (ValueError, RecursionError):  # cut short, or the empty line after it
                    continue
                if _is_about_a_picture(line):
                    yield line


def _is_about_a_picture(line: Any) -> bool:
    """Return whether a line has all that is read of it."""
    if not isinstance(line, dict):
        return False
    values = [line.get(key) for key in ("name", "stamp", "settings")]
    return all(isinstance(value, str) for value in [*values, line.get("queued", line.get("result"))])


def _write(address: str, text: str) -> None:
    """Write a small file atomically."""
    with store.local_target(address) as path, atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="")
