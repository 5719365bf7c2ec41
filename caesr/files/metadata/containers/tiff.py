"""Metadata in TIFF and BigTIFF: tags of the directory of a page (TIFF 6.0; EXIF; XMP, IPTC, Photoshop)."""

import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path

from caesr.files.metadata.directories import (
    GEOGRAPHIC,
    LONG,
    MAKER_NOTE,
    UNDEFINED,
    UNITS,
    Directory,
    DirectoryReader,
    Source,
    Value,
    encode_block,
    read_block,
    swapped,
)
from caesr.files.metadata.exif import RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION, density_of, set_density
from caesr.files.metadata.iptc import IPTC_RESOURCE, find_resource, resource_density
from caesr.files.metadata.maker_notes import move_note
from caesr.files.picture import Metadata
from zoo.messages import Message

NEW_SUBFILE_TYPE, XMP, IPTC, PHOTOSHOP = 254, 700, 33723, 34377
BLOCKS = {XMP, IPTC, PHOTOSHOP}
RESOLUTION = {X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT}
# Tags of a first directory that say how its pixels are stored, in baseline TIFF, its extensions, DNG and ImageJ.
STRUCTURE = {*range(254, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 297, 301, 317}
STRUCTURE |= {*range(320, 326), *range(326, 348), *range(512, 533), *range(32995, 32999), 33421, 33422}
STRUCTURE |= {34908, 34909, 34910, 37439, 50838, 50839, *range(50706, 52600), *range(65420, 65460)}
MAX_EXIF_BYTES = 1 << 20
MAX_BLOCK_BYTES = 64 << 20  # of XMP, IPTC and Photoshop's resources
WIDE_KINDS = {16: LONG, 17: 9, 18: LONG}  # 64-bit types, which only BigTIFF has: their types of 32 bits


def read(source: Source, page: int = 0) -> Metadata:
    """Return the metadata of a page of a TIFF; those of broken directories are missing."""
    metadata = Metadata()
    with suppress(ValueError):
        reader = _page_reader(source, MAX_EXIF_BYTES, page)
        root = reader.read_exif()
        density = density_of(root, reader.order)
        blocks = _page_reader(source, MAX_BLOCK_BYTES, page).read(reader.first, BLOCKS)
        geographic = _page_reader(source, MAX_EXIF_BYTES, page).read(reader.first, GEOGRAPHIC)
        data = {tag: value.data for tag, value in blocks.tags.items() if isinstance(value, Value)}
        resources = data.get(PHOTOSHOP, b"")
        # ImageMagick cuts the tag short, and Photoshop's resources have all of it
        iptc = max(data.get(IPTC, b""), find_resource(resources, IPTC_RESOURCE) or b"", key=len)
        root.tags = {tag: value for tag, value in root.tags.items() if tag not in STRUCTURE}
        message = "Its position on a map (GeoTIFF) is left out, since it is that of the smaller picture."
        metadata = Metadata(
            exif=_encode_exif(root, reader.order) if root.tags.keys() - RESOLUTION else None,
            xmp=data.get(XMP),
            iptc=_repair_iptc(iptc) if iptc else None,
            density=density or resource_density(resources),
            notes=(Message(message),) if geographic.tags else (),
        )
    return metadata


def _page_reader(source: Source, max_bytes: int, page: int) -> DirectoryReader:
    """Return a reader for which a page is the first."""
    reader = DirectoryReader(source, max_bytes)
    for _ in range(page):
        reader.first = reader.following(reader.first)
    return reader


def _repair_iptc(iptc: bytes) -> bytes:
    """Return IPTC that was stored as 32-bit numbers in the other byte order, as older programs did, in its own."""
    if iptc[:1] == b"\x1c":
        return iptc
    iptc += bytes(-len(iptc) % 4)
    turned = b"".join(iptc[at : at + 4][::-1] for at in range(0, len(iptc), 4))
    return turned if turned[:1] == b"\x1c" else iptc


def _encode_exif(root: Directory, order: str) -> bytes:
    """Encode the directories of a file as a block."""
    return encode_block(_moved(root, order), order)


def _moved(directory: Directory, order: str) -> Directory:
    """Return a directory without places, all its types such as EXIF has."""
    tags: dict[int, Value | Directory] = {}
    for tag, value in directory.tags.items():
        if isinstance(value, Directory):
            tags[tag] = _moved(value, order)
        elif value.kind in WIDE_KINDS:
            low = [value.data[at : at + 4] if order == "<" else value.data[at + 4 : at + 8]
                   for at in range(0, len(value.data), 8)]  # fmt: skip
            tags[tag] = Value(WIDE_KINDS[value.kind], b"".join(low))
        else:
            tags[tag] = Value(value.kind, value.data, origin=value.place)
    return Directory(tags)


def is_thumbnail(path: Path) -> bool:
    """Return whether a TIFF's first page is a reduced picture of another one, as in raw photographs."""
    with path.open("rb") as file, suppress(ValueError):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            reader = DirectoryReader(source, 1024)
            numbers = reader.read(reader.first, {NEW_SUBFILE_TYPE}).numbers(NEW_SUBFILE_TYPE, reader.order)
            return numbers[:1] == [1]
    return False


def add(path: Path, metadata: Metadata) -> None:
    """Append a directory to a TIFF of libvips that joins its own tags with metadata, and make it the first one.

    The density that libvips wrote is replaced, or removed where there is none to say.
    """
    with path.open("r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
            reader = DirectoryReader(source, len(source))
            order, is_big = reader.order, reader.is_big
            own, following = reader.read(reader.first), reader.following(reader.first)
        tags = {tag: value for tag, value in own.tags.items() if tag not in RESOLUTION}
        if metadata.exif:
            with suppress(ValueError):
                exif_order, exif = read_block(metadata.exif)
                exif = exif if exif_order == order else swapped(exif)
                tags = {tag: value for tag, value in exif.tags.items() if tag not in STRUCTURE | RESOLUTION} | tags
        for tag, block in ((XMP, metadata.xmp), (IPTC, metadata.iptc)):
            if block:
                tags[tag] = Value(UNDEFINED if tag == IPTC else 1, block)
        joined = Directory(tags)
        if metadata.density:
            set_density(joined, order, metadata.density)
        end = file.seek(0, os.SEEK_END)
        end += file.write(bytes(-end % 8))
        file.write(encode_directory(joined, order, end, is_big, following))
        file.seek(8 if is_big else 4)
        file.write(struct.pack(order + ("Q" if is_big else "L"), end))


def encode_directory(directory: Directory, order: str, offset: int, is_big: bool, following: int = 0) -> bytes:
    """Encode a directory for an offset in a file, its values behind it."""
    head, word, entry = ("Q", "Q", 20) if is_big else ("H", "L", 12)
    room = struct.calcsize("<" + word)
    entries, values = struct.pack(order + head, len(directory.tags)), b""
    end = offset + len(entries) + entry * len(directory.tags) + room
    for tag, value in sorted(directory.tags.items()):
        place = end + len(values)
        if isinstance(value, Directory):
            kind, count, data = 18 if is_big else LONG, 1, encode_directory(value, order, place, is_big)
        else:
            kind, count, data = value.kind, len(value.data) // UNITS[value.kind], value.data
        if tag == MAKER_NOTE and isinstance(value, Value):
            data = move_note(data, value.origin or value.place, place) or data
        if len(data) > room:
            values += data + bytes(-len(data) % 8)
            data = struct.pack(order + word, place)
        entries += struct.pack(order + "HH" + word, tag, kind, count) + data.ljust(room, b"\0")
    return entries + struct.pack(order + word, following) + values
