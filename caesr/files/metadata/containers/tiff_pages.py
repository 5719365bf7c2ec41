"""TIFFs of one page joined to one of many: their pixels copied, their directories moved and chained (TIFF 6.0, 2)."""

import errno
import mmap
import os
import struct
from pathlib import Path
from typing import IO

from caesr.files.metadata.containers.tiff import NEW_SUBFILE_TYPE, encode_directory
from caesr.files.metadata.directories import LONG, SHORT, DirectoryReader

STRIP_OFFSETS, STRIP_BYTES = 273, 279
PAGE_NUMBER, PAGE_OF_MANY = 297, 2  # the latter a value of NEW_SUBFILE_TYPE
LONG8 = 16  # of BigTIFF, an integer of 64 bits
COPIED_BYTES = 1 << 20  # at once


class TiffJoiner:
    """Joiner of TIFFs as `caesr.files.write` makes them, in strips.

    Args:
        file: an empty one, to which the pages are appended.
        count: how many pages there will be.
        is_big: make a BigTIFF.
    Raises:
        OSError: from `append`, if the file cannot be written, or is too large for a TIFF that is not big.
    """

    def __init__(self, file: IO[bytes], count: int, is_big: bool):
        self.file, self.count, self.is_big = file, count, is_big
        self.pages = 0
        self.link = 8 if is_big else 4  # where the place of the next directory goes

    def append(self, page: Path) -> None:
        """Append the TIFF of one page."""
        with page.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            reader = DirectoryReader(source, len(source))
            if not self.pages:
                self._write_header(reader.order)
            directory, order = reader.read_exif(left_out=()), reader.order
            starts = [int(number) for number in directory.numbers(STRIP_OFFSETS, order)]
            sizes = [int(number) for number in directory.numbers(STRIP_BYTES, order)]
            first = min(starts)
            stop = max(start + size for start, size in zip(starts, sizes, strict=True))
            begin = self._align()
            for at in range(first, stop, COPIED_BYTES):
                self.file.write(source[at : min(stop, at + COPIED_BYTES)])
            kind, code = (LONG8, "Q") if self.is_big else (LONG, "L")
            self._check_size()
            moved = [start - first + begin for start in starts]
            directory.set(STRIP_OFFSETS, kind, struct.pack(f"{order}{len(moved)}{code}", *moved))
            directory.set(NEW_SUBFILE_TYPE, LONG, struct.pack(order + "L", PAGE_OF_MANY))
            directory.set(PAGE_NUMBER, SHORT, struct.pack(order + "HH", self.pages, self.count))
            place = self._align()
            self._check_size(2 * (len(source) - stop + first))  # more than the directory and its values take
            self.file.write(encode_directory(directory, order, place, self.is_big))
            self.file.seek(self.link)
            self.file.write(struct.pack(order + code, place))
            count_bytes, entry_bytes = (8, 20) if self.is_big else (2, 12)
            self.link = place + count_bytes + entry_bytes * len(directory.tags)
            self.file.seek(0, os.SEEK_END)
        self.pages += 1

    def finish(self) -> None:
        """Do nothing: the last directory says that none follows."""

    def _write_header(self, order: str) -> None:
        """Write what a TIFF begins with."""
        self.file.write(b"II" if order == "<" else b"MM")
        self.file.write(struct.pack(order + "HHHQ", 43, 8, 0, 0) if self.is_big else struct.pack(order + "HL", 42, 0))

    def _align(self) -> int:
        """Fill up to a multiple of eight bytes, and return the place."""
        self.file.write(bytes(-self.file.tell() % 8))
        return self.file.tell()

    def _check_size(self, more: int = 0) -> None:
        """Raise OSError if the file, with so many bytes more, were too large."""
        if not self.is_big and self.file.tell() + more > 0xFFFFFFFF:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
