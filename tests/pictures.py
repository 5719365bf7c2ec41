"""Pictures made by Pillow and by hand, and the check of a refusal's message: shared by the tests of picture files."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr.files.picture import PictureError
from caesr.files.png_chunks import png_chunk
from zoo.messages import Message

FORMATS = ["jpg", "png", "webp", "tif"]
ORIENTATION, MAKE, EXIF, GPS, TAKEN, LENS = 0x0112, 0x010F, 0x8769, 0x8825, 0x9003, 0xA434


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    """Return random samples of the whole range of a dtype."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with soft slopes, which JPEG and WebP keep within a few levels."""
    y, x = np.mgrid[:height, :width]
    bands = [128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 7), 60 + 2 * x + y]
    return np.stack(bands, axis=-1).round().astype(np.uint8)


def make_profile(space: str = "RGB", name: str = "Wide Gamut Test") -> bytes:
    """Return a small ICC profile: with the primaries of Display P3, or a grey curve."""

    def s15(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + s15(*values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x0233) + b"\0\0"
    text = name.encode("utf-16-be")
    tags = {
        b"desc": b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text,
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"cprt": b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 4, 28) + b"\0-\0-",
    }
    if space == "RGB":
        tags |= {b"rXYZ": xyz(0.5151, 0.2412, -0.0011), b"gXYZ": xyz(0.2919, 0.6922, 0.0419)}
        tags |= {b"bXYZ": xyz(0.1572, 0.0666, 0.7841), b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    else:
        tags |= {b"kTRC": curve}
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s12s4s", 0, b"lcms", 0x04300000, b"mntr", space.encode().ljust(4),
                         b"XYZ ", struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp")  # fmt: skip
    header = header.ljust(68, b"\0") + s15(0.9642, 1.0, 0.8249)
    whole = header.ljust(128, b"\0") + table + data
    return struct.pack(">I", len(whole)) + whole[4:]


def make_exif(orientation: int = 1) -> Image.Exif:
    """Return the EXIF of a photograph with its camera, lens, date and location."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "Camera Works"
    exif.get_ifd(EXIF).update({TAKEN: "2024:05:06 07:08:09", LENS: "50mm f/1.8"})
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.5), 3: "E", 4: (13.0, 24.0, 36.0)})
    return exif


def make_png(width: int, height: int, packed: bytes, depth: int = 8, colour_type: int = 2, extra: bytes = b"") -> bytes:
    """Return a PNG of compressed rows, which may be too few or too many; `extra` chunks follow its header."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + png_chunk(b"IDAT", packed) + png_chunk(b"IEND", b"")


def decode_png16(path: Path) -> np.ndarray:
    """Return the samples (H, W, C) uint16 of a 16-bit PNG, which Pillow would reduce to 8 bits."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if kind == b"IHDR":
            width, height, depth, colour_type = struct.unpack_from(">IIBB", data, at + 8)
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    assert depth == 16
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[colour_type]
    raw = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, -1).astype(int)
    step, previous = 2 * channels, np.zeros(width * 2 * channels, int)
    lines = []
    for row in raw:
        kind, line = row[0], row[1:].copy()
        for i in range(len(line)):
            left = line[i - step] if i >= step else 0
            corner = previous[i - step] if i >= step else 0
            up = previous[i]
            nearest = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, nearest)[kind]) % 256
        lines.append(line)
        previous = line
    return np.array(lines, np.uint8).view(">u2").astype(np.uint16).reshape(height, width, channels)


def check_message(error: pytest.ExceptionInfo[PictureError], name: str) -> None:
    """Check that an error is one sentence for people that names the file, and quotes no library."""
    message = error.value.args[0]
    assert isinstance(message, Message)
    assert name in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "vips" not in message.lower()
    assert 30 < len(message) < 250


def around(image: np.ndarray, size: tuple[int, int], scale: float, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest input values at most `reach` pixels from each pixel of a result of this size.

    Args:
        image: (H, W) or (H, W, C).
    """
    padded = np.pad(image, [(reach, reach)] * 2 + [(0, 0)] * (image.ndim - 2), mode="edge")
    blocks = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1,) * 2, axis=(0, 1))
    rows, columns = (
        np.minimum(((np.arange(count) + 0.5) / scale).astype(int), length - 1)
        for count, length in zip(size, image.shape[:2], strict=True)
    )
    nearest = blocks[rows][:, columns]
    return nearest.min(axis=(-2, -1)), nearest.max(axis=(-2, -1))
