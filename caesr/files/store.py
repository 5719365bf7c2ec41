"""Where pictures are and where results go: a folder here, or one in an object store (s3://… and others, by fsspec).

An address is a path, `file://` and a path, or what fsspec understands. What is here is used where it lies; what is
elsewhere passes through a temporary file.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caesr.files import atomic
from caesr.files.archive import is_picture


class StoreError(ValueError):
    """A place that cannot be read or written. One sentence: what is wrong, where, what to do."""


@dataclass(frozen=True)
class Found:
    """A picture in a folder; or, with an error, a folder in it that cannot be listed."""

    name: str  # from the folder down, with slashes
    stamp: str = ""  # another one when the content has changed: size and time, or what the store offers
    error: str = ""


def local_path(address: str) -> Path | None:
    """The path of an address that is here; None of one that is elsewhere."""
    address = address.removeprefix("file://")
    return None if "://" in address else Path(address)


def join(folder: str, name: str) -> str:
    """The address of what has this name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if name else folder


def pictures(folder: str, deep: bool = True, below: str = "") -> Iterator[Found]:
    """The pictures of a folder, then those of its sub-folders, in the order of their names. Listed as they are asked
    for, a folder at a time; links to folders are not followed, so that it ends.

    Args:
        deep: sub-folders, too.
        below: only what is in this sub-folder.
    """
    try:
        listed = sorted(listing(join(folder, below)))
    except StoreError as error:
        yield Found(below, error=str(error))
        return
    names = [(f"{below}/{name}".lstrip("/"), is_folder, stamp) for name, is_folder, stamp in listed]
    yield from (Found(name, stamp) for name, is_folder, stamp in names if not is_folder and is_picture(name))
    for name, is_folder, _ in names:
        if deep and is_folder and not name.rpartition("/")[2].startswith("."):
            yield from pictures(folder, deep, name)


def listing(folder: str) -> Iterator[tuple[str, bool, str]]:
    """What is directly in a folder: name, whether it is a folder, stamp.

    Raises:
        StoreError: it cannot be listed.
    """
    if path := local_path(folder):
        try:
            for entry in os.scandir(path):
                if entry.is_dir(follow_symlinks=False) or not entry.is_dir():
                    yield entry.name, entry.is_dir(), "" if entry.is_dir() else stamp(Path(entry.path))
        except OSError as error:
            raise StoreError(f"{folder} cannot be listed ({error.strerror}); check that you may read it.") from error
        return
    with _explained(folder, "listed"):
        fs, root = _system(folder)
        for found in fs.ls(root, detail=True):
            name = found["name"].rstrip("/").rpartition("/")[2]
            if found["name"].strip("/") != root.strip("/"):  # some stores name the folder itself
                marks = (found.get(key) for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created"))
                mark = next((str(mark) for mark in marks if mark), "")
                yield name, found["type"] == "directory", f"{found['size']} {mark}"


def stamp(path: Path) -> str:
    """Of a file that is here; that it may have gone since is for its reader to say."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{facts.st_size} {facts.st_mtime_ns}"


def exists(address: str) -> bool:
    """Whether there is such a file or folder.

    Raises:
        StoreError: the place cannot be asked.
    """
    if path := local_path(address):
        return path.exists()
    with _explained(address, "reached"):
        fs, there = _system(address)
        return bool(fs.exists(there))


@contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """The file as a path: itself, or a copy that goes at the end.

    Raises:
        StoreError: it cannot be had.
    """
    if path := local_path(address):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="caesr-") as folder:
        copy = Path(folder, address.rpartition("/")[2])
        with _explained(address, "read"):
            fs, there = _system(address)
            fs.get_file(there, str(copy))
        yield copy


@contextmanager
def local_target(address: str, replace: bool = True) -> Iterator[Path]:
    """A path to write a file to, which is at its address afterwards, whole. Nothing is there if this raises.

    Args:
        replace: else a file that has come there meanwhile stays, and this one is let go.
    Raises:
        StoreError: it cannot be written there.
    """
    if path := local_path(address):
        yield path  # its writer renames
        return
    with tempfile.TemporaryDirectory(prefix="caesr-") as folder:
        copy = Path(folder, address.rpartition("/")[2])
        yield copy
        with _explained(address, "written"):
            fs, there = _system(address)
            try:
                fs.put_file(str(copy), there, mode="overwrite" if replace else "create")
            except FileExistsError:
                return


def remove_abandoned(folder: str) -> None:
    """Remove what a writer that was killed left unfinished directly in a folder; stores show nothing unfinished."""
    if path := local_path(folder):
        atomic.remove_abandoned(path)


def _system(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    import fsspec  # only asked for by addresses that are elsewhere

    fs, path = fsspec.url_to_fs(address, use_listings_cache=False)
    return fs, path


@contextmanager
def _explained(address: str, what: str) -> Iterator[None]:
    """Every store has errors of its own; they become ours, so that one picture's stays one picture's."""
    try:
        yield
    except Exception as error:
        why = str(error) or type(error).__name__
        raise StoreError(f"{address} cannot be {what} ({why}); check the address and your rights.") from error
