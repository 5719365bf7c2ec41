"""Samples of a TIFF as they are stored: libvips decompresses them, from a view of the file whose tags claim no meaning.

libvips and libtiff convert some kinds of pixels on their own, not always rightly (alpha that is multiplied into the
colours, Lab), and refuse others (12 bits, planes of tiles). The view shows them grey channels instead, or bytes.
"""

import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from caesr.files.decoders import tiff_layout as tags
from caesr.files.decoders.tiff_layout import TiffLayout
from caesr.files.vips import pyvips

# Kinds of pixels that libvips converts on its own.
CONVERTED = (tags.WHITE_IS_ZERO, tags.YCBCR, tags.CIE_LAB, tags.ICC_LAB)
MAX_PACKED_GROUP = 4096  # bits after which the positions of packed samples within bytes repeat


def open_samples(path: Path, layout: TiffLayout, page: int = 0) -> Any:
    """Open a page as a libvips image of its samples, 8 or 16 bits each, in channels as they are stored.

    Samples of other bits are spread over 8 or 16. Palettes come as grey or RGB, and so does what `comes_as_rgb`.

    Raises:
        pyvips.Error: the file is damaged.
    """
    if layout.comes_as_rgb:
        return _open_rgb(path, layout, page)
    if layout.has_planes:
        planes = [_open_plane(path, layout, page, plane) for plane in range(layout.samples)]
        return planes[0].bandjoin(planes[1:])
    return _open_plane(path, layout, page, None)


def _open_rgb(path: Path, layout: TiffLayout, page: int) -> Any:
    """Open YCbCr that libtiff converts, which turns some kinds of it upright: the orientation must not come twice."""
    image = _load(path, {} if layout.compression == tags.JPEG else _hide(layout, tags.ORIENTATION), page)
    image.set_type(pyvips.GValue.gint_type, "orientation", layout.number(tags.ORIENTATION, 1))
    return image


def _open_plane(path: Path, layout: TiffLayout, page: int, plane: int | None) -> Any:
    """Open one plane, or all channels (None) of a page without planes."""
    changes = _set(layout, tags.PLANES, 1)
    samples = layout.samples if plane is None else 1
    is_packed = layout.is_packed and not (samples == 1 and layout.bits in (1, 2, 4))
    if tags.ASSOCIATED_ALPHA in layout.extras or plane is not None or is_packed:
        changes |= _hide(layout, tags.EXTRA_SAMPLES)
    if layout.photometric in CONVERTED or plane is not None or is_packed:
        changes |= _set(layout, tags.PHOTOMETRIC, tags.BLACK_IS_ZERO) | _hide(layout, tags.SAMPLE_FORMAT)
    if plane is not None:
        changes |= _set(layout, tags.SAMPLES, 1) | _set(layout, tags.BITS, layout.bits)
        for tag in (tags.STRIP_OFFSETS, tags.STRIP_BYTES, tags.TILE_OFFSETS, tags.TILE_BYTES):
            changes |= _cut(path, layout, tag, plane)
    return _open_packed(path, layout, page, changes, samples) if is_packed else _load(path, changes, page)


def _open_packed(path: Path, layout: TiffLayout, page: int, changes: dict[int, bytes], samples: int) -> Any:
    """Open rows as bytes, and take samples of any number of bits out of them, which begin with the highest bit."""
    width, pixel_bits = layout.number(tags.WIDTH, 0), layout.bits * samples
    row_width = width
    changes |= _set(layout, tags.BITS, 8) | _set(layout, tags.SAMPLES, 1)
    if layout.is_tiled:
        tile = layout.number(tags.TILE_WIDTH, 0)
        row_width = tile * -(-width // max(tile, 1))
        changes |= _set(layout, tags.TILE_WIDTH, -(-tile * pixel_bits // 8))
    changes |= _set(layout, tags.WIDTH, -(-row_width * pixel_bits // 8))
    rows = _load(path, changes, page)
    group_bits = math.lcm(pixel_bits, 8)
    if group_bits > MAX_PACKED_GROUP:
        raise pyvips.Error("too many channels of too many bits")
    group_bytes, pixels = group_bits // 8, group_bits // pixel_bits
    groups = -(-rows.width // group_bytes)
    rows = rows.embed(0, 0, groups * group_bytes, rows.height)
    folded = rows.bandfold(factor=group_bytes) if group_bytes > 1 else rows
    unpacked = _unpack(folded, layout.bits, pixels * samples)
    unfolded = unpacked.bandunfold(factor=pixels) if pixels > 1 else unpacked
    return unfolded.extract_area(0, 0, width, rows.height)


def _unpack(folded: Any, bits: int, count: int) -> Any:
    """Return the samples of groups of bytes, which are channels; spread over 8 or 16 bits.

    A sample is taken out of the three bytes from that on in which it begins.
    """
    starts = [index * bits for index in range(count)]
    windows = np.zeros((count, folded.bands))
    for index, start in enumerate(starts):
        for byte in range(start // 8, min(start // 8 + 3, folded.bands)):
            windows[index, byte] = 256 ** (start // 8 + 2 - byte)
    values = folded.recomb(pyvips.Image.new_from_array(windows.tolist())).cast("uint")
    values = (values >> [24 - start % 8 - bits for start in starts]) & ((1 << bits) - 1)
    white, dtype = (255, np.uint8) if bits <= 8 else (65535, np.uint16)
    most = (1 << bits) - 1
    table = ((np.arange(most + 1) * white + most // 2) // most).astype(dtype)
    return values.cast("ushort").maplut(pyvips.Image.new_from_array(table[None, :, None]))


def _load(path: Path, changes: dict[int, bytes], page: int) -> Any:
    """Open a file whose bytes at some positions are others."""
    options = {"access": "sequential", "fail_on": "error", "page": page}
    if not changes:
        return pyvips.Image.tiffload(os.fsencode(path), **options).copy()
    view, source = ChangedFile(path, changes), pyvips.SourceCustom()
    source.on_read(view.read)
    source.on_seek(view.seek)
    image = pyvips.Image.new_from_source(source, "", **options)  # which keeps the source as long as the image is kept
    if image.get("vips-loader") != "tiffload_source":
        raise pyvips.Error("no TIFF")
    return image.copy()


class ChangedFile:
    """A file whose bytes at some positions are others than on the disk.

    Args:
        path: the file.
        changes: bytes by the position where they begin.
    """

    def __init__(self, path: Path, changes: dict[int, bytes]):
        self.changes, self.position = changes, 0
        self.file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)

    def read(self, count: int) -> bytes:
        """Return at most so many bytes from the position; none at the end, or if the file cannot be read."""
        try:
            os.lseek(self.file, self.position, os.SEEK_SET)
            data = bytearray(os.read(self.file, count))
        except OSError:
            return b""
        for start, change in self.changes.items():
            for index, byte in enumerate(change, start - self.position):
                if 0 <= index < len(data):
                    data[index] = byte
        self.position += len(data)
        return bytes(data)

    def seek(self, offset: int, whence: int) -> int:
        """Go to a position counted from the start (0), from here (1) or from the end (2), and return it; -1: none."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: os.fstat(self.file).st_size}[whence]
        if start + offset < 0:
            return -1
        self.position = start + offset
        return self.position


def _hide(layout: TiffLayout, tag: int) -> dict[int, bytes]:
    """Return the change that makes an entry one of which nobody takes notice."""
    entry = layout.entries.get(tag)
    return {entry.position: struct.pack(layout.order + "H", tags.IGNORED)} if entry else {}


def _set(layout: TiffLayout, tag: int, value: int) -> dict[int, bytes]:
    """Return the change that makes an entry one number; none where it is missing, or says so already."""
    entry = layout.entries.get(tag)
    if not entry or (entry.count == 1 and layout.number(tag, -1) == value):
        return {}
    return {entry.position + 2: _encode_entry(layout, 1, struct.pack(layout.order + "L", value))}


def _cut(path: Path, layout: TiffLayout, tag: int, plane: int) -> dict[int, bytes]:
    """Return the change that leaves in an entry only the values of one plane."""
    entry = layout.entries.get(tag)
    if not entry:
        return {}
    count = entry.count // layout.samples
    size = struct.calcsize(layout.order + tags.TYPES[entry.kind]) * count
    place = entry.place + plane * size
    if size > (8 if layout.is_big else 4):
        value = struct.pack(layout.order + ("Q" if layout.is_big else "L"), place)
    else:
        with path.open("rb") as file:
            file.seek(place)
            value = file.read(size)
    return {entry.position + 2: _encode_entry(layout, count, value, entry.kind)}


def _encode_entry(layout: TiffLayout, count: int, value: bytes, kind: int = 4) -> bytes:
    """Encode what follows the tag of an entry: the type of its values, how many there are, and they or their place."""
    inline = 8 if layout.is_big else 4
    return struct.pack(layout.order + ("HQ" if layout.is_big else "HL"), kind, count) + value.ljust(inline, b"\0")
