"""Pictures that are hard on a reader or an upscaler: bombs, extreme shapes, animations, NaN."""

import functools
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from caesr import Upscaler
from caesr.engine.progress import Steps
from caesr.files.listed import ListedPicture
from caesr.files.picture import Picture, PictureError
from caesr.files.png_chunks import png_chunk
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from caesr.jobs.report import Job, Status
from caesr.jobs.runner import run_job
from caesr.options import OutputOptions, UpscaleOptions
from tests.conftest import small
from tests.fuzz import MAX_MEBIBYTES, process_memory
from tests.pictures import make_png
from tests.seeds import make_pictures

on_linux = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux can reset the peak of memory"
)


def upscale(source: Path, target: Path, scale: float = 2) -> Status:
    """Upscale a file with a small network."""
    job = Job(ListedPicture(source.name), str(source), str(target), overwrite=True)
    steps = Steps(
        run_job({"lite": Upscaler(small(2), "cpu")}, job, UpscaleOptions("lite", scale=scale), OutputOptions())
    )
    for _ in steps:
        pass
    return steps.result


def peak_mebibytes_of_reading(path: Path) -> float:
    """Return how much memory reading a file takes, whether it is a picture or is refused."""
    Path("/proc/self/clear_refs").write_text("5")
    before = process_memory("VmRSS")
    with suppress(PictureError):
        read_picture(path)
    return (process_memory("VmHWM") - before) / 1024


def with_tags(data: bytes, **numbers: int) -> bytes:
    """Return a TIFF that claims other numbers: width, height, rows of a strip, bytes of the strip."""
    tags = {256: numbers.get("width"), 257: numbers.get("height"), 278: numbers.get("rows"), 279: numbers.get("bytes")}
    file, (at,) = bytearray(data), struct.unpack_from("<I", data, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", file, at)[0], 12):
        value = tags.get(struct.unpack_from("<H", file, entry)[0])
        if value is not None:
            struct.pack_into("<HII", file, entry + 2, 4, 1, value)
    return bytes(file)


@functools.cache
def make_bombs() -> dict[str, bytes]:
    """Return files of a few bytes or kilobytes, of which a careless reader makes gigabytes."""
    pictures, zeros = make_pictures(), zlib.compress(bytes(300_000_000), 1)
    png, tif = pictures["png grey"], pictures["tif deflate"]
    header = png.index(b"IHDR") + 4 + 13 + 4  # other chunks may follow it
    jpg, webp, gif = (bytearray(pictures[kind]) for kind in ("jpg grey", "webp animated", "gif"))
    struct.pack_into(">HH", jpg, jpg.index(b"\xff\xc0") + 5, 65500, 65500)
    webp[webp.index(b"VP8X") + 12 : webp.index(b"VP8X") + 18] = b"\xff\x3f\0\xff\x3f\0"
    frame = gif.index(b"\x2c\0\0\0\0")
    gif[6:10] = gif[frame + 5 : frame + 9] = struct.pack("<HH", 65535, 65535)
    return {
        "PNG with a huge header": make_png(60000, 60000, zlib.compress(bytes(1000))),
        "PNG with far too many rows": make_png(16, 16, zeros),
        "PNG with a huge profile": png[:header] + png_chunk(b"iCCP", b"x\0\0" + zeros) + png[header:],
        "PNG with a huge text": png[:header] + png_chunk(b"zTXt", b"x\0\0" + zeros) + png[header:],
        "JPEG with a huge header": bytes(jpg),
        "WebP with a huge canvas": bytes(webp),
        "GIF with a huge frame": bytes(gif),
        "TIFF with a huge header": with_tags(tif, width=1 << 30, height=1 << 30),
        "TIFF with a huge strip": with_tags(tif, width=9900, height=9900, rows=9900),
        "TIFF with bytes that are not there": with_tags(tif, bytes=0xFFFFFFF0),
    }


@on_linux
def test_a_profile_with_millions_of_translations_is_left_out_and_takes_no_memory(tmp_path: Path):
    data = bytearray(make_pictures()["jpg baseline"])
    struct.pack_into(">I", data, data.index(b"mluc") + 8, 40_000_000)
    (tmp_path / "p.jpg").write_bytes(data)
    assert peak_mebibytes_of_reading(tmp_path / "p.jpg") < 50
    assert inspect(tmp_path / "p.jpg").profile is None
    assert read_picture(tmp_path / "p.jpg").icc is None


@on_linux
@pytest.mark.parametrize("kind", make_bombs())
def test_a_bomb_takes_little_memory(tmp_path: Path, kind: str):
    path = tmp_path / "bomb"
    path.write_bytes(make_bombs()[kind])
    assert peak_mebibytes_of_reading(path) < MAX_MEBIBYTES
    with suppress(PictureError):
        assert read_picture(path).pixels.shape in ((30, 40, 1), (16, 16, 3))  # a PNG's size is that of its header


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1)])
def test_a_single_pixel_and_a_single_line_are_upscaled(tmp_path: Path, size: tuple[int, int]):
    source = write_picture(Picture(np.full((*size, 3), 77, np.uint8)), tmp_path / "line.png")
    for scale in (1, 2, 2.5, 4):
        upscale(source, tmp_path / "result.png", scale)
        info = inspect(tmp_path / "result.png")
        assert (info.height, info.width) == (round(size[0] * scale), round(size[1] * scale))


def test_a_jpeg_of_the_greatest_width_is_upscaled_to_a_format_that_holds_the_result(tmp_path: Path):
    source = write_picture(Picture(np.zeros((2, 65500, 3), np.uint8)), tmp_path / "wide.jpg")
    upscale(source, tmp_path / "wider.png")
    assert inspect(tmp_path / "wider.png").width == 131000
    status = upscale(source, tmp_path / "wider.jpg")
    assert status.error == "wider.jpg would be 131000 pixels long and a jpg holds only 65500; save it as PNG or TIFF."
    assert not (tmp_path / "wider.jpg").exists()


@pytest.mark.parametrize("kind", ["gif", "gif animated"])
def test_the_first_frame_of_a_gif_is_read(tmp_path: Path, kind: str):
    (tmp_path / "p.gif").write_bytes(make_pictures()[kind])
    info, pixels = inspect(tmp_path / "p.gif"), read_picture(tmp_path / "p.gif").pixels
    assert (info.format, info.pages) == ("gif", 3 if "animated" in kind else 1)
    with Image.open(tmp_path / "p.gif") as image:
        np.testing.assert_array_equal(pixels[..., :3], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["gif animated", "webp animated", "png animated", "tif pages"])
def test_only_the_first_page_is_upscaled_and_the_status_counts_them(tmp_path: Path, kind: str):
    (tmp_path / "many").write_bytes(make_pictures()[kind])
    assert any("3" in note for note in upscale(tmp_path / "many", tmp_path / "one.png").notes)
    assert (inspect(tmp_path / "one.png").width, inspect(tmp_path / "one.png").pages) == (80, 1)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_a_float_tiff_is_refused_since_no_number_is_known_to_be_white(tmp_path: Path, value: float):
    pixels = np.full((8, 9, 3), 0.5, np.float32)
    pixels[3, 4] = value
    pyvips.Image.new_from_array(pixels).tiffsave(str(tmp_path / "floats.tif"))
    for read in (inspect, read_picture):
        with pytest.raises(PictureError, match=r"floats\.tif has float pixels, .* 8 or 16 bits each\."):
            read(tmp_path / "floats.tif")


@pytest.mark.parametrize("kind", ["jpg cmyk", "png 8", "webp lossy", "gif", "tif tiles"])
def test_a_picture_with_a_wrong_suffix_is_upscaled(tmp_path: Path, kind: str):
    source = tmp_path / ("wrong.png" if kind != "png 8" else "wrong.tif")
    source.write_bytes(make_pictures()[kind])
    assert not upscale(source, tmp_path / "out.webp").error
    assert inspect(tmp_path / "out.webp").width == 2 * inspect(source).width


def test_a_warning_that_quotes_latin_1_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """libpng quotes the name of a broken profile, and names in a PNG are Latin-1."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[136:140] = b"\xff" * 4  # the offset of its first tag: beyond its end
    data = make_pictures()["png 16"]
    named = png_chunk(b"iCCP", "Grün".encode("latin-1") + b"\0\0" + zlib.compress(bytes(profile)))
    (tmp_path / "p.png").write_bytes(data[:33] + named + data[33:])  # after IHDR
    with caplog.at_level("DEBUG", "pyvips"):
        read_picture(tmp_path / "p.png")
    assert "profile 'Gr\ufffdn'" in caplog.text


def test_an_error_that_quotes_latin_1_is_raised_as_an_error_of_libvips():
    with pytest.raises(pyvips.Error, match="Gr\ufffdn"):
        pyvips.Image.pngload(b"/nowhere/Gr\xfcn.png")
