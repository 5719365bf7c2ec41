"""Zip files of pictures: safe unpacking of zips from untrusted sources, and packing.

Only pictures are unpacked, only into the target folder, and limits are checked before the first file is written.
"""

import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from caesr.files.atomic import atomic_write
from zoo.messages import Message

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif"}  # of pictures
MAX_FILES = 10_000
MAX_BYTES = 8_000_000_000  # unpacked


class ArchiveError(ValueError):
    """A zip that cannot be unpacked or written; the message says what is wrong, where and what to do."""


def is_picture(name: str) -> bool:
    """Return whether a name has a picture's suffix and no hidden part; `__MACOSX` is a folder of macOS's metadata."""
    path = PurePosixPath(name.replace("\\", "/"))  # some zips that are made on Windows have backslashes
    hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def is_zip(name: str) -> bool:
    """Return whether a name has a zip's suffix."""
    return name.lower().endswith(".zip")


def unpack(archive: Path, folder: Path, max_files: int = MAX_FILES, max_bytes: int | None = MAX_BYTES) -> list[Path]:
    """Unpack the pictures of a zip with their sub-folders; other files are left out.

    A file gets the time in the zip, so that unpacking a zip twice gives files with the same stamps.

    Args:
        folder: made if need be; existing files stay unless the zip has a file of the same name.
        max_files: a zip with more pictures is refused.
        max_bytes: a zip whose pictures take more, unpacked, is refused; None: if the disk has not that much room.
    Returns:
        The files, sorted by name.
    Raises:
        ArchiveError: not a zip, a damaged or encrypted one, one over a limit or without a picture, or a name that leads
            out of the folder. Nothing has been written then, unless it is a picture's data that are damaged.
    """
    with _explain_damage(archive), zipfile.ZipFile(archive) as source:
        members = [member for member in source.infolist() if not member.is_dir() and is_picture(member.filename)]
        members.sort(key=lambda member: member.filename)
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        _check(archive.name, members, max_files, free if max_bytes is None else min(free, max_bytes))
        for member in members:
            source.extract(member, folder)  # no more than the declared size
            seconds = time.mktime((*member.date_time, 0, 0, -1))
            os.utime(folder / member.filename, (seconds, seconds))
    return [folder / member.filename for member in members]


def pack(files: Iterable[Path], archive: Path, root: Path | None = None) -> Path:
    """Write a zip of files atomically. They are stored uncompressed, since pictures do not shrink further.

    Args:
        root: names in the zip are relative to this folder; None: they are the files' own names.
    Raises:
        ArchiveError: two files would have the same name, a file cannot be read, or the zip cannot be written.
    """
    try:
        with (
            atomic_write(archive) as part,
            zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as target,
        ):
            for file in files:
                name = file.relative_to(root).as_posix() if root else file.name
                if name in target.NameToInfo:
                    message = "{archive} would hold two files called {name}; rename one of them."
                    raise ArchiveError(Message(message, archive=archive.name, name=name))
                target.write(file, name)
    except OSError as error:
        message = "{archive} cannot be written ({reason}); make room or choose another place."
        raise ArchiveError(Message(message, archive=archive, reason=str(error))) from error
    return archive


def _check(archive: str, members: list[zipfile.ZipInfo], max_files: int, max_bytes: int) -> None:
    """Raise ArchiveError for what a zip declares, before any of it is unpacked."""
    if not members:
        raise ArchiveError(Message("{archive} holds no picture; pack some .jpg, .png, .webp or .tif.", archive=archive))
    if len(members) > max_files:
        message = "{archive} holds {count} pictures, over the limit of {limit}; split it."
        raise ArchiveError(Message(message, archive=archive, count=len(members), limit=max_files))
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        message = "{archive} takes {gigabytes} GB unpacked, and {free} GB may be used; split it."
        sizes = {"gigabytes": f"{total / 1e9:.1f}", "free": f"{max_bytes / 1e9:.1f}"}
        raise ArchiveError(Message(message, archive=archive, **sizes))
    taken: set[str] = set()
    for member in members:
        problem = None
        parts = member.filename.split("/")
        if "\\" in member.filename or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts):
            problem = "{archive} names a file outside of its folder, {name}; pack it anew."
        elif stat.S_ISLNK(member.external_attr >> 16):
            problem = "{archive} holds a link, {name}, instead of a picture; pack the picture."
        elif member.filename.lower() in taken:  # some file systems ignore case
            problem = "{archive} holds two files called {name}; rename one and pack it anew."
        elif member.flag_bits & 0x1:
            problem = "{archive} is encrypted; unpack it yourself, or pack it without a password."
        if problem:
            raise ArchiveError(Message(problem, archive=archive, name=repr(member.filename)))
        taken.add(member.filename.lower())


@contextmanager
def _explain_damage(archive: Path) -> Iterator[None]:
    """Raise the errors of zipfile and of the disk as ArchiveError."""
    try:
        yield
    except NotImplementedError as error:
        message = "{archive} is packed in a rare way ({reason}); pack it as an ordinary zip."
        raise ArchiveError(Message(message, archive=archive.name, reason=str(error))) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OverflowError) as error:
        message = "{archive} is no zip or a damaged one ({reason}); get it afresh."
        raise ArchiveError(Message(message, archive=archive.name, reason=str(error))) from error
    except OSError as error:
        message = "{archive} cannot be unpacked ({reason}); check place and room."
        raise ArchiveError(Message(message, archive=archive, reason=error.strerror)) from error
