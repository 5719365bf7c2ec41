"""Files that describe their colours without a profile: chunks of a PNG, code points of an AVIF, primaries of a BMP."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from caesr.files.png_chunks import png_chunk

# x and y of red, green, blue and white.
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
ADOBE = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290)
SRGB_CHUNK = png_chunk(b"sRGB", b"\0")


def gama(gamma: float) -> bytes:
    """Return the chunk for a gamma by which values were stored."""
    return png_chunk(b"gAMA", struct.pack(">L", round(gamma * 100_000)))


def chrm(chromaticities: tuple[float, ...]) -> bytes:
    """Return the chunk for red, green, blue and white, of which it names white first."""
    numbers = [*chromaticities[6:], *chromaticities[:6]]
    return png_chunk(b"cHRM", struct.pack(">8L", *(round(number * 100_000) for number in numbers)))


def cicp(*numbers: int) -> bytes:
    """Return the chunk for code points."""
    return png_chunk(b"cICP", bytes(numbers))


def iccp(icc: bytes) -> bytes:
    """Return the chunk for a profile."""
    return png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(icc))


def make_bmp(pixels: np.ndarray, points: list[float], gamma: float, space: int = 0) -> bytes:
    """Return a BMP of version 4 of pixels (H, W, 3) uint8: X, Y, Z of its three primaries."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, -(-3 * width // 4) * 4), np.uint8)
    rows[:, : 3 * width] = pixels[::-1, :, ::-1].reshape(height, -1)
    header = struct.pack("<LllHHLLllLL", 108, width, height, 1, 24, 0, rows.size, 2835, 2835, 0, 0) + bytes(16)
    header += struct.pack("<L9l3L", space, *(round(v * (1 << 30)) for v in points), *[round(gamma * 65536)] * 3)
    return b"BM" + struct.pack("<LHHL", 14 + len(header) + rows.size, 0, 0, 14 + len(header)) + header + rows.tobytes()


def make_avif(pixels: np.ndarray, points: tuple[int, int]) -> bytes:
    """Return an AVIF of pixels (H, W, 3) uint8 with these primaries and transfer in its container."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "AVIF", quality=100, subsampling="4:4:4")
    data = bytearray(file.getvalue())
    struct.pack_into(">HH", data, data.index(b"nclx") + 4, *points)
    return bytes(data)
