"""Mend slightly damaged files in memory, so that strict decoders read all that is there of them."""

import mmap
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from caesr.files.jpeg_segments import EOI, segments
from caesr.files.metadata.containers import webp
from caesr.files.metadata.containers.gif import read_blocks, table_bytes
from caesr.files.png_chunks import SIGNATURE, chunks, has_right_checksum, png_chunk

Data = bytes | mmap.mmap
SLICE_BYTES = 4096  # unpacked at once
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type (ISO 15948, table 11.1)
# First column, first row, step of columns and of rows in each pass of an interlaced PNG (ISO 15948, 8.2).
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
WEBP_PIXELS = (b"VP8 ", b"VP8L", b"ANMF")
WEBP_FLAGS = {b"EXIF": webp.HAS_EXIF, b"XMP ": webp.HAS_XMP}  # in the first byte of VP8X


@dataclass(frozen=True)
class Mended:
    """A file that a strict decoder reads."""

    data: bytes
    rows: int | None = None  # that hold pixels, from the top; None: all
    lost: tuple[str, ...] = ()  # damaged parts that hold no pixels
    has_end: bool = True  # the file had its end
    is_verified: bool = False  # a checksum over all pixels is right
    surplus: int = 0  # bytes after its end


class Hopeless(ValueError):
    """A file that is damaged too much."""


# --- PNG (ISO 15948) ------------------------------------------------------------------------------


def mend_png(data: Data, pixels_too: bool = False) -> Mended | None:
    """Return a PNG without damaged parts; None if it has none.

    Args:
        pixels_too: unpack the pixels, and keep those that can be unpacked, whatever the checksums say.
    Raises:
        Hopeless: what the pixels depend on is damaged, or an interlaced picture is cut short.
    """
    found = list(_checked_chunks(data))
    if not found or found[0][0] != b"IHDR" or not found[0][3] or found[0][2] - found[0][1] != 13:
        raise Hopeless
    lost = tuple(kind.decode("latin-1") for kind, _, _, is_right in found if not is_right and kind != b"IEND")
    if "PLTE" in lost:
        raise Hopeless
    has_end = found[-1][0] == b"IEND"
    surplus = max(0, len(data) - found[-1][2] - 4) if has_end else 0
    if has_end and not (lost or surplus or pixels_too):
        return None
    packed, rows, is_verified = b"", None, False
    if pixels_too:
        pieces = b"".join(data[start:stop] for kind, start, stop, _ in found if kind == b"IDAT")
        packed, rows, is_verified = _repack(data[found[0][1] : found[0][2]], pieces)
    parts = [SIGNATURE]
    for kind, start, stop, is_right in found:
        if kind == b"IDAT" and pixels_too:
            parts += [png_chunk(kind, packed)] if packed else []
            packed = b""  # all of it is in the first
        elif is_right and kind != b"IEND":
            parts.append(png_chunk(kind, data[start:stop]))
    whole = b"".join([*parts, png_chunk(b"IEND", b"")])
    return Mended(whole, rows, lost, has_end, is_verified, surplus)


def _checked_chunks(data: Data) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield the kind of each chunk, where its content starts and stops, and whether its checksum is right.

    The content of the last one may be cut short. That of pixels is not checked, since decoders do.
    """
    for kind, start, stop in chunks(data):
        end = min(stop, len(data))
        yield kind, start, end, kind == b"IDAT" or has_right_checksum(data, start, end)


def _repack(header: bytes, packed: bytes) -> tuple[bytes, int, bool]:
    """Return the rows that can be unpacked, packed again, with black ones for the others.

    Returns:
        They, their number, and whether the checksum over all of them is right.
    """
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    sizes = [(width, height)]
    if interlace:
        sizes = [((width - x + dx - 1) // dx, (height - y + dy - 1) // dy) for x, y, dx, dy in ADAM7]
    row_bytes = [1 + (columns * depth * PNG_SAMPLES.get(colour, 4) + 7) // 8 for columns, _ in sizes]
    need = sum(size * rows for size, (columns, rows) in zip(row_bytes, sizes, strict=True) if columns > 0)
    packer, unpacker, out, unpacked = zlib.compressobj(1), zlib.decompressobj(), bytearray(), 0
    for piece in _unpack(unpacker, packed, need):
        out += packer.compress(piece)
        unpacked += len(piece)
    if interlace and unpacked < need:
        raise Hopeless
    for gap in range(unpacked, need, 1 << 20):
        out += packer.compress(bytes(min(need - gap, 1 << 20)))
    return bytes(out + packer.flush()), height if interlace else unpacked // row_bytes[0], unpacker.eof


def _unpack(unpacker: "zlib._Decompress", packed: bytes, most: int) -> Iterator[bytes]:
    """Yield what can be unpacked of a stream that may be cut short or damaged, at most so many bytes."""
    for at in range(0, len(packed), SLICE_BYTES):
        piece, before = packed[at : at + SLICE_BYTES], unpacker.copy()
        try:
            parts = [unpacker.decompress(piece, most)]
        except zlib.error:
            parts = list(_unpack_bytewise(before, piece, most))
            at = len(packed)
        for part in parts:
            yield part
            most -= len(part)
        if most <= 0:
            with suppress(zlib.error):  # only the checksum should be left
                unpacker.decompress(unpacker.unconsumed_tail + packed[at + SLICE_BYTES :][:SLICE_BYTES], 1)
        if most <= 0 or at == len(packed) or unpacker.eof:
            return


def _unpack_bytewise(unpacker: "zlib._Decompress", piece: bytes, most: int) -> Iterator[bytes]:
    """Yield what can be unpacked up to an error in this piece."""
    for index in range(len(piece)):
        try:
            part = unpacker.decompress(piece[index : index + 1], most)
        except zlib.error:
            return
        yield part
        most -= len(part)
        if most <= 0:
            return


# --- JPEG (ITU-T T.81) ----------------------------------------------------------------------------


def mend_jpeg(data: Data) -> Mended | None:
    """Return a JPEG with an end; None if it has one."""
    if any(marker == EOI for marker, _, _ in segments(data)):
        return None
    return Mended(data[:].rstrip(b"\xff") + b"\xff\xd9", has_end=False)


# --- GIF (GIF89a specification) -------------------------------------------------------------------


def mend_gif(data: Data) -> Mended | None:
    """Return a GIF that ends after its last complete frame, or within its first; None if nothing is damaged.

    Raises:
        Hopeless: there are no pixels, or the first frame is interlaced and cut short.
    """
    if len(data) < 13:
        raise Hopeless
    at = complete = 13 + table_bytes(data[10])
    has_frame = False
    while at < len(data):
        kind = data[at]
        if kind == 0x3B:  # the end
            surplus = len(data) - at - 1 if re.compile(rb"[^\0]").search(data, at + 1) else 0
            return Mended(data[: at + 1], surplus=surplus) if surplus else None
        if kind == 0x21:
            _, stop = read_blocks(data, at + 2)
        elif kind == 0x2C and at + 11 <= len(data):
            start = at + 10 + table_bytes(data[at + 9])
            _, stop = read_blocks(data, start + 1)
        else:
            break
        if stop > len(data):
            break
        has_frame |= kind == 0x2C
        at = stop
        complete = at if kind == 0x2C else complete
    if has_frame:
        return Mended(data[:complete] + b";", has_end=False)
    return _mend_frame(data, at)


def _mend_frame(data: Data, at: int) -> Mended:
    """Return a GIF that ends within its first frame, which begins here."""
    if data[at : at + 1] != b"," or at + 11 > len(data):
        raise Hopeless
    _, top, width, height, flags = struct.unpack_from("<HHHHB", data, at + 1)
    start = at + 10 + table_bytes(flags)
    packed, _ = read_blocks(data, start + 1)
    if not width or not height or start >= len(data):
        raise Hopeless
    rows = _count_lzw(packed, data[start], width * height) // width
    if rows < height and flags & 0x40:  # interlaced
        raise Hopeless
    blocks = [packed[first : first + 255] for first in range(0, len(packed), 255)]
    ended = b"".join(bytes([len(block)]) + block for block in blocks) + b"\0;"
    return Mended(data[: start + 1] + ended, top + rows if rows < height else None, has_end=False)


def _count_lzw(packed: bytes, min_bits: int, most: int) -> int:
    """Return how many pixels are in LZW codes, at most so many."""
    if not 2 <= min_bits <= 11:
        raise Hopeless
    clear, bits, value, held, count = 1 << min_bits, min_bits + 1, 0, 0, 0
    lengths, previous = [1] * (clear + 2), 0  # of the string of each code, and of the code before
    for byte in packed:
        value |= byte << held
        held += 8
        while held >= bits:
            code = value & ((1 << bits) - 1)
            value >>= bits
            held -= bits
            if code == clear:
                lengths, previous, bits = [1] * (clear + 2), 0, min_bits + 1
                continue
            if code == clear + 1 or code > len(lengths) or count >= most:
                return min(count, most)
            if previous and len(lengths) < 4096:
                lengths.append(previous + 1)
            if code >= len(lengths):
                return count
            previous = lengths[code]
            count += previous
            if len(lengths) == 1 << bits and bits < 12:
                bits += 1
    return min(count, most)


# --- WebP (RFC 9649) ------------------------------------------------------------------------------


def mend_webp(data: Data) -> Mended | None:
    """Return a WebP without chunks that are cut short; None if nothing is damaged.

    Raises:
        Hopeless: the pixels are among them.
    """
    kept: list[tuple[bytes, bytes]] = []
    lost: list[str] = []
    end = 8 + int.from_bytes(data[4:8], "little")
    for kind, start, stop in webp.chunks(data, end):
        if stop > len(data):
            lost.append(kind.decode("latin-1").strip())
        else:
            kept.append((kind, data[start:stop]))
    surplus = len(data) - end if len(data) > end and re.compile(rb"[^\0]").search(data, end) else 0
    if end <= len(data) and not lost and not surplus:
        return None
    kinds = [kind for kind, _ in kept]
    if not any(kind in WEBP_PIXELS for kind in kinds):
        raise Hopeless
    content = b"WEBP"
    for kind, inside in kept:
        if kind == b"VP8X" and inside:
            missing = sum(flag for name, flag in WEBP_FLAGS.items() if name not in kinds)
            inside = bytes([inside[0] & ~missing]) + inside[1:]
        content += webp.chunk(kind, inside)
    whole = b"RIFF" + struct.pack("<I", len(content)) + content
    return Mended(whole, lost=tuple(lost), has_end=end <= len(data), surplus=surplus)
