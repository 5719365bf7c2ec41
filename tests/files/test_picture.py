"""Pixels of picture files: written and read by caesr.files, made and checked by Pillow and by hand."""

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from caesr.files.picture import ImageInfo, Picture, PictureError
from caesr.files.png_chunks import png_chunk
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from tests.pictures import FORMATS, check_message, decode_png16, make_png, make_profile, noise, smooth

# --- writing and reading ------------------------------------------------------------------------

any_pixels = st.tuples(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16])
).flatmap(lambda t: arrays.arrays(t[3], t[:3]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=any_pixels, format=st.sampled_from(["png", "tif"]))
def test_png_and_tiff_give_back_every_sample(tmp_path: Path, pixels: np.ndarray, format: str):
    path = write_picture(Picture(pixels), tmp_path / f"any.{format}")
    back = read_picture(path)
    assert back.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(back.pixels, pixels)
    assert back.icc is None
    assert back.metadata.exif is None
    info = inspect(path)
    assert (info.height, info.width) == pixels.shape[:2]
    assert info.depth == 8 * pixels.dtype.itemsize
    modes = ["greyscale", "greyscale with alpha", "colour", "colour with alpha"]
    assert info.mode == modes[pixels.shape[2] - 1]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("format", FORMATS)
def test_pillow_reads_what_was_written(tmp_path: Path, format: str, channels: int):
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
def test_all_sixteen_bits_are_in_a_png(tmp_path: Path, channels: int):
    pixels = noise(9, 7, channels, dtype=np.uint16)
    np.testing.assert_array_equal(decode_png16(write_picture(Picture(pixels), tmp_path / "deep.png")), pixels)


def test_a_sixteen_bit_png_made_by_hand_is_read_exactly(tmp_path: Path):
    pixels = noise(5, 6, 3, dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    (tmp_path / "p.png").write_bytes(make_png(6, 5, zlib.compress(rows), depth=16))
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png").pixels, pixels)


def test_sixteen_bits_are_rounded_to_eight_not_cut(tmp_path: Path):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    path = write_picture(Picture(ramp), tmp_path / "ramp.webp", quality=100)
    expected = np.floor(ramp / 257 + 0.5)
    np.testing.assert_array_equal(read_picture(path).pixels[..., :1], expected)


def test_a_higher_quality_is_closer_and_larger(tmp_path: Path):
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
def test_characters_in_names_have_no_meaning(tmp_path: Path, name: str):
    assert read_picture(write_picture(Picture(smooth()), tmp_path / name)).pixels.shape == (48, 64, 3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_not_utf_8_is_read_and_written(tmp_path: Path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    assert read_picture(write_picture(Picture(smooth()), path)).pixels.shape == (48, 64, 3)


def test_a_file_that_changed_is_read_again(tmp_path: Path):
    path = write_picture(Picture(smooth()), tmp_path / "p.png")
    first = read_picture(path).pixels
    write_picture(Picture(255 - smooth()), path)
    np.testing.assert_array_equal(read_picture(path).pixels, 255 - first)


def test_a_picture_can_overwrite_its_own_file(tmp_path: Path):
    path = write_picture(Picture(smooth()), tmp_path / "p.tif")
    write_picture(read_picture(path), path)
    np.testing.assert_array_equal(read_picture(path).pixels, smooth())


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_an_array_of_another_shape_or_dtype_is_no_picture(pixels: np.ndarray):
    with pytest.raises(ValueError, match=r"uint8 or uint16: \("):
        Picture(pixels)


def test_a_view_of_an_array_is_written_as_its_values(tmp_path: Path):
    flipped = smooth()[::-1, ::-2]
    np.testing.assert_array_equal(read_picture(write_picture(Picture(flipped), tmp_path / "p.png")).pixels, flipped)


# --- kinds of pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_one_two_or_four_bits_of_grey_become_eight(tmp_path: Path, bits: int):
    values = np.arange(16) % (1 << bits)  # 16 pixels in two rows
    packed = np.packbits((values[:, None] >> np.arange(bits)[::-1]) & 1).reshape(2, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    path = tmp_path / "few.png"
    path.write_bytes(make_png(8, 2, zlib.compress(rows), depth=bits, colour_type=0))
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
    transparent = png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    png = make_png(2, 1, zlib.compress(b"\0" + row), depth=16 if deep else 8, extra=transparent)
    (tmp_path / "p.png").write_bytes(png)
    opaque = 65535 if deep else 255
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png").pixels, [[[1, 2, 3, 0], [1, 2, 4, opaque]]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_transparent_pixels_are_laid_on_white_in_a_jpeg(tmp_path: Path, dtype: type, channels: int):
    white = np.iinfo(dtype).max
    pixels = np.full((16, 48, channels), white // 4, dtype)
    pixels[:, :16, -1], pixels[:, 16:32, -1], pixels[:, 32:, -1] = 0, white // 2, white
    seen = read_picture(write_picture(Picture(pixels), tmp_path / "flat.jpg", quality=100)).pixels.astype(int)
    assert seen.shape[2] == channels - 1
    for columns, value in ((slice(0, 16), 255), (slice(16, 32), 159), (slice(32, 48), 63.75)):
        assert np.abs(seen[:, columns] - value).max() <= 2


def test_a_cmyk_picture_becomes_srgb_and_loses_its_profile(tmp_path: Path):
    cmyk = np.zeros((16, 32, 4), np.uint8)
    cmyk[:, 16:, 1:3] = 255  # white paper on the left; magenta and yellow, which is red, on the right
    for name in ("p.jpg", "p.tif"):
        Image.fromarray(cmyk, "CMYK").save(tmp_path / name, icc_profile=make_profile(), quality=100)
        seen = read_picture(tmp_path / name)
        assert inspect(tmp_path / name).mode == "colour"
        assert seen.icc is None
        left, right = seen.pixels[8, 4].astype(int), seen.pixels[8, 28].astype(int)
        assert left.min() > 240
        assert right[0] > 180
        assert right[1:].max() < 80


def test_cmyk_is_read_through_the_profile_of_the_file(tmp_path: Path):
    """A profile for print whose tables are inverted makes white paper dark."""
    icc = bytearray(pyvips.Image.profile_load("cmyk"))
    for at in range(132, 132 + 12 * struct.unpack_from(">I", icc, 128)[0], 12):
        tag, start, size = struct.unpack_from(">4sII", icc, at)
        if tag.startswith(b"A2B"):
            middle = slice(start + size // 8, start + size * 7 // 8)
            icc[middle] = bytes(255 - value for value in icc[middle])
    paper = Image.fromarray(np.zeros((8, 8, 4), np.uint8), "CMYK")
    paper.save(tmp_path / "usual.tif")
    paper.save(tmp_path / "inverted.tif", icc_profile=bytes(icc))
    usual, inverted = read_picture(tmp_path / "usual.tif").pixels, read_picture(tmp_path / "inverted.tif").pixels
    assert np.abs(usual.astype(int) - inverted).max() > 50


def test_sixteen_bit_lab_becomes_srgb(tmp_path: Path):
    colours = pyvips.Image.new_from_array(smooth()).copy(interpretation="srgb")
    under_d50 = colours.icc_import(input_profile="srgb", pcs="lab", intent="relative")  # the white of Lab in a TIFF
    under_d50.colourspace("labs").tiffsave(str(tmp_path / "lab.tif"))
    seen = read_picture(tmp_path / "lab.tif")
    assert seen.pixels.dtype == np.uint16
    assert seen.icc is None
    assert np.abs(seen.pixels / 257 - smooth()).max() < 1


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_other_numbers_than_8_or_16_bits_are_refused(tmp_path: Path, dtype: type):
    Image.fromarray(np.ones((4, 4), dtype)).save(tmp_path / "numbers.tif")
    with pytest.raises(PictureError, match="8 or 16 bits each") as error:
        read_picture(tmp_path / "numbers.tif")
    check_message(error, "numbers.tif")


def test_of_five_channels_the_one_after_alpha_is_left_out_and_said(tmp_path: Path):
    pixels = noise(4, 4, 5)
    pyvips.Image.new_from_array(pixels).tiffsave(str(tmp_path / "five.tif"))  # as RGB and two of alpha
    picture = read_picture(tmp_path / "five.tif")
    np.testing.assert_array_equal(picture.pixels, pixels[..., :4])
    assert "5" in " ".join(picture.notes)


@pytest.mark.parametrize("format", ["webp", "png", "tif"])
def test_the_first_of_many_pages_is_read_and_all_are_counted(tmp_path: Path, format: str):
    frames = [Image.fromarray(noise(8, 9, 3, seed=seed)) for seed in range(3)]
    path = tmp_path / f"many.{format}"
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
    assert inspect(path).pages == 3
    assert (inspect(path).width, inspect(path).height) == (9, 8)
    np.testing.assert_array_equal(read_picture(path).pixels, np.asarray(frames[0]))
