"""Pictures that are hard on a reader or an enlarger: bombs, odd shapes, animations, numbers that are none."""

import contextlib
import functools
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from caesr import Upscaler
from caesr.files.picture import Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.row_writer import chunk
from caesr.files.write import write_picture
from caesr.jobs.runner import Wish, enlarge_files, here
from tests.conftest import small
from tests.fuzz import MEBIBYTES, memory
from tests.seeds import png, seeds


def enlarged(source: Path, target: Path, scale: float = 2, **more: str) -> list[str]:
    """Enlarge a file by a small network; what was said on the way, and what failed."""
    said: list[str] = []
    wish = Wish(scale, **more)
    engine = here(Upscaler(small(2), "cpu"), wish, lambda *_, **__: None)
    report = enlarge_files(engine, [source], target, wish, say=lambda line, end="\n": said.append(line))
    return said + list(report.failed.values())


def with_tags(data: bytes, **numbers: int) -> bytes:
    """A TIFF that claims other numbers: width, height, rows a strip, bytes of the strip."""
    tags = {256: numbers.get("width"), 257: numbers.get("height"), 278: numbers.get("rows"), 279: numbers.get("bytes")}
    file, (at,) = bytearray(data), struct.unpack_from("<I", data, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", file, at)[0], 12):
        if (value := tags.get(struct.unpack_from("<H", file, entry)[0])) is not None:
            struct.pack_into("<HII", file, entry + 2, 4, 1, value)
    return bytes(file)


@functools.cache
def bombs() -> dict[str, bytes]:
    """A few bytes or kilobytes each, of which a careless reader makes gigabytes."""
    found, zeros = seeds(), zlib.compress(bytes(300_000_000), 1)
    header = found["png grey"].index(b"IHDR") + 4 + 13 + 4  # behind it, other chunks may come
    jpg, webp, gif = (bytearray(found[kind]) for kind in ("jpg grey", "webp animated", "gif"))
    struct.pack_into(">HH", jpg, jpg.index(b"\xff\xc0") + 5, 65500, 65500)
    webp[webp.index(b"VP8X") + 12 : webp.index(b"VP8X") + 18] = b"\xff\x3f\0\xff\x3f\0"
    frame = gif.index(b"\x2c\0\0\0\0")
    gif[6:10] = gif[frame + 5 : frame + 9] = struct.pack("<HH", 65535, 65535)

    def with_chunk(kind: bytes, start: bytes) -> bytes:
        return found["png grey"][:header] + chunk(kind, start + zeros) + found["png grey"][header:]

    return {
        "PNG with a huge header": png(60000, 60000, zlib.compress(bytes(1000))),
        "PNG with far too many rows": png(16, 16, zeros),
        "PNG with a huge profile": with_chunk(b"iCCP", b"x\0\0"),
        "PNG with a huge text": with_chunk(b"zTXt", b"x\0\0"),
        "JPEG with a huge header": bytes(jpg),
        "WebP with a huge canvas": bytes(webp),
        "GIF with a huge frame": bytes(gif),
        "TIFF with a huge header": with_tags(found["tif deflate"], width=1 << 30, height=1 << 30),
        "TIFF with a huge strip": with_tags(found["tif deflate"], width=9900, height=9900, rows=9900),
        "TIFF with bytes that are not there": with_tags(found["tif deflate"], bytes=0xFFFFFFF0),
    }


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of memory anew")
def test_a_profile_with_millions_of_translations_is_left_out_before_memory_is_taken_for_them(tmp_path: Path):
    data = bytearray(seeds()["jpg baseline"])
    struct.pack_into(">I", data, data.index(b"mluc") + 8, 40_000_000)
    (tmp_path / "p.jpg").write_bytes(data)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    assert inspect(tmp_path / "p.jpg").profile is None
    assert read_picture(tmp_path / "p.jpg").icc is None
    assert (memory("VmHWM") - before) / 1024 < 50


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of memory anew")
@pytest.mark.parametrize("kind", bombs())
def test_a_bomb_takes_no_memory_to_speak_of(tmp_path: Path, kind: str):
    path = tmp_path / "bomb"
    path.write_bytes(bombs()[kind])
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    with contextlib.suppress(PictureError):
        shape = read_picture(path).pixels.shape
        assert shape in ((30, 40, 1), (16, 16, 3))  # a PNG is what it says, whatever else is packed into it
    assert (memory("VmHWM") - before) / 1024 < MEBIBYTES


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1)])
def test_a_single_pixel_and_a_single_line_are_enlarged(tmp_path: Path, size: tuple[int, int]):
    source = write_picture(Picture(np.full((*size, 3), 77, np.uint8)), tmp_path / "line.png")
    for scale in (1, 2, 2.5, 4):
        enlarged(source, tmp_path / "large.png", scale)
        facts = inspect(tmp_path / "large.png")
        assert (facts.height, facts.width) == (round(size[0] * scale), round(size[1] * scale))


def test_a_jpeg_of_the_greatest_width_is_enlarged_into_what_can_hold_it(tmp_path: Path):
    source = write_picture(Picture(np.zeros((2, 65500, 3), np.uint8)), tmp_path / "wide.jpg")
    enlarged(source, tmp_path / "wider.png")
    assert inspect(tmp_path / "wider.png").width == 131000
    said = enlarged(source, tmp_path / "wider.jpg")
    assert "a jpg holds only 65500; save it as PNG or TIFF." in said[-1]
    assert not (tmp_path / "wider.jpg").exists()


@pytest.mark.parametrize("kind", ["gif", "gif animated"])
def test_of_a_gif_the_first_frame_is_read(tmp_path: Path, kind: str):
    (tmp_path / "p.gif").write_bytes(seeds()[kind])
    facts, seen = inspect(tmp_path / "p.gif"), read_picture(tmp_path / "p.gif").pixels
    assert (facts.format, facts.pages) == ("gif", 3 if "animated" in kind else 1)
    with Image.open(tmp_path / "p.gif") as image:
        np.testing.assert_array_equal(seen[..., :3], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["gif animated", "webp animated", "png animated", "tif pages"])
def test_the_command_line_says_aloud_that_only_the_first_page_is_enlarged(tmp_path: Path, kind: str):
    (tmp_path / "many").write_bytes(seeds()[kind])
    said = enlarged(tmp_path / "many", tmp_path / "one.png")
    assert "the first of its 3 pages is enlarged" in said[0]
    assert (inspect(tmp_path / "one.png").width, inspect(tmp_path / "one.png").pages) == (80, 1)


def test_a_gif_cut_short_within_its_first_frame_is_refused(tmp_path: Path):
    data = seeds()["gif"]
    for part in (0.1, 0.5, 0.99):
        (tmp_path / "cut.gif").write_bytes(data[: int(len(data) * part)])
        with pytest.raises(PictureError, match=r"cut\.gif is damaged, cut short"):
            read_picture(tmp_path / "cut.gif")


def test_gifs_in_a_folder_are_enlarged_and_no_gif_is_written(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.gif").write_bytes(seeds()["gif"])
    enlarged(tmp_path / "in", tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["p_gif_2x.png"]
    assert "choose .jpg, .png, .webp or .tif" in enlarged(tmp_path / "in" / "p.gif", tmp_path / "p.gif")[-1]
    assert not (tmp_path / "p.gif").exists()


@pytest.mark.parametrize("bad", [0.5, np.nan, np.inf])
def test_a_float_tiff_is_refused_whatever_its_numbers_for_none_is_known_to_be_white(tmp_path: Path, bad: float):
    numbers = np.full((8, 9, 3), 0.5, np.float32)
    numbers[3, 4] = bad
    pyvips.Image.new_from_array(numbers).tiffsave(str(tmp_path / "light.tif"))
    for look in (inspect, read_picture):
        with pytest.raises(PictureError, match=r"light\.tif has float pixels, .* 8 or 16 bits each\."):
            look(tmp_path / "light.tif")


@pytest.mark.parametrize("kind", ["jpg cmyk", "png 8", "webp lossy", "gif", "tif tiles"])
def test_a_picture_with_a_wrong_extension_is_enlarged_as_what_it_is(tmp_path: Path, kind: str):
    name = "wrong.png" if kind != "png 8" else "wrong.tif"
    (tmp_path / name).write_bytes(seeds()[kind])
    assert len(enlarged(tmp_path / name, tmp_path / "out.webp")) >= 1
    width = inspect(tmp_path / name).width
    assert inspect(tmp_path / "out.webp").width == 2 * width


def test_a_warning_that_quotes_what_is_no_utf_8_is_only_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """libpng names the profile that it finds broken, and PNG's names are Latin-1."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[136:140] = b"\xff" * 4  # where its first tag lies: outside of it
    start, behind = seeds()["png 16"][:33], seeds()["png 16"][33:]  # before and behind IHDR
    named = chunk(b"iCCP", "Gr\u00fcn".encode("latin-1") + b"\0\0" + zlib.compress(bytes(profile)))
    (tmp_path / "p.png").write_bytes(start + named + behind)
    with caplog.at_level("DEBUG", "pyvips"):
        read_picture(tmp_path / "p.png")
    assert "profile 'Gr\ufffdn'" in caplog.text


def test_an_error_that_quotes_what_is_no_utf_8_is_one_of_libvips_all_the_same():
    with pytest.raises(pyvips.Error, match="Gr\ufffdn"):
        pyvips.Image.pngload(b"/nowhere/Gr\xfcn.png")
