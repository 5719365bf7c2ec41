"""Zip files for tests, also such as no library writes, and what is unpacked from them."""

import struct
import zipfile
import zlib
from pathlib import Path

from caesr.files.zips.archive import unpack
from zoo.messages import Message

UTF8 = 0x800
PNG = b"\x89PNG\r\n\x1a\n a picture"


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def raw_zip(
    path: Path, members: list[tuple[bytes, bytes]], flags: int = 0, extra: bytes = b"", made_by: int = 0, **more: bytes
) -> Path:
    """Write a zip of stored files by hand, which can be what no library writes.

    Args:
        more: `before` and `comment`, bytes before the zip and at its end.
    """
    before, comment = more.get("before", b""), more.get("comment", b"")
    body, directory = b"", b""
    for name, data in members:
        common = struct.pack("<5H3L2H", 20, flags, 0, 0, 0x5A21, zlib.crc32(data), len(data), len(data), len(name),
                             len(extra))  # fmt: skip
        directory += b"PK\1\2" + struct.pack("<H", made_by) + common
        directory += struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name + extra
        body += b"PK\3\4" + common + name + extra + data
    end = struct.pack("<4H2LH", 0, 0, len(members), len(members), len(directory), len(body), len(comment))
    path.write_bytes(before + body + directory + b"PK\5\6" + end + comment)
    return path


def list_files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def outcome(archive: Path, folder: Path, **limits: int) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Unpack a zip; return the names of its pictures, and the reasons of what failed and of what was left out."""
    listed = unpack(archive, folder, **limits)
    pictures = [found.name for found in listed if not found.error and not found.skipped]
    assert list_files(folder) == sorted(pictures)
    assert all(isinstance(found.error or found.skipped or Message(""), Message) for found in listed)
    failed = {found.name: found.error for found in listed if found.error}
    return pictures, failed, {found.name: found.skipped for found in listed if found.skipped}
