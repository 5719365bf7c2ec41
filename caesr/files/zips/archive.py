"""Zip files of pictures: safe unpacking of zips from untrusted sources, and packing.

Only pictures are unpacked, only into the target folder, and limits are checked before the first file is written. A
member that cannot be unpacked costs itself alone.
"""

import lzma
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from caesr.files.atomic import atomic_write
from caesr.files.listed import ListedPicture, is_called_picture, reason_to_skip
from caesr.files.names import first_free, inner_path, legal_path, numbered
from caesr.files.zips.reader import Member, open_member, read_directory
from zoo.messages import Message

MAX_FILES = 10_000
MAX_OTHERS = 10  # files of other kinds, for each picture that there may be
MAX_BYTES = 8_000_000_000  # unpacked
MAX_MEMBER_BYTES = 2_000_000_000  # of one picture
MAX_RATIO = 1032  # unpacked to packed: no more is possible (https://zlib.net/zlib_tech.html)
CHUNK_BYTES = {zipfile.ZIP_STORED: 1 << 20, zipfile.ZIP_DEFLATED: 1 << 20}
SMALL_CHUNK_BYTES = 4096  # of other methods, which unpack in one step whatever they are given
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError,
          NotImplementedError)  # fmt: skip


class ArchiveError(ValueError):
    """A zip that cannot be unpacked or written; the message says what is wrong, where and what to do."""


def is_zip(name: str) -> bool:
    """Return whether a name has a zip's suffix."""
    return name.lower().endswith(".zip")


def unpack(
    archive: Path, folder: Path, max_files: int = MAX_FILES, max_bytes: int | None = MAX_BYTES
) -> list[ListedPicture]:
    """Unpack the pictures of a zip with their sub-folders.

    A file gets the time in the zip, so that unpacking a zip twice gives files with the same stamps.

    Args:
        folder: made if need be; an empty one, or files that are there may be replaced.
        max_files: a zip with more pictures is refused.
        max_bytes: a zip whose pictures take more, unpacked, is refused; None: if the disk has not that much room.
    Returns:
        All files in the zip, sorted by name: pictures by the names that they have in `folder` now, and with a reason
        each what was left out and what could not be unpacked. Of equal names the second gets a number.
    Raises:
        ArchiveError: not a zip, one whose directory is damaged, one over a limit, or one that holds a file twice.
            Nothing has been written then.
    """
    with _explain_damage(archive), archive.open("rb") as file:
        members = read_directory(file, max_members=max_files * (1 + MAX_OTHERS))
        _check_directory(archive.name, members, max_files * (1 + MAX_OTHERS))
        files = sorted((member for member in members if not member.is_folder), key=lambda member: member.name)
        listed = _list(archive.name, file, files)
        wanted = [member for member, found in zip(files, listed, strict=True) if not (found.error or found.skipped)]
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        _check_amount(archive.name, wanted, max_files, free if max_bytes is None else min(free, max_bytes))
        for number, (member, found) in enumerate(zip(files, listed, strict=True)):
            if not (found.error or found.skipped):
                listed[number] = _extract(archive.name, file, member, folder, found)
    return listed


def read_member(archive: Path, name: str, max_bytes: int) -> bytes | None:
    """Return the bytes of a file in a zip; None if there is none, or it has more bytes.

    Raises:
        ArchiveError: the zip or this file in it is damaged.
    """
    with _explain_damage(archive), archive.open("rb") as file:
        for member in read_directory(file, MAX_FILES * (1 + MAX_OTHERS)):
            if member.name == name and member.size <= max_bytes:
                return b"".join(_chunks(file, member))
    return None


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
                # Bytes that are no text have no name in a zip.
                name = re.sub("[\udc80-\udcff]", lambda found: f"%{ord(found[0]) - 0xDC00:02X}", name)
                if name in target.NameToInfo:
                    message = "{archive} would hold two files called {name}; rename one of them."
                    raise ArchiveError(Message(message, archive=archive.name, name=name))
                target.write(file, name)
    except OSError as error:
        message = "{archive} cannot be written ({reason}); make room or choose another place."
        raise ArchiveError(Message(message, archive=archive, reason=str(error))) from error
    return archive


def _list(archive: str, file: BinaryIO, members: list[Member]) -> list[ListedPicture]:
    """Return what each file in a zip is: a picture by a name of its own, or why not."""
    taken: set[str] = set()
    listed = []
    for member in members:
        path = inner_path(member.name)
        name = first_free(numbered(legal_path(path) if path else member.name), taken)  # no file, so any name will do
        error = _problem(archive, member, path)
        skipped: Message | None = None
        if error and not is_called_picture(name):
            error, skipped = None, error
        elif not error:
            try:
                skipped = reason_to_skip(name, partial(_beginning, file, member))
            except BROKEN as failure:
                skipped = _explain_member(archive, name, failure)
        listed.append(ListedPicture(name, error=error or "", skipped=skipped or ""))
    return listed


def _problem(archive: str, member: Member, path: str | None) -> Message | None:
    """Return why a member is not unpacked whatever it is, None if it may be."""
    gigabytes = f"{member.size / 1e9:.1f}"
    message = None
    if path is None:
        message = "{archive}: {name} leads out of the zip; pack it anew."
    elif stat.S_ISLNK(member.mode):
        message = "{archive}: {name} is a link, which says nothing here; pack the file itself."
    elif member.is_encrypted:
        message = "{archive}: {name} is encrypted; unpack it yourself, or pack it without a password."
    elif member.size > MAX_MEMBER_BYTES:
        message = "{archive}: {name} takes {gigabytes} GB unpacked, over the limit of {limit} GB; save it smaller."
    elif member.size > MAX_RATIO * member.packed:
        message = "{archive}: {name} claims {gigabytes} GB, more than it can hold; pack it anew."
    if message is None:
        return None
    return Message(message, archive=archive, name=member.name, gigabytes=gigabytes, limit=f"{MAX_MEMBER_BYTES / 1e9:g}")


def _check_directory(archive: str, members: list[Member], max_members: int) -> None:
    """Raise ArchiveError for a zip of too many files, or one that uses the same bytes for two."""
    if len(members) > max_members:
        raise ArchiveError(Message("{archive} holds more than {limit} files; split it.", archive=archive,
                                   limit=max_members))  # fmt: skip
    in_order = sorted((member for member in members if member.packed), key=lambda member: member.start)
    for one, following in pairwise(in_order):
        if following.start < one.stop:  # https://www.bamsoftware.com/hacks/zipbomb
            message = "{archive} uses the same bytes for two files, as a bomb does; pack it anew."
            raise ArchiveError(Message(message, archive=archive))


def _check_amount(archive: str, wanted: list[Member], max_files: int, max_bytes: int) -> None:
    """Raise ArchiveError for too many pictures, or pictures that declare too many bytes."""
    if len(wanted) > max_files:
        message = "{archive} holds {count} pictures, over the limit of {limit}; split it."
        raise ArchiveError(Message(message, archive=archive, count=len(wanted), limit=max_files))
    total = sum(member.size for member in wanted)
    if total > max_bytes:
        message = "{archive} takes {gigabytes} GB unpacked, and {free} GB may be used; split it."
        sizes = {"gigabytes": f"{total / 1e9:.1f}", "free": f"{max_bytes / 1e9:.1f}"}
        raise ArchiveError(Message(message, archive=archive, **sizes))


def _extract(archive: str, file: BinaryIO, member: Member, folder: Path, found: ListedPicture) -> ListedPicture:
    """Write a picture's file; returns the picture, with an error if it cannot be unpacked."""
    target = folder / found.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as unpacked:
            for chunk in _chunks(file, member):
                unpacked.write(chunk)
        os.utime(target, (member.seconds, member.seconds))
    except BROKEN as failure:
        target.unlink(missing_ok=True)
        return replace(found, error=_explain_member(archive, found.name, failure))
    status = target.stat()
    return replace(found, stamp=f"{status.st_size} {status.st_mtime_ns}")


def _beginning(file: BinaryIO, member: Member, size: int) -> bytes:
    """Return the first bytes of a member."""
    beginning = b""
    for chunk in _chunks(file, member, size):
        beginning += chunk
        if len(beginning) >= size:
            break
    return beginning[:size]


def _chunks(file: BinaryIO, member: Member, most: int = 1 << 20) -> Iterator[bytes]:
    """Yield the bytes of a member, no more than it declares; a stream that is too long or short raises BadZipFile."""
    stream, left = open_member(file, member), member.size
    size = min(most, CHUNK_BYTES.get(member.method, SMALL_CHUNK_BYTES))
    while chunk := stream.read(size):
        left -= len(chunk)
        yield chunk
    if left:
        raise zipfile.BadZipFile("its size is not the one it declares")


def _explain_member(archive: str, name: str, failure: Exception) -> Message:
    """Return why a member cannot be unpacked."""
    if isinstance(failure, NotImplementedError):
        message = "{archive}: {name} is packed in a rare way ({reason}); pack it as an ordinary zip."
    elif isinstance(failure, OSError) and failure.errno:
        message = "{archive}: {name} cannot be unpacked ({reason}); check place and room."
        return Message(message, archive=archive, name=name, reason=failure.strerror)
    else:
        message = "{archive}: {name} is damaged ({reason}); get the zip afresh."
    return Message(message, archive=archive, name=name, reason=str(failure) or "it is cut short")


@contextmanager
def _explain_damage(archive: Path) -> Iterator[None]:
    """Raise the errors of a whole zip and of the disk as ArchiveError."""
    try:
        yield
    except ArchiveError:
        raise
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno:
            message = "{archive} cannot be unpacked ({reason}); check place and room."
            raise ArchiveError(Message(message, archive=archive, reason=error.strerror)) from error
        message = "{archive} is no zip or a damaged one ({reason}); get it afresh."
        raise ArchiveError(Message(message, archive=archive.name, reason=str(error))) from error
