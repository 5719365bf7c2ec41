"""AVIF and JPEG XL as formats of results."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr.files.metadata.containers import jxl
from caesr.files.metadata.transfer import lost_metadata
from caesr.files.picture import Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import picture_writer, write_picture
from caesr.jobs.naming import result_name, without_results
from caesr.options import OutputOptions, UpscaleOptions
from tests.pictures import check_message, make_profile, noise, smooth


@pytest.fixture(params=["avif", "jxl"])
def format(request: pytest.FixtureRequest) -> str:
    if request.param == "jxl":
        pytest.importorskip("pillow_jxl")
    return request.param


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_quality_100_is_lossless(tmp_path: Path, format: str, channels: int):
    pixels = noise(23, 31, channels)
    path = write_picture(Picture(pixels), tmp_path / f"p.{format}", quality=100)
    seen = read_picture(path).pixels
    alike = np.repeat(pixels[..., :1], 3, axis=2) if channels <= 2 and seen.shape[2] > 2 else pixels[..., :3]
    visible = pixels[..., -1] > 0 if channels in (2, 4) else np.full((23, 31), True)
    np.testing.assert_array_equal(seen[visible][..., : alike.shape[2]], alike[visible])
    if channels in (2, 4):
        np.testing.assert_array_equal(seen[..., -1], pixels[..., -1])
    if format == "avif":
        with Image.open(path) as image:
            np.testing.assert_array_equal(
                np.asarray(image.convert("RGBA"))[visible][..., :3], alike[visible] * [1, 1, 1]
            )


def test_quality_decides_size_and_closeness(tmp_path: Path, format: str):
    sizes, errors = [], []
    for quality in (30, 70, 95, 100):
        path = write_picture(Picture(smooth(96, 128)), tmp_path / f"p.{format}", quality=quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(read_picture(path).pixels.astype(int) - smooth(96, 128)).mean())
    assert sizes[:3] == sorted(sizes[:3])
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 1.5


def test_sixteen_bits_become_ten_in_avif(tmp_path: Path):
    pixels = noise(24, 32, 3, dtype=np.uint16)
    path = write_picture(Picture(pixels), tmp_path / "p.avif", quality=100)
    assert inspect(path).depth == 16
    assert np.abs(read_picture(path).pixels.astype(int) - pixels).max() <= 64


def test_sixteen_bits_of_grey_are_kept_in_jpeg_xl(tmp_path: Path):
    pytest.importorskip("pillow_jxl")
    pixels = noise(24, 32, 1, dtype=np.uint16)
    path = write_picture(Picture(pixels), tmp_path / "p.jxl", quality=100)
    np.testing.assert_array_equal(read_picture(path).pixels, pixels)
    colour = write_picture(Picture(np.repeat(pixels, 3, axis=2)), tmp_path / "c.jxl", quality=100)
    assert np.abs(read_picture(colour).pixels.astype(int) * 257 - pixels).max() <= 129


def test_avif_keeps_the_profile(tmp_path: Path):
    path = write_picture(Picture(smooth(), icc=make_profile()), tmp_path / "p.avif", quality=100)
    assert read_picture(path).icc == make_profile()
    with Image.open(path) as image:
        assert image.info["icc_profile"] == make_profile()
        np.testing.assert_array_equal(np.asarray(image), smooth())


def test_a_grey_profile_is_applied_in_avif(tmp_path: Path):
    picture = Picture(np.full((8, 8, 1), 100, np.uint8), icc=make_profile("GRAY"))
    seen = read_picture(write_picture(picture, tmp_path / "p.avif", quality=100))
    linear = (100 / 255) ** (0x0233 / 256)
    assert np.abs(seen.pixels[..., 0].astype(int) - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)).max() <= 2


def test_colours_become_srgb_in_jpeg_xl_and_that_is_said(tmp_path: Path):
    pytest.importorskip("pillow_jxl")
    grey = np.full((8, 8, 3), 128, np.uint8)
    picture = Picture(grey, icc=make_profile())  # a power of 2.2
    seen = read_picture(write_picture(picture, tmp_path / "p.jxl", quality=100))
    linear = (128 / 255) ** (0x0233 / 256)
    assert np.abs(seen.pixels.astype(int) - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)).max() <= 2
    assert "become sRGB" in lost_metadata(picture, "jxl", "all")[0]
    assert lost_metadata(Picture(grey), "jxl", "all") == ()


def test_jpeg_xl_without_its_extra_is_refused_before_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jxl, "PLUGIN", "pillow_jxl_that_is_not_there")
    with pytest.raises(PictureError, match=r"pip install 'caesr\[jxl\]'") as error:
        with picture_writer(Picture(smooth()), (48, 64), tmp_path / "p.jxl"):
            pytest.fail("begun")
    check_message(error, "p.jxl")
    assert not list(tmp_path.iterdir())


def test_a_side_too_long_for_avif_is_refused(tmp_path: Path):
    with pytest.raises(PictureError, match="16384"):
        write_picture(Picture(np.zeros((16385, 2, 1), np.uint8)), tmp_path / "p.avif")


def test_results_are_called_by_their_format_and_known_as_results(format: str):
    name = result_name("cat.jpg", UpscaleOptions(scale=2), OutputOptions(format))
    assert name == f"cat_x2.{format}"
    assert without_results(["cat.jpg", name]) == ["cat.jpg"]


@pytest.mark.slow
def test_rows_are_written_while_they_come(tmp_path: Path):
    """A JPEG too large for codes of its own, and a PNG, are written without the picture in memory."""
    code = (
        "import resource, sys, numpy as np\n"
        "from caesr.files.picture import Metadata, Picture\nfrom caesr.files.write import picture_writer\n"
        "template = Picture(np.zeros((1, 1, 3), np.uint8), metadata=Metadata(texts=(('Comment', 'x'),)))\n"
        "strip = np.tile(np.arange(10000, dtype=np.uint8)[:, None], (100, 1, 3))\n"
        "with picture_writer(template, (100, 10000), sys.argv[1]) as rows: rows.write(strip)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with picture_writer(template, (4000, 10000), sys.argv[1]) as rows:\n"
        "    for _ in range(40): rows.write(strip)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    for name in ("p.jpg", "p.png"):
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert float(done.stdout) < 64  # MiB; the pixels are 114
