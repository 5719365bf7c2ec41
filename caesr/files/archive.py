"""Zip files of pictures: unpacked without trusting a word of them, and packed.

Whoever made the zip may be a stranger: only pictures leave it, only into the folder, and no more of them than was
checked before the first one was written.
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

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif"}  # a picture, by its name
MOST_FILES = 10_000
MOST_BYTES = 8_000_000_000  # unpacked


class ArchiveError(ValueError):
    """A zip that cannot be unpacked or written. One sentence: what is wrong, where, what to do."""


def is_picture(name: str) -> bool:
    """Whether a name ends like a picture's and none of its parts is hidden; `__MACOSX` holds a Mac's notes."""
    path = PurePosixPath(name.replace("\\", "/"))  # which some that pack on Windows write
    hidden = (part.startswith((".", "__MACOSX")) and part != ".." for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not any(hidden)


def is_zip(name: str) -> bool:
    """Whether a name ends like a zip's."""
    return name.lower().endswith(".zip")


def unpack(
    archive: Path, folder: Path, most_files: int = MOST_FILES, most_bytes: int | None = MOST_BYTES
) -> list[Path]:
    """Unpack the pictures of a zip, its sub-folders kept; whatever else it holds stays inside.

    A file gets the time that the zip says, so that the same zip unpacked again gives files that look the same.

    Args:
        folder: made if need be. What is there already stays, unless the zip has a file of the same name.
        most_files: a zip with more pictures is refused.
        most_bytes: likewise with more bytes in them, unpacked. In any case they have to fit on the disk.
    Returns:
        The files, in the order of their names.
    Raises:
        ArchiveError: no zip, a broken or an encrypted one, one that is too large or has no picture, or a name that
            leads out of the folder. All of this is known before anything is written, except for damage inside.
    """
    with _damage(archive), zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir() and is_picture(member.filename)]
        folder.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(folder).free
        _check(archive, members, most_files, room if most_bytes is None else min(room, most_bytes))
        files = []
        for member in sorted(members, key=lambda member: member.filename):
            file = folder / member.filename
            file.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(member) as source, file.open("wb") as target:  # reads no more than was declared
                shutil.copyfileobj(source, target)
            seconds = time.mktime((*member.date_time, 0, 0, -1))
            os.utime(file, (seconds, seconds))
            files.append(file)
    return files


def pack(files: Iterable[Path], archive: Path, root: Path | None = None) -> Path:
    """Pack files into a zip, which is there whole or not at all. They are stored: pictures do not shrink further.

    Args:
        root: names in the zip are relative to this folder; by default a file's name alone.
    Raises:
        ArchiveError: two files would have the same name, or a file cannot be read or the zip written.
    """
    try:
        with (
            atomic_write(archive) as part,
            zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, strict_timestamps=False) as opened,
        ):
            for file in files:
                name = file.relative_to(root).as_posix() if root else file.name
                if name in opened.NameToInfo:
                    raise ArchiveError(f"{archive.name} would hold two files called {name}; rename one of them.")
                opened.write(file, name)
    except OSError as error:
        raise ArchiveError(f"{archive} cannot be written ({error}); make room or choose another place.") from error
    return archive


def _check(archive: Path, members: list[zipfile.ZipInfo], most_files: int, most_bytes: int) -> None:
    """Refuse what a zip declares, before any of it is unpacked."""
    if not members:
        raise ArchiveError(f"{archive.name} holds no picture; pack some .jpg, .png, .webp or .tif.")
    if len(members) > most_files:
        raise ArchiveError(f"{archive.name} holds {len(members)} pictures, over the limit of {most_files}; split it.")
    total = sum(member.file_size for member in members)
    if total > most_bytes:
        raise ArchiveError(
            f"{archive.name} takes {total / 1e9:.1f} GB unpacked, and {most_bytes / 1e9:.1f} GB may be used; split it."
        )
    taken: set[str] = set()
    for member in members:
        name = member.filename
        parts = name.split("/")
        if "\\" in name or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts):
            raise ArchiveError(f"{archive.name} names a file outside of its folder, {name!r}; pack it anew.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ArchiveError(f"{archive.name} holds a link, {name!r}, instead of a picture; pack the picture.")
        if name.lower() in taken:  # not every disk knows small letters from capitals
            raise ArchiveError(f"{archive.name} holds two files called {name!r}; rename one and pack it anew.")
        taken.add(name.lower())
        if member.flag_bits & 0x1:
            raise ArchiveError(f"{archive.name} is encrypted; unpack it yourself, or pack it without a password.")


@contextmanager
def _damage(archive: Path) -> Iterator[None]:
    """What goes wrong with a zip, as a sentence."""
    try:
        yield
    except NotImplementedError as error:
        raise ArchiveError(f"{archive.name} is packed in a rare way ({error}); pack it as an ordinary zip.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OverflowError) as error:
        raise ArchiveError(f"{archive.name} is no zip or a damaged one ({error}); get it afresh.") from error
    except OSError as error:
        raise ArchiveError(f"{archive} cannot be unpacked ({error.strerror}); check place and room.") from error
