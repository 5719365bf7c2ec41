"""Small valid files of every kind that is read: the fuzzer damages them, and tests of single cases begin with them."""

import importlib.util
import io
import tempfile
from pathlib import Path

import numpy as np
import pyvips
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.conftest import ROOT, small
from tests.tiffs import make_tiff

SIZE = (40, 30)  # width and height of every picture but the samples
# Made by other programs; those of HEIC and JPEG XL are read only where the optional packages for them are.
SAMPLES = sorted((ROOT / "tests" / "samples" / "formats").iterdir())
SAMPLE_SUFFIXES = (
    {".bmp"}
    | ({".heic"} if importlib.util.find_spec("pillow_heif") else set())
    | ({".jxl"} if importlib.util.find_spec("pillow_jxl") else set())
)
REFUSED = {"tif float", "heic pq", "jxl moving"}  # kinds that no reader takes


def make_pictures() -> dict[str, bytes]:
    """Return picture files by kind: the cat, in every variant for which a decoder has code of its own."""
    cat = Image.open(ROOT / "examples" / "cat.png").convert("RGB").resize(SIZE)
    others = [cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT), cat.rotate(180)]
    alpha = cat.copy()
    alpha.putalpha(cat.convert("L"))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera Works"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.5)})
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)  # the time at which it was made: files must be the same whenever they are made
    metadata = {"exif": exif.tobytes(), "icc_profile": bytes(profile)}
    pages = {"save_all": True, "append_images": others}
    animation = pages | {"duration": 80}

    values = np.asarray(cat).astype(int)
    gamma = PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4))
    gamma.add(b"cICP", bytes([12, 13, 0, 1]))

    def encode(image: Image.Image, format: str, **options: object) -> bytes:
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    def encode_avif(image: pyvips.Image, **options: object) -> bytes:
        return image.heifsave_buffer(compression="av1", effort=0, keep="none", **options)

    plain = pyvips.Image.new_from_array(np.asarray(alpha)).copy(interpretation="srgb")
    deep = pyvips.Image.new_from_array(np.asarray(cat).astype(np.uint16) * 257).copy(interpretation="rgb16")
    floats = np.asarray(cat).astype(np.float32) / 255
    floats[:2, :3], floats[5, 5] = np.nan, np.inf
    samples = [file for file in SAMPLES if file.suffix in SAMPLE_SUFFIXES]
    return {
        "jpg baseline": encode(cat, "JPEG", quality=85, **metadata),
        "jpg progressive": encode(cat, "JPEG", quality=85, progressive=True),
        "jpg grey": encode(cat.convert("L"), "JPEG"),
        "jpg cmyk": encode(cat.convert("CMYK"), "JPEG"),
        "png 8": encode(cat, "PNG", **metadata),
        "png 16": deep.pngsave_buffer(),
        "png palette": encode(cat.quantize(16), "PNG", transparency=3),
        "png alpha": encode(alpha, "PNG"),
        "png grey": encode(cat.convert("L"), "PNG"),
        "png interlaced": deep.pngsave_buffer(interlace=True),
        "png animated": encode(cat, "PNG", **animation),
        "webp lossy": encode(cat, "WEBP", quality=80, **metadata),
        "webp lossless": encode(alpha, "WEBP", lossless=True),
        "webp animated": encode(cat, "WEBP", **animation),
        "gif": encode(cat, "GIF"),
        "gif animated": encode(cat, "GIF", **animation),
        "tif strips": encode(cat, "TIFF", exif=exif),
        "tif deflate": encode(alpha, "TIFF", compression="tiff_adobe_deflate"),
        "tif lzw": encode(cat, "TIFF", compression="tiff_lzw"),
        "tif jpeg": encode(cat, "TIFF", compression="jpeg"),
        "tif group4": encode(cat.convert("1"), "TIFF", compression="group4"),
        "tif cmyk": encode(cat.convert("CMYK"), "TIFF"),
        "tif tiles": deep.tiffsave_buffer(tile=True, tile_width=16, tile_height=16, compression="deflate"),
        "tif big": deep.tiffsave_buffer(bigtiff=True, predictor="horizontal", compression="deflate"),
        "tif pages": encode(cat, "TIFF", **pages),
        "tif lab": pyvips.Image.new_from_array(np.asarray(cat)).colourspace("labs").tiffsave_buffer(),
        "tif cielab": make_tiff(values, 8, {318: [0.3127, 0.3290]}),
        "tif planes": make_tiff(values, 2, planar=True, tile=(16, 16)),
        "tif 12 bits": make_tiff(values * 16, 2, bits=12),
        "tif multiplied": make_tiff(np.asarray(alpha).astype(int), 2, {338: [1]}, big=True),
        "tif ycbcr": make_tiff(values, 6, {530: [1, 1]}, order=">"),
        "png gamma": encode(cat, "PNG", pnginfo=gamma),
        "tif float": pyvips.Image.new_from_array(floats).tiffsave_buffer(),
        "jpg several": encode(cat, "MPO", **pages),
        "jpg restarts": encode(cat, "JPEG", restart_marker_blocks=2),
        "avif alpha": encode_avif(plain),
        "avif deep": encode_avif(deep, bitdepth=10),
        "avif animated": encode(cat, "AVIF", max_threads=1, **animation),
        "bmp colour": encode(cat, "BMP", dpi=(300, 200)),
        "bmp grey": encode(cat.convert("L"), "BMP"),
        "bmp palette": encode(cat.quantize(16), "BMP"),
    } | {f"{file.suffix[1:]} {file.stem}": file.read_bytes() for file in samples}


def make_checkpoint() -> dict[str, bytes]:
    """Return the two files of a small checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        small(2).save_pretrained(folder, minutes=3)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
