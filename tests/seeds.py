"""Sound files of every kind that is read, small: what the fuzzer damages, and what named cases begin with."""

import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageCms

from caesr.files.row_writer import chunk
from tests.conftest import ROOT, small

SIZE = (40, 30)  # width and height of every seed


def seeds() -> dict[str, bytes]:
    """Pictures by kind: the cat, in every dress that a decoder has code of its own for."""
    cat = Image.open(ROOT / "examples" / "cat.png").convert("RGB").resize(SIZE)
    turned = [cat, cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT), cat.rotate(180)]
    alpha = cat.copy()
    alpha.putalpha(cat.convert("L"))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera Works"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5)})
    travels = {
        "exif": exif.tobytes(),
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    moving = {"save_all": True, "append_images": turned[1:], "duration": 80}
    many = {"save_all": True, "append_images": turned[1:]}

    def pillow(image: Image.Image, format: str, **options: object) -> bytes:
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    deep = pyvips.Image.new_from_array(np.asarray(cat).astype(np.uint16) * 257).copy(interpretation="rgb16")
    light = np.asarray(cat).astype(np.float32) / 255
    light[:2, :3], light[5, 5] = np.nan, np.inf
    return {
        "jpg baseline": pillow(cat, "JPEG", quality=85, **travels),
        "jpg progressive": pillow(cat, "JPEG", quality=85, progressive=True),
        "jpg grey": pillow(cat.convert("L"), "JPEG"),
        "jpg cmyk": pillow(cat.convert("CMYK"), "JPEG"),
        "png 8": pillow(cat, "PNG", **travels),
        "png 16": deep.pngsave_buffer(),
        "png palette": pillow(cat.quantize(16), "PNG", transparency=3),
        "png alpha": pillow(alpha, "PNG"),
        "png grey": pillow(cat.convert("L"), "PNG"),
        "png interlaced": deep.pngsave_buffer(interlace=True),
        "png animated": pillow(cat, "PNG", **moving),
        "webp lossy": pillow(cat, "WEBP", quality=80, **travels),
        "webp lossless": pillow(alpha, "WEBP", lossless=True),
        "webp animated": pillow(cat, "WEBP", **moving),
        "gif": pillow(cat, "GIF"),
        "gif animated": pillow(cat, "GIF", **moving),
        "tif strips": pillow(cat, "TIFF", exif=exif),
        "tif deflate": pillow(alpha, "TIFF", compression="tiff_adobe_deflate"),
        "tif lzw": pillow(cat, "TIFF", compression="tiff_lzw"),
        "tif jpeg": pillow(cat, "TIFF", compression="jpeg"),
        "tif group4": pillow(cat.convert("1"), "TIFF", compression="group4"),
        "tif cmyk": pillow(cat.convert("CMYK"), "TIFF"),
        "tif tiles": deep.tiffsave_buffer(tile=True, tile_width=16, tile_height=16, compression="deflate"),
        "tif big": deep.tiffsave_buffer(bigtiff=True, predictor="horizontal", compression="deflate"),
        "tif pages": pillow(cat, "TIFF", **many),
        "tif lab": pyvips.Image.new_from_array(np.asarray(cat)).colourspace("labs").tiffsave_buffer(),
        "tif float": pyvips.Image.new_from_array(light).tiffsave_buffer(),
    }


def checkpoint() -> dict[str, bytes]:
    """The two files of a small checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        small(2).save_pretrained(folder, minutes=3)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def png(width: int, height: int, rows: bytes, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG by hand, of compressed rows that may be far too few or far too many."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
