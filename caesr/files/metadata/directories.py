"""Directories of numbered tags, of which TIFF, BigTIFF and EXIF are made (TIFF 6.0, 2; CIPA DC-008, 4.5).

A block of EXIF is encoded without moving what stays, since the notes of a camera's maker inside it often point to
places of the block: a directory that grows goes to the end. What no directory refers to becomes zeros.
"""

import mmap
import struct
from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass, field

from caesr.files.metadata.maker_notes import move_note

Source = bytes | mmap.mmap

UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # bytes
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7  # types of values
ALL_TAGS = range(65536)
MAX_ENTRIES = 4096  # of a directory; those of cameras have fewer than 100

EXIF_DIRECTORY, GPS_DIRECTORY, INTEROPERABILITY_DIRECTORY = 34665, 34853, 40965
MAKER_NOTE = 37500
UTF16_TEXT = b"UNICODE\0"  # how a comment begins that is in UTF-16, in the byte order of the numbers
# Tags of a first directory that say where pixels of the file are, or hold what is read elsewhere: XMP, IPTC,
# Photoshop's resources and layers, an ICC profile, further directories, positions on a map.
GEOGRAPHIC = {33550, 33922, 34264, *range(34735, 34738), 42112}  # GeoTIFF, OGC 19-008; GDAL
FOREIGN = {*range(254, 256), 273, 279, 288, 289, 322, 323, 324, 325, 330, 347, *range(512, 522), 700, 33723, 34377}
FOREIGN |= {34675, 37724, *GEOGRAPHIC}


@dataclass
class Value:
    """Numbers or text of a tag."""

    kind: int  # a key of UNITS
    data: bytes  # in the byte order of the block
    place: int = 0  # where the block has it; 0: nowhere yet
    origin: int = 0  # of a maker's notes: where the block or file had them that they were taken from


@dataclass
class Directory:
    """Tags and their values, which may be directories."""

    tags: dict[int, "Value | Directory"] = field(default_factory=dict)
    place: int = 0  # where the block has it; 0: nowhere yet
    room: int = 0  # number of tags for which there is room at that place

    def inner(self, tag: int) -> "Directory | None":
        """Return the directory that is the value of a tag, if it is there."""
        found = self.tags.get(tag)
        return found if isinstance(found, Directory) else None

    def value(self, tag: int) -> Value | None:
        """Return the value of a tag, if it is there and no directory."""
        found = self.tags.get(tag)
        return found if isinstance(found, Value) else None

    def set(self, tag: int, kind: int, data: bytes) -> None:
        """Set a value, at the place of the one before if that is as long."""
        before = self.value(tag)
        place = before.place if before and len(before.data) == len(data) else 0
        self.tags[tag] = Value(kind, data, place)

    def numbers(self, tag: int, order: str) -> list[float]:
        """Return the numbers of a tag of an unsigned integer or rational type; none if it is not there."""
        found = self.value(tag)
        if found is None or found.kind not in (1, SHORT, LONG, RATIONAL, 16):
            return []
        if found.kind == RATIONAL:
            pairs = struct.iter_unpack(order + "LL", found.data)
            return [numerator / denominator if denominator else 0.0 for numerator, denominator in pairs]
        code = {1: "B", SHORT: "H", LONG: "L", 16: "Q"}[found.kind]
        return [number for (number,) in struct.iter_unpack(order + code, found.data)]


class DirectoryReader:
    """Reader of the directories of a TIFF, a BigTIFF or a block of EXIF.

    Args:
        max_bytes: of values, all together; a small file with many tags that share one value would fill the memory.
    Raises:
        ValueError: none of the three. (Also from `read`: the directory is not there.)
    """

    def __init__(self, source: Source, max_bytes: int):
        order = {b"II": "<", b"MM": ">"}.get(bytes(source[:2]), "")
        version = struct.unpack(order + "H", source[2:4])[0] if order and len(source) >= 16 else 0
        if version not in (42, 43):
            raise ValueError("neither TIFF nor EXIF")
        self.source, self.order, self.is_big, self.bytes_left = source, order, version == 43, max_bytes
        self.first = struct.unpack_from(order + "Q", source, 8)[0] if self.is_big else self.number("L", 4)

    def number(self, code: str, place: int) -> int:
        """Return the unsigned integer at a place."""
        if place + struct.calcsize(code) > len(self.source):
            raise ValueError("a directory is cut short")
        return int(struct.unpack_from(self.order + code, self.source, place)[0])

    def read(self, place: int, wanted: Container[int] = ALL_TAGS) -> Directory:
        """Return the wanted tags of the directory at a place; those that are cut short are left out."""
        head, entry, word = ("Q", 20, "Q") if self.is_big else ("H", 12, "L")
        count, begin = self.number(head, place), place + struct.calcsize("<" + head)
        if place < 8 or count > MAX_ENTRIES:
            raise ValueError("not a directory")
        directory = Directory(place=place, room=count)
        for at in range(begin, min(begin + entry * count, len(self.source) - entry + 1), entry):
            tag, kind = self.number("H", at), self.number("H", at + 2)
            if tag not in wanted or kind not in UNITS or tag in directory.tags:
                continue
            inline, size = at + 4 + struct.calcsize("<" + word), UNITS[kind] * self.number(word, at + 4)
            value_place = inline if size <= struct.calcsize("<" + word) else self.number(word, inline)
            if size <= self.bytes_left and value_place + size <= len(self.source):
                self.bytes_left -= size
                data = bytes(self.source[value_place : value_place + size])
                directory.tags[tag] = Value(kind, data, 0 if value_place == inline else value_place)
        return directory

    def following(self, place: int) -> int:
        """Return the place of the directory that follows the one at a place; 0: none."""
        head, entry, word = ("Q", 20, "Q") if self.is_big else ("H", 12, "L")
        return self.number(word, place + struct.calcsize("<" + head) + entry * self.number(head, place))

    def read_exif(self, left_out: Collection[int] = FOREIGN) -> Directory:
        """Return the first directory without some tags, with the directories of EXIF, GPS and interoperability."""
        root = self.read(self.first, set(ALL_TAGS).difference(left_out))
        self._open_inner(root, EXIF_DIRECTORY)
        self._open_inner(root, GPS_DIRECTORY)
        exif = root.inner(EXIF_DIRECTORY)
        if exif:
            self._open_inner(exif, INTEROPERABILITY_DIRECTORY)
        return root

    def _open_inner(self, directory: Directory, tag: int) -> None:
        """Replace an offset by the directory that is there; remove it if there is none."""
        offset = directory.value(tag)
        if offset is None:
            return
        del directory.tags[tag]
        try:
            code = {LONG: "L", 13: "L", 16: "Q", 18: "Q"}[offset.kind]
            directory.tags[tag] = self.read(struct.unpack(self.order + code, offset.data)[0])
        except (ValueError, KeyError, struct.error):
            return


def read_block(block: bytes) -> tuple[str, Directory]:
    """Return the byte order, '<' or '>', and the directories of a block of EXIF.

    Raises:
        ValueError: it is damaged.
    """
    reader = DirectoryReader(block, len(block))
    if reader.is_big:
        raise ValueError("EXIF is no BigTIFF")
    return reader.order, reader.read_exif()


def directories(root: Directory) -> Iterator[Directory]:
    """Yield a directory and all within it, the inner ones first."""
    for value in root.tags.values():
        if isinstance(value, Directory):
            yield from directories(value)
    yield root


def encode_block(root: Directory, order: str) -> bytes:
    """Encode directories as a block of EXIF, in which all that has a place stays there."""
    block = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))
    kept: set[int] = set()  # places of directories
    fixed: list[Value] = []
    for directory in directories(root):
        if directory.place in kept or len(directory.tags) > directory.room:
            directory.place = 0
        if directory.place:
            kept.add(directory.place)
            _put(block, directory.place, bytes(6 + 12 * len(directory.tags)))
        values = [value for value in directory.tags.values() if isinstance(value, Value)]
        fixed += [value for value in values if len(value.data) > 4 and value.place >= 8]
    for fixed_value in fixed:
        _put(block, fixed_value.place, fixed_value.data)
    for directory in directories(root):
        entries = struct.pack(order + "H", len(directory.tags))
        for tag, value in sorted(directory.tags.items()):
            if isinstance(value, Directory):  # encoded before
                kind, count, data = LONG, 1, struct.pack(order + "L", value.place)
            else:
                kind, count, data = value.kind, len(value.data) // UNITS[value.kind], value.data
                if len(data) > 4:
                    data = struct.pack(order + "L", _place_value(block, tag, value))
            entries += struct.pack(order + "HHL", tag, kind, count) + data.ljust(4, b"\0")
        place = directory.place or len(block) + len(block) % 2
        directory.place = _put(block, place, entries + bytes(4))  # the four zeros: there is no further directory
    for fixed_value in fixed:  # some programs leave out those zeros in inner directories, and values begin there
        _put(block, fixed_value.place, fixed_value.data)
    block[4:8] = struct.pack(order + "L", root.place)
    return bytes(block)


def _place_value(block: bytearray, tag: int, value: Value) -> int:
    """Return the place of a value in a block, at whose end it is put if it has none."""
    if value.place >= 8:
        return value.place
    place, data = len(block) + len(block) % 2, value.data
    if tag == MAKER_NOTE:
        data = move_note(data, value.origin or place, place) or data
    return _put(block, place, data)


def _put(block: bytearray, place: int, data: bytes) -> int:
    """Put data at a place of a block, which grows if need be; return the place."""
    block.extend(bytes(max(0, place - len(block))))
    block[place : place + len(data)] = data
    return place


def swapped(directory: Directory) -> Directory:
    """Return a directory with all numbers in the other byte order; a maker's notes and other bytes stay."""
    tags: dict[int, Value | Directory] = {}
    for tag, value in directory.tags.items():
        if isinstance(value, Directory):
            tags[tag] = swapped(value)
        elif value.kind == UNDEFINED and value.data.startswith(UTF16_TEXT):
            data = UTF16_TEXT + _swap(value.data[len(UTF16_TEXT) :], 2)
            tags[tag] = Value(value.kind, data)
        else:
            width = 4 if value.kind in (RATIONAL, 10) else UNITS[value.kind]
            data = value.data if width == 1 else _swap(value.data, width)
            tags[tag] = Value(value.kind, data, origin=value.origin or value.place)
    return Directory(tags)


def _swap(data: bytes, width: int) -> bytes:
    """Return numbers of so many bytes in the other byte order."""
    return b"".join(data[at : at + width][::-1] for at in range(0, len(data), width))
