"""Picture files and their pixels: written and read by caesr.picture, made and checked by Pillow and by hand."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from caesr.files.picture import ImageInfo, Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from tests.pictures import FORMATS, chunk, noise, png, png_samples, profile, sentence, smooth

# --- what comes back ----------------------------------------------------------------------------

any_pixels = st.tuples(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16])
).flatmap(lambda t: arrays.arrays(t[3], t[:3]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=any_pixels, format=st.sampled_from(["png", "tif"]))
def test_png_and_tiff_give_back_every_sample(tmp_path: Path, pixels: np.ndarray, format: str):
    path = write_picture(Picture(pixels), tmp_path / f"any.{format}")
    back = read_picture(path)
    assert back.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.icc is None
    assert back.exif is None
    facts = inspect(path)
    assert (facts.height, facts.width) == pixels.shape[:2]
    assert facts.depth == 8 * pixels.dtype.itemsize
    modes = ["greyscale", "greyscale with alpha", "colour", "colour with alpha"]
    assert facts.mode == modes[pixels.shape[2] - 1]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("format", FORMATS)
def test_pillow_sees_what_was_written(tmp_path: Path, format: str, channels: int):
    pixels = noise(23, 31, channels)
    if channels in (2, 4) and format == "jpg":
        pixels[..., -1] = 255
    path = write_picture(Picture(pixels), tmp_path / f"p.{format}", quality=100)
    with Image.open(path) as image:
        assert image.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF"}[format]
        seen = np.asarray(image.convert("RGBA"))
    expected = np.asarray(Image.fromarray(pixels.squeeze()).convert("RGBA"))
    assert np.abs(seen.astype(int) - expected).max() <= (4 if format == "jpg" else 0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_in_a_png_are_all_there(tmp_path: Path, channels: int):
    pixels = noise(9, 7, channels, dtype=np.uint16)
    np.testing.assert_array_equal(png_samples(write_picture(Picture(pixels), tmp_path / "deep.png")), pixels)


def test_a_sixteen_bit_png_made_by_hand_is_read_exactly(tmp_path: Path):
    pixels = noise(5, 6, 3, dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    np.testing.assert_array_equal(read_picture(png(tmp_path / "p.png", 6, 5, 16, 2, rows)).pixels, pixels)


def test_sixteen_bits_are_rounded_to_eight_not_cut(tmp_path: Path):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    path = write_picture(Picture(ramp), tmp_path / "ramp.webp", quality=100)
    expected = np.floor(ramp / 257 + 0.5)
    np.testing.assert_array_equal(read_picture(path).pixels[..., :1], expected)


def test_quality_is_heard(tmp_path: Path):
    pixels = smooth() ^ noise(48, 64, 3) // 16
    for format in ("jpg", "webp"):
        errors, sizes = [], []
        for quality in (20, 60, 95):
            path = write_picture(Picture(pixels), tmp_path / f"q.{format}", quality=quality)
            errors.append(np.abs(read_picture(path).pixels.astype(int) - pixels).mean())
            sizes.append(path.stat().st_size)
        assert errors[0] > errors[1] > errors[2]
        assert sizes[0] < sizes[1] < sizes[2]


def test_a_jpeg_keeps_colour_as_sharp_as_brightness(tmp_path: Path):
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255  # red and blue columns, one pixel wide
    path = write_picture(Picture(stripes), tmp_path / "stripes.jpg")
    assert np.abs(read_picture(path).pixels.astype(int) - stripes).max() < 30
    with Image.open(path) as image:
        assert {component[1:3] for component in image.layer} == {(1, 1)}


def test_a_file_is_what_its_content_says(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "wrong.png", format="JPEG")
    assert inspect(tmp_path / "wrong.png").format == "jpg"


def test_the_format_asked_for_comes_before_the_suffix(tmp_path: Path):
    path = write_picture(Picture(smooth()), tmp_path / "picture.bin", format="webp")
    assert path == tmp_path / "picture.bin"
    assert inspect(path).format == "webp"


@pytest.mark.parametrize("name", ["p.JPG", "p.jpeg", "p.TIFF", "x[page=1].tif", "p[1].png", "dätei näme.png"])
def test_odd_names_are_only_names(tmp_path: Path, name: str):
    assert read_picture(write_picture(Picture(smooth()), tmp_path / name)).pixels.shape == (48, 64, 3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_only_a_name(tmp_path: Path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    assert read_picture(write_picture(Picture(smooth()), path)).pixels.shape == (48, 64, 3)


def test_a_file_that_changed_is_read_anew(tmp_path: Path):
    path = write_picture(Picture(smooth()), tmp_path / "p.png")
    first = read_picture(path).pixels
    write_picture(Picture(255 - smooth()), path)
    np.testing.assert_array_equal(read_picture(path).pixels, 255 - first)


def test_a_picture_can_be_written_over_itself(tmp_path: Path):
    path = write_picture(Picture(smooth()), tmp_path / "p.tif")
    write_picture(read_picture(path), path)
    np.testing.assert_array_equal(read_picture(path).pixels, smooth())


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_an_array_that_is_no_picture_makes_none(pixels: np.ndarray):
    with pytest.raises(ValueError, match=r"uint8 or uint16: \("):
        Picture(pixels)


def test_a_view_of_an_array_is_written_as_it_looks(tmp_path: Path):
    flipped = smooth()[::-1, ::-2]
    np.testing.assert_array_equal(read_picture(write_picture(Picture(flipped), tmp_path / "p.png")).pixels, flipped)


# --- kinds of pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_become_eight(tmp_path: Path, bits: int):
    values = np.arange(16) % (1 << bits)  # 16 pixels in two rows
    packed = np.packbits((values[:, None] >> np.arange(bits)[::-1]) & 1).reshape(2, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    path = png(tmp_path / "few.png", 8, 2, bits, 0, rows)
    expected = (values * 255 // ((1 << bits) - 1)).reshape(2, 8, 1)
    np.testing.assert_array_equal(read_picture(path).pixels, expected)
    assert inspect(path) == ImageInfo(8, 2, "greyscale", 8, "png", None, 1)


@pytest.mark.parametrize("compression", ["raw", "group4"])
def test_a_black_and_white_tiff_becomes_grey(tmp_path: Path, compression: str):
    image = Image.fromarray(noise(9, 13)).convert("1")
    image.save(tmp_path / "fax.tif", compression=compression)
    np.testing.assert_array_equal(read_picture(tmp_path / "fax.tif").pixels[..., 0], np.asarray(image) * 255)


def test_a_palette_becomes_colour_and_its_clear_entry_alpha(tmp_path: Path):
    image = Image.fromarray(smooth()).quantize(16)
    image.save(tmp_path / "palette.png")
    image.save(tmp_path / "clear.png", transparency=3)
    np.testing.assert_array_equal(read_picture(tmp_path / "palette.png").pixels, np.asarray(image.convert("RGB")))
    clear = read_picture(tmp_path / "clear.png").pixels
    assert inspect(tmp_path / "clear.png").mode == "colour with alpha"
    np.testing.assert_array_equal(clear[..., 3] == 0, np.asarray(image) == 3)
    np.testing.assert_array_equal(clear[..., :3], np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("deep", [False, True])
def test_one_transparent_colour_becomes_alpha(tmp_path: Path, deep: bool):
    pixels = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint16)
    row = pixels.astype(">u2" if deep else np.uint8).tobytes()
    path = png(tmp_path / "p.png", 2, 1, 16 if deep else 8, 2, b"\0" + row,
               extra=chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))  # fmt: skip
    most = 65535 if deep else 255
    np.testing.assert_array_equal(read_picture(path).pixels, [[[1, 2, 3, 0], [1, 2, 4, most]]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_transparent_is_laid_on_white_in_a_jpeg(tmp_path: Path, dtype: type, channels: int):
    most = np.iinfo(dtype).max
    pixels = np.full((16, 48, channels), most // 4, dtype)
    pixels[:, :16, -1], pixels[:, 16:32, -1], pixels[:, 32:, -1] = 0, most // 2, most
    seen = read_picture(write_picture(Picture(pixels), tmp_path / "flat.jpg", quality=100)).pixels.astype(int)
    assert seen.shape[2] == channels - 1
    for columns, value in ((slice(0, 16), 255), (slice(16, 32), 159), (slice(32, 48), 63.75)):
        assert np.abs(seen[:, columns] - value).max() <= 2


def test_a_cmyk_picture_becomes_srgb_and_loses_its_profile(tmp_path: Path):
    cmyk = np.zeros((16, 32, 4), np.uint8)
    cmyk[:, 16:, 1:3] = 255  # white paper on the left; magenta and yellow, which is red, on the right
    for name in ("p.jpg", "p.tif"):
        Image.fromarray(cmyk, "CMYK").save(tmp_path / name, icc_profile=profile(), quality=100)
        facts, seen = inspect(tmp_path / name), read_picture(tmp_path / name)
        assert facts.mode == "colour"
        assert seen.icc is None
        left, right = seen.pixels[8, 4].astype(int), seen.pixels[8, 28].astype(int)
        assert left.min() > 240
        assert right[0] > 180
        assert right[1:].max() < 80


def test_cmyk_is_read_through_the_profile_of_the_file(tmp_path: Path):
    """A profile for print with its tables turned round makes white paper dark."""
    icc = bytearray(pyvips.Image.profile_load("cmyk"))
    for at in range(132, 132 + 12 * struct.unpack_from(">I", icc, 128)[0], 12):
        tag, start, size = struct.unpack_from(">4sII", icc, at)
        if tag.startswith(b"A2B"):
            middle = slice(start + size // 8, start + size * 7 // 8)
            icc[middle] = bytes(255 - value for value in icc[middle])
    paper = Image.fromarray(np.zeros((8, 8, 4), np.uint8), "CMYK")
    paper.save(tmp_path / "usual.tif")
    paper.save(tmp_path / "turned.tif", icc_profile=bytes(icc))
    usual, turned = read_picture(tmp_path / "usual.tif").pixels, read_picture(tmp_path / "turned.tif").pixels
    assert np.abs(usual.astype(int) - turned).max() > 50


def test_sixteen_bit_lab_becomes_srgb(tmp_path: Path):
    colours = pyvips.Image.new_from_array(smooth()).copy(interpretation="srgb")
    colours.colourspace("labs").tiffsave(str(tmp_path / "lab.tif"))
    seen = read_picture(tmp_path / "lab.tif")
    assert seen.pixels.dtype == np.uint16
    assert seen.icc is None
    assert np.abs(seen.pixels / 257 - smooth()).max() < 1


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_other_numbers_than_8_or_16_bits_are_refused(tmp_path: Path, dtype: type):
    Image.fromarray(np.ones((4, 4), dtype)).save(tmp_path / "numbers.tif")
    with pytest.raises(PictureError, match="8 or 16 bits each") as error:
        read_picture(tmp_path / "numbers.tif")
    sentence(error, "numbers.tif")


def test_five_channels_are_refused(tmp_path: Path):
    pyvips.Image.new_from_array(noise(4, 4, 5)).tiffsave(str(tmp_path / "five.tif"))
    with pytest.raises(PictureError, match="5 channels") as error:
        inspect(tmp_path / "five.tif")
    sentence(error, "five.tif")


@pytest.mark.parametrize("format", ["webp", "png", "tif"])
def test_of_many_pages_the_first_is_read_and_all_are_counted(tmp_path: Path, format: str):
    frames = [Image.fromarray(noise(8, 9, 3, seed=seed)) for seed in range(3)]
    path = tmp_path / f"many.{format}"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    assert inspect(path).pages == 3
    assert (inspect(path).width, inspect(path).height) == (9, 8)
    np.testing.assert_array_equal(read_picture(path).pixels, np.asarray(frames[0]))
