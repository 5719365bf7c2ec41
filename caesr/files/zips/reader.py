"""Read zip files of which single members may be broken (PKWARE APPNOTE 6.3.10).

`zipfile.ZipFile` refuses a whole zip for one member: for a name that is not the UTF-8 that it claims, an extra field
cut short, or a version of the format from the future. So the directory is read here; zipfile decompresses.
"""

import os
import struct
import time
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

from caesr.files.zips.encodings import UNICODE_PATH, decode_names, unicode_path

LOCAL, ENTRY, END, END_64, LOCATOR_64 = b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7"
END_BYTES, END_64_BYTES, LOCATOR_BYTES, ENTRY_BYTES, LOCAL_BYTES = 22, 56, 20, 46, 30
MAX_COMMENT_BYTES = 65535
ENCRYPTED, UTF8 = 0x0001, 0x0800  # flags
ZIP64, TIMES = 0x0001, 0x5455  # extra fields
UNIX, MACOS = 3, 19  # systems that wrote a member
FOLDER = 0x10  # attribute of MS-DOS
FIRST_TIME = 315532800.0  # 1980-01-01, with which the dates of zips begin
UNKNOWN_32 = 0xFFFFFFFF  # the value is in the field ZIP64


@dataclass(frozen=True)
class Member:
    """A file or folder in a zip, as the directory describes it; none of it is checked."""

    name: str  # with slashes
    flags: int
    method: int  # of compression
    crc: int
    packed: int  # bytes
    size: int  # bytes, unpacked
    start: int  # of its local header in the file
    stop: int  # at least so far its data go
    mode: int  # of Unix, 0 if it is not known
    seconds: float  # when it was changed, since 1970

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder and holds no data."""
        return self.name.endswith("/")

    @property
    def is_encrypted(self) -> bool:
        """Whether reading it needs a password."""
        return bool(self.flags & ENCRYPTED)


def read_directory(file: BinaryIO, max_members: int) -> list[Member]:
    """Return the members of a zip.

    Args:
        file: may have other data before the zip, as self-extracting programs do, and a comment after it.
        max_members: more are not read: with one too many, the list ends.
    Raises:
        zipfile.BadZipFile: it is no zip, or its directory is damaged.
    """
    start, stop, shift = _find_directory(file)
    file.seek(start)
    entries: list[tuple[bytes, bytes, tuple[int, ...]]] = []
    while file.tell() < stop and len(entries) <= max_members:
        head = file.read(ENTRY_BYTES)
        if len(head) < ENTRY_BYTES or head[:4] != ENTRY:
            raise zipfile.BadZipFile("its directory is damaged")
        values = struct.unpack("<4s6H3L5H2L", head)
        name_bytes, extra_bytes, comment_bytes = values[10:13]
        name, extra = file.read(name_bytes), file.read(extra_bytes)
        file.seek(comment_bytes, os.SEEK_CUR)
        entries.append((name, extra, values))
    texts = _names([(name, extra, values[3]) for name, extra, values in entries])
    return [_member(text, *entry, shift) for text, entry in zip(texts, entries, strict=True)]


def open_member(file: BinaryIO, member: Member) -> zipfile.ZipExtFile:
    """Return a stream of a member's bytes, no more than it declares; the stream checks their sum.

    Raises:
        zipfile.BadZipFile: the member is damaged.
        NotImplementedError: it is compressed by a method that is not known.
    """
    file.seek(member.start)
    head = file.read(LOCAL_BYTES)
    if len(head) < LOCAL_BYTES or head[:4] != LOCAL:
        raise zipfile.BadZipFile("its header is damaged")
    file.seek(sum(struct.unpack("<2H", head[26:])), os.SEEK_CUR)
    info = zipfile.ZipInfo(member.name)
    info.compress_type, info.CRC = member.method, member.crc
    info.compress_size, info.file_size = member.packed, member.size
    return zipfile.ZipExtFile(file, "r", info)


def _find_directory(file: BinaryIO) -> tuple[int, int, int]:
    """Return where the directory starts and stops, and by how much places in the zip are before those in the file."""
    length = file.seek(0, os.SEEK_END)
    first = max(0, length - MAX_COMMENT_BYTES - END_BYTES)
    file.seek(first)
    tail = file.read(MAX_COMMENT_BYTES + END_BYTES)
    at = tail.rfind(END)
    while at >= 0:
        found = _directory_before(file, first + at, tail[at : at + END_BYTES])
        if found:
            return found
        at = tail.rfind(END, 0, at)  # that one was in the comment
    raise zipfile.BadZipFile("its directory is not there or is damaged")


def _directory_before(file: BinaryIO, stop: int, end: bytes) -> tuple[int, int, int] | None:
    """Return the same for an end of the directory that may be at `stop`; None if it is not."""
    if len(end) < END_BYTES:
        return None
    *_, count, size, start, _ = struct.unpack("<4s4H2LH", end)
    wide_start = stop - LOCATOR_BYTES - END_64_BYTES
    if wide_start >= 0:
        file.seek(wide_start)
        wide = file.read(END_64_BYTES + LOCATOR_BYTES)
        if wide[:4] == END_64 and wide[END_64_BYTES:][:4] == LOCATOR_64:
            stop = wide_start
            count, size, start = struct.unpack_from("<3Q", wide, 32)
    shift = stop - size - start
    if shift < 0 or size < count * ENTRY_BYTES:
        return None
    file.seek(stop - size)
    return (stop - size, stop, shift) if size == 0 or file.read(4) == ENTRY else None


def _names(entries: list[tuple[bytes, bytes, int]]) -> list[str]:
    """Return the names of members: those that say their encoding by it, the others by a guess."""
    said: list[str | None] = []
    for name, extra, flags in entries:
        text = unicode_path(name, _extra_fields(extra).get(UNICODE_PATH, b""))
        if text is None and flags & UTF8:
            text = name.decode(errors="surrogateescape")
            text = None if any("\udc80" <= char <= "\udcff" for char in text) else text
        said.append(text)
    guessed = iter(decode_names([name for (name, _, _), text in zip(entries, said, strict=True) if text is None]))
    # Backslashes are Windows's slashes; only now, since they are the second byte of some Japanese characters.
    return [(next(guessed) if text is None else text).replace("\\", "/") for text in said]


def _member(name: str, raw: bytes, extra: bytes, values: tuple[int, ...], shift: int) -> Member:
    """Return the member of an entry of the directory."""
    made_by, _, flags, method, clock, date, crc, packed, size = values[1:10]
    attributes, start = values[15:17]
    fields = _extra_fields(extra)
    wide = fields.get(ZIP64, b"")[:24]
    longs = iter(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
    size, packed, start = (next(longs, value) if value == UNKNOWN_32 else value for value in (size, packed, start))
    mode = attributes >> 16 if made_by >> 8 in (UNIX, MACOS) else 0
    if size == 0 and attributes & FOLDER and not name.endswith("/"):
        name += "/"
    start += shift
    stop = start + LOCAL_BYTES + len(raw) + packed
    seconds = _seconds(date, clock, fields.get(TIMES, b""))
    return Member(name, flags, method, crc, packed, size, start, stop, mode, seconds)


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    """Return the extra fields of an entry; what is cut short is left out."""
    fields, at = {}, 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        fields[kind] = extra[at + 4 : at + 4 + length]
        at += 4 + length
    return fields


def _seconds(date: int, clock: int, times: bytes) -> float:
    """Return when a member was changed: of the field of Unix, else of MS-DOS's clock, in the time of this place."""
    if len(times) >= 5 and times[0] & 1:
        return float(struct.unpack_from("<l", times, 1)[0])
    day = (date >> 9) + 1980, date >> 5 & 15, date & 31
    try:
        return time.mktime((*day, clock >> 11, clock >> 5 & 63, 2 * (clock & 31), 0, 0, -1)) if date else FIRST_TIME
    except (OverflowError, ValueError):
        return FIRST_TIME
