"""EXIF and XMP in AVIF: items whose places a table says (ISO 14496-12, 8.11.3 and 8.11.6; ISO 23008-12, annex A)."""

import struct
from typing import Any

from caesr.files.boxes import boxes
from caesr.files.picture import Metadata
from caesr.files.vips import pyvips

EFFORT = 3  # of 9: at the usual 4 it takes four times as long for files of the same size
DEEP_BITS = 10  # of 16-bit pictures: more is not shown by every program
PLACEHOLDERS = {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", "xmp": b"<x/>"}  # libvips makes items of them


def encode(image: Any, quality: int, metadata: Metadata) -> bytes:
    """Encode an image of libvips with its profile and metadata; lossless at a quality of 100."""
    image = image.copy()
    keep = ["icc"]
    for (name, placeholder), block in zip(PLACEHOLDERS.items(), (metadata.exif, metadata.xmp), strict=True):
        if block:
            image.set_type(pyvips.GValue.blob_type, f"{name}-data", placeholder)
            keep.append(name)
    options = {"lossless": True} if quality == 100 else {"Q": quality}
    bits = DEEP_BITS if image.format == "ushort" else 8
    data = image.heifsave_buffer(
        compression="av1", bitdepth=bits, subsample_mode="off", effort=EFFORT, keep="|".join(keep), **options
    )
    return add(data, metadata)


def add(data: bytes, metadata: Metadata) -> bytes:
    """Return an AVIF of libvips, written with placeholders as EXIF and XMP, with those of metadata behind its pixels.

    libvips itself would encode the EXIF anew, without the tags that it does not know.
    """
    blocks = {}
    if metadata.exif:  # the four zeros: the block begins at once
        blocks[b"Exif"] = bytes(4) + metadata.exif
    if metadata.xmp:
        blocks[b"mime"] = metadata.xmp
    if not blocks:
        return data
    file = bytearray(data)
    (meta,) = (span for kind, *span in boxes(data, 0, len(data)) if kind == b"meta")
    inner = {kind: (start, stop) for kind, start, stop in boxes(data, meta[0] + 4, meta[1])}
    places = {}
    for _, start, _ in boxes(data, inner[b"iinf"][0] + (6 if data[inner[b"iinf"][0]] == 0 else 8), inner[b"iinf"][1]):
        identifier, _, kind = struct.unpack_from(">HH4s", data, start + 4)  # of version 2
        if kind in blocks:
            places[identifier] = len(file) + 8
            file += struct.pack(">L4s", len(blocks[kind]) + 8, b"mdat") + blocks[kind]
            _set_place(file, inner[b"iloc"][0], identifier, places[identifier], len(blocks[kind]))
    return bytes(file)


def _set_place(file: bytearray, table: int, wanted: int, place: int, size: int) -> None:
    """Set offset and length of an item with one extent in the table of places, of version 0 or 1."""
    version, sizes = file[table], struct.unpack_from(">H", file, table + 4)[0]
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    (count,) = struct.unpack_from(">H", file, table + 6)
    at = table + 8
    for _ in range(count):
        (identifier,) = struct.unpack_from(">H", file, at)
        at += 2 + (2 if version else 0) + 2
        base = at
        (extents,) = struct.unpack_from(">H", file, at + base_bytes)
        at += base_bytes + 2
        if identifier == wanted:
            offset = place - int.from_bytes(file[base : base + base_bytes])
            file[at : at + offset_bytes + length_bytes] = offset.to_bytes(offset_bytes) + size.to_bytes(length_bytes)
            return
        at += extents * (offset_bytes + length_bytes)
    raise ValueError("an AVIF without the item")
