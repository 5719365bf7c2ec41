"""Folders of pictures and of results on this machine or in an object store (s3://… and others, by fsspec).

An address is a path, `file://` and a path, or what fsspec understands. Files on this machine are used in place; others
pass through a temporary file.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from caesr.files import atomic
from caesr.files.listed import ListedPicture, is_called_picture, is_hidden, reason_to_skip
from caesr.files.names import legal_path
from zoo.messages import Message


class StoreError(ValueError):
    """A place that cannot be read or written; the message says what is wrong, where and what to do."""


@dataclass(frozen=True)
class Entry:
    """What lies directly in a folder."""

    name: str
    is_folder: bool = False
    stamp: str = ""
    problem: Message | None = None  # why it is neither a file nor a folder


def local_path(address: str) -> Path | None:
    """Return the path of an address on this machine, None for one in a store."""
    address = address.removeprefix("file://")
    return None if "://" in address else Path(address)


def is_local(address: str) -> bool:
    """Return whether an address is on this machine."""
    return local_path(address) is not None


def join(folder: str, name: str) -> str:
    """Return the address of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if name else folder


def walk_pictures(folder: str, deep: bool = True, exclude: str = "") -> Iterator[list[ListedPicture]]:
    """List the files of a folder and of those below it: a list for each folder that has any, sorted by name.

    Pictures have neither an error nor a reason why they are skipped. A folder comes before its sub-folders and is
    listed when it is reached. Hidden folders and links to folders, which could form a loop, are skipped. A folder below
    that cannot be listed gives one ListedPicture with an error.

    Args:
        deep: whether to list sub-folders.
        exclude: address of a sub-folder that is left out with all below it.
    Raises:
        StoreError: the folder itself cannot be listed.
    """
    pending = [""]  # names of folders, the next one last
    while pending:
        below = pending.pop()
        try:
            entries = sorted(listing(join(folder, below)), key=lambda entry: entry.name)
        except StoreError as error:
            if not below:
                raise
            yield [ListedPicture(below, error=error.args[0])]
            continue
        found, folders = [], []
        for entry in entries:
            path = f"{below}/{entry.name}".lstrip("/")
            if not entry.is_folder:
                found.append(_listed(entry, path, join(folder, path)))
            elif is_hidden(entry.name):
                found.append(ListedPicture(path, skipped=Message("a hidden folder, with all in it")))
            elif join(folder, path) != exclude.rstrip("/"):
                folders.append(path)
        if found:
            yield found
        if deep:
            pending += reversed(folders)


def listing(folder: str) -> Iterator[Entry]:
    """Yield what is directly in a folder; StoreError if it cannot be listed."""
    if path := local_path(folder):
        try:
            for found in os.scandir(path):
                yield _local_entry(found)
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
                yield Entry(name, found["type"] == "directory", f"{found['size']} {mark}")


def file_problem(path: str | Path) -> Message | None:
    """Return why there can be no file or folder to read at a path of this machine, None if there is one."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - Path drops a trailing slash, which says a folder
    except (OSError, ValueError) as error:
        return _no_file(path, error)
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else Message("a pipe, socket or device, no file")


def _no_file(path: str | Path, error: OSError | ValueError) -> Message:
    """Return why a path has no status."""
    number = getattr(error, "errno", None)
    if number is None or number == errno.ENAMETOOLONG:  # a NUL is no character of a name
        return Message("no file can have this name")
    if number == errno.ELOOP:
        return Message("a link to itself; remove it")
    if number in (errno.ENOENT, errno.ENOTDIR):
        return Message("a link to nowhere; mend it" if os.path.islink(path) else "there is no such file")  # noqa: PTH114
    return Message("cannot be opened ({reason}); check that you may read it", reason=os.strerror(number))


def _local_entry(found: os.DirEntry) -> Entry:
    """Return an entry of a folder on this machine."""
    try:
        status = found.stat()
    except OSError as error:
        return Entry(found.name, problem=_no_file(found.path, error))
    if stat.S_ISDIR(status.st_mode):
        if found.is_symlink():
            return Entry(found.name, problem=Message("a link to a folder, which is not followed; name the folder"))
        return Entry(found.name, is_folder=True)
    if not stat.S_ISREG(status.st_mode):
        return Entry(found.name, problem=Message("a pipe, socket or device, no file"))
    return Entry(found.name, stamp=_stamp(status))


def _listed(entry: Entry, path: str, address: str) -> ListedPicture:
    """Return what a file is: a picture, or why not. A file that is called a picture and cannot be read fails."""
    problem = entry.problem
    if problem is None:
        try:
            problem = reason_to_skip(path, lambda size: _read_beginning(address, size))
        except OSError as error:
            problem = Message("cannot be opened ({reason}); check that you may read it", reason=error.strerror)
        except StoreError as error:
            problem = error.args[0]
    elif is_hidden(path):
        problem = Message("hidden")
    elif is_called_picture(path):
        return ListedPicture(path, entry.stamp, error=Message("{address}: {why}.", address=path, why=problem))
    return ListedPicture(path, entry.stamp, skipped=problem or "")


def _read_beginning(address: str, size: int) -> bytes:
    """Return the first bytes of a file. In a store only files without a suffix are opened: each costs a request."""
    if path := local_path(address):
        with path.open("rb") as file:
            return file.read(size)
    if Path(address).suffix:
        raise StoreError(Message("not called a picture; in a store the suffix counts"))
    with _explain_failure(address, "read"):
        fs, remote = _open_system(address)
        return bytes(fs.cat_file(remote, start=0, end=size))


def stamp(path: Path) -> str:
    """Return the stamp of a local file; empty if it is gone, which reading it will report."""
    try:
        return _stamp(path.stat())
    except OSError:
        return ""


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns}"


def exists(address: str) -> bool:
    """Return whether a file or folder exists; StoreError if the store cannot be reached."""
    if path := local_path(address):
        return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for a name that is too long
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
        copy = Path(folder, legal_path(address.rpartition("/")[2]))
        with _explain_failure(address, "read"):
            fs, remote = _open_system(address)
            fs.get_file(remote, str(copy))
        yield copy


def changed_at(address: str) -> float | None:
    """Return when a file was changed, in seconds since 1970; None if the store does not say."""
    if path := local_path(address):
        return path.stat().st_mtime
    try:
        fs, remote = _open_system(address)
        return float(fs.modified(remote).timestamp())
    except Exception:  # whatever a store raises: the result is there, and its date is no reason to fail
        return None


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
