"""Small TIFFs written tag by tag, of every layout of samples that the format knows (TIFF 6.0)."""

import struct
import zlib
from fractions import Fraction

import numpy as np

UNCOMPRESSED, DEFLATE = 1, 8
SHORT, LONG, RATIONAL, LONG8 = 3, 4, 5, 16
RATIONAL_TAGS = {318, 319, 529, 532}  # WhitePoint, PrimaryChromaticities, YCbCrCoefficients, ReferenceBlackWhite
Tags = dict[int, list[int] | list[float]]


def make_tiff(
    samples: np.ndarray,
    photometric: int,
    tags: Tags | None = None,
    bits: int = 8,
    order: str = "<",
    big: bool = False,
    planar: bool = False,
    tile: tuple[int, int] | None = None,
    rows: int = 5,
    compression: int = UNCOMPRESSED,
    fill_order: int = 1,
) -> bytes:
    """Return a TIFF of one page.

    Args:
        samples: (H, W, C) of integers.
        tags: further ones; they replace those that follow from the other arguments.
        order: of bytes, '<' or '>'.
        tile: (height, width); None: strips of so many `rows`.
    """
    height, width, channels = samples.shape
    planes = [samples[..., channel : channel + 1] for channel in range(channels)] if planar else [samples]
    pieces = [piece for plane in planes for piece in cut(plane, tile, rows)]
    blocks = [encode_samples(piece, bits, order, fill_order) for piece in pieces]
    if compression == DEFLATE:
        blocks = [zlib.compress(block) for block in blocks]
    return assemble(
        blocks,
        {
            256: [width],
            257: [height],
            258: [bits] * channels,
            259: [compression],
            262: [photometric],
            266: [fill_order],
            277: [channels],
            284: [2 if planar else 1],
            **({322: [tile[1]], 323: [tile[0]]} if tile else {278: [rows]}),
            **(tags or {}),
        },
        order,
        big,
    )


def cut(plane: np.ndarray, tile: tuple[int, int] | None, rows: int) -> list[np.ndarray]:
    """Cut samples into strips, or into tiles, of which the last are padded."""
    height, width, _ = plane.shape
    if not tile:
        return [plane[top : top + rows] for top in range(0, height, rows)]
    padded = np.pad(plane, ((0, -height % tile[0]), (0, -width % tile[1]), (0, 0)))
    tops, lefts = range(0, height, tile[0]), range(0, width, tile[1])
    return [padded[top : top + tile[0], left : left + tile[1]] for top in tops for left in lefts]


def encode_samples(piece: np.ndarray, bits: int, order: str, fill_order: int) -> bytes:
    """Return samples as bytes, the rows of which begin at whole ones."""
    if bits in (8, 16):
        return piece.astype(f"{order}i8").astype(f"{order}u{bits // 8}").tobytes()
    values = piece.reshape(len(piece), -1, 1)
    digits = (values >> np.arange(bits)[::-1]) & 1
    packed = np.packbits(digits.reshape(len(piece), -1).astype(np.uint8), axis=1)
    if fill_order == 2:
        packed = np.packbits(np.unpackbits(packed.reshape(-1, 1), axis=1)[:, ::-1], axis=1)
    return packed.tobytes()


def assemble(blocks: list[bytes], tags: Tags, order: str = "<", big: bool = False) -> bytes:
    """Return a TIFF of compressed strips or tiles and the tags that say what they are."""
    head = struct.pack(order + "2sHHHQ", b"II" if order == "<" else b"MM", 43, 8, 0, 0) if big else bytes(8)
    offsets = list(np.cumsum([len(head), *map(len, blocks)])[:-1])
    places, counts = (324, 325) if 322 in tags else (273, 279)
    tags = {places: offsets, counts: [len(block) for block in blocks]} | tags
    body = b"".join(blocks)
    body += bytes(len(body) % 2)
    start = len(head) + len(body)
    inline, entry_format, place_format = (8, "HHQ", "Q") if big else (4, "HHL", "L")
    end = start + (16 if big else 6) + len(tags) * (12 + 8 if big else 12)
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        kind = RATIONAL if tag in RATIONAL_TAGS else LONG if tag in (places, counts) or max(numbers) > 65535 else SHORT
        data = b"".join(encode_number(number, kind, order) for number in numbers)
        if len(data) > inline:
            place = struct.pack(order + place_format, end + len(values))
            values += data + bytes(len(data) % 2)
            data = place
        entries += struct.pack(order + entry_format, tag, kind, len(numbers)) + data.ljust(inline, b"\0")
    if big:
        head = struct.pack(order + "2sHHHQ", b"II" if order == "<" else b"MM", 43, 8, 0, start)
        return head + body + struct.pack(order + "Q", len(tags)) + entries + bytes(8) + values
    head = struct.pack(order + "2sHL", b"II" if order == "<" else b"MM", 42, start)
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + values


def encode_number(number: float, kind: int, order: str) -> bytes:
    """Encode a value of a tag."""
    if kind == RATIONAL:
        fraction = Fraction(number).limit_denominator(1_000_000)
        return struct.pack(order + "LL", fraction.numerator, fraction.denominator)
    return struct.pack(order + ("L" if kind == LONG else "H"), int(number))
