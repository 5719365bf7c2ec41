"""Folders of pictures and of results on this machine or in an object store (s3://… and others, by fsspec).

An address is a path, `file://` and a path, or what fsspec understands. Files on this machine are used in place; others
pass through a temporary file.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caesr.files import atomic
from caesr.files.archive import is_picture
from zoo.messages import Message


class StoreError(ValueError):
    """A place that cannot be read or written; the message says what is wrong, where and what to do."""


@dataclass(frozen=True)
class ListedPicture:
    """A picture in a folder, or, with an error, a folder in it that cannot be listed."""

    name: str  # relative to the folder, with slashes
    stamp: str = ""  # changes with the content: size and time, or what the store offers
    error: str = ""


def local_path(address: str) -> Path | None:
    """Return the path of an address on this machine, None for one in a store."""
    address = address.removeprefix("file://")
    return None if "://" in address else Path(address)


def join(folder: str, name: str) -> str:
    """Return the address of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if name else folder


def walk_pictures(folder: str, deep: bool = True, exclude: str = "") -> Iterator[list[ListedPicture]]:
    """List the pictures of a folder and of those below it: a list for each folder that has any, sorted by name.

    A folder comes before its sub-folders and is listed when it is reached. Hidden folders are left out, and so are
    links to folders, which could form a loop. A folder that cannot be listed gives one ListedPicture with an error.

    Args:
        deep: whether to list sub-folders.
        exclude: address of a sub-folder that is left out with all below it.
    """
    pending = [""]  # names of folders, the next one last
    while pending:
        below = pending.pop()
        try:
            entries = sorted(listing(join(folder, below)))
        except StoreError as error:
            yield [ListedPicture(below, error=error.args[0])]
            continue
        pictures, folders = [], []
        for name, is_folder, its_stamp in entries:
            path = f"{below}/{name}".lstrip("/")
            if not is_folder and is_picture(path):
                pictures.append(ListedPicture(path, its_stamp))
            elif is_folder and not name.startswith(".") and join(folder, path) != exclude.rstrip("/"):
                folders.append(path)
        if pictures:
            yield pictures
        if deep:
            pending += reversed(folders)


def listing(folder: str) -> Iterator[tuple[str, bool, str]]:
    """Yield what is directly in a folder (name, whether it is a folder, stamp); StoreError if it cannot be listed."""
    if path := local_path(folder):
        try:
            for entry in os.scandir(path):
                if entry.is_dir(follow_symlinks=False) or not entry.is_dir():
                    yield entry.name, entry.is_dir(), "" if entry.is_dir() else stamp(Path(entry.path))
        except OSError as error:
            message = "{folder} cannot be listed ({reason}); check that you may read it."
            raise StoreError(Message(message, folder=folder, reason=error.strerror)) from error
        return
    with _explain_failure(folder, "listed"):
        fs, root = _open_system(folder)
        for found in fs.ls(root, detail=True):
            name = found["name"].rstrip("/").rpartition("/")[2]
            if found["name"].strip("/") != root.strip("/"):  # some stores list the folder itself
                marks = (found.get(key) for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created"))
                mark = next((str(mark) for mark in marks if mark), "")
                yield name, found["type"] == "directory", f"{found['size']} {mark}"


def stamp(path: Path) -> str:
    """Return the stamp of a local file; empty if it is gone, which reading it will report."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def exists(address: str) -> bool:
    """Return whether a file or folder exists; StoreError if the store cannot be reached."""
    if path := local_path(address):
        return path.exists()
    with _explain_failure(address, "reached"):
        fs, remote = _open_system(address)
        return bool(fs.exists(remote))


@contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """Yield a path of the file, its own or that of a copy that is removed on leaving; StoreError if there is none."""
    if path := local_path(address):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="caesr-") as folder:
        copy = Path(folder, address.rpartition("/")[2])
        with _explain_failure(address, "read"):
            fs, remote = _open_system(address)
            fs.get_file(remote, str(copy))
        yield copy


@contextmanager
def local_target(address: str, overwrite: bool = True) -> Iterator[Path]:
    """Yield a path to write a file to, and put it to its address on leaving, complete; not if the body raises.

    Args:
        overwrite: False: a file in a store that has been put there meanwhile stays, and this one is dropped.
    Raises:
        StoreError: the file cannot be written.
    """
    if path := local_path(address):
        yield path  # callers write it atomically
        return
    with tempfile.TemporaryDirectory(prefix="caesr-") as folder:
        copy = Path(folder, address.rpartition("/")[2])
        yield copy
        with _explain_failure(address, "written"), suppress(FileExistsError):
            fs, remote = _open_system(address)
            fs.put_file(str(copy), remote, mode="overwrite" if overwrite else "create")


def remove_abandoned(folder: str) -> None:
    """Remove unfinished files of killed writers directly in a folder; a store never shows unfinished files."""
    if path := local_path(folder):
        atomic.remove_abandoned(path)


def _open_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address and the path in it."""
    import fsspec  # optional: only stores need it

    return fsspec.url_to_fs(address, use_listings_cache=False)


@contextmanager
def _explain_failure(address: str, action: str) -> Iterator[None]:
    """Raise a store's own errors as StoreError, so that one picture's failure does not stop the others."""
    try:
        yield
    except Exception as error:
        message = "{address} cannot be {action} ({reason}); check the address and your rights."
        reason = str(error) or type(error).__name__
        raise StoreError(Message(message, address=address, action=action, reason=reason)) from error
