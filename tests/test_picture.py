"""Picture files: made and checked by Pillow and by hand, read and written by caesr.picture."""

import os
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from pathlib import Path

os.environ.setdefault("VIPS_CONCURRENCY", "1")

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageCms

from caesr import picture, tiff_exif
from caesr.picture import Facts, Picture, PictureError, inspect, read, write

FORMATS = ["jpg", "png", "webp", "tif"]
ORIENTATION, MAKE, EXIF, GPS, TAKEN, LENS = 0x0112, 0x010F, 0x8769, 0x8825, 0x9003, 0xA434


def noise(*shape: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def smooth(height: int = 48, width: int = 64) -> np.ndarray:
    """A picture with soft slopes, which JPEG and WebP keep within a few levels. (H, W, 3) uint8"""
    y, x = np.mgrid[:height, :width]
    bands = [128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 7), 60 + 2 * x + y]
    return np.stack(bands, axis=-1).round().astype(np.uint8)


def profile(space: str = "RGB", name: str = "Wide Gamut Test") -> bytes:
    """A small ICC profile put together by hand: the primaries of Display P3, or a grey curve."""

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


def photo_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = orientation, "Camera Works"
    exif.get_ifd(EXIF).update({TAKEN: "2024:05:06 07:08:09", LENS: "50mm f/1.8"})
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.5), 3: "E", 4: (13.0, 24.0, 36.0)})
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(path: Path, width: int, height: int, bits: int, colour: int, rows: bytes, extra: bytes = b"") -> Path:
    """A PNG by hand, for the kinds that Pillow does not write. `rows` come with their filter bytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + extra + body)
    return path


def png_samples(path: Path) -> np.ndarray:
    """The samples of a 16-bit PNG, decoded by hand: Pillow would cut them to 8. (H, W, C) uint16"""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        (length,), kind = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if kind == b"IHDR":
            width, height, bits, colour = struct.unpack_from(">IIBB", data, at + 8)
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    assert bits == 16
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[colour]
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


def sentence(error: pytest.ExceptionInfo[PictureError], name: str) -> None:
    """One sentence for people: it names the file, ends as one, and has no line of a library's own."""
    message = str(error.value)
    assert name in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "vips" not in message.lower()
    assert 30 < len(message) < 250


# --- what comes back ----------------------------------------------------------------------------

any_pixels = st.tuples(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16])
).flatmap(lambda t: arrays.arrays(t[3], t[:3]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=any_pixels, format=st.sampled_from(["png", "tif"]))
def test_png_and_tiff_give_back_every_sample(tmp_path: Path, pixels: np.ndarray, format: str):
    path = write(Picture(pixels), tmp_path / f"any.{format}")
    back = read(path)
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
    path = write(Picture(pixels), tmp_path / f"p.{format}", quality=100)
    with Image.open(path) as image:
        assert image.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF"}[format]
        seen = np.asarray(image.convert("RGBA"))
    expected = np.asarray(Image.fromarray(pixels.squeeze()).convert("RGBA"))
    assert np.abs(seen.astype(int) - expected).max() <= (4 if format == "jpg" else 0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_in_a_png_are_all_there(tmp_path: Path, channels: int):
    pixels = noise(9, 7, channels, dtype=np.uint16)
    np.testing.assert_array_equal(png_samples(write(Picture(pixels), tmp_path / "deep.png")), pixels)


def test_a_sixteen_bit_png_made_by_hand_is_read_exactly(tmp_path: Path):
    pixels = noise(5, 6, 3, dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    np.testing.assert_array_equal(read(png(tmp_path / "p.png", 6, 5, 16, 2, rows)).pixels, pixels)


def test_sixteen_bits_are_rounded_to_eight_not_cut(tmp_path: Path):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    path = write(Picture(ramp), tmp_path / "ramp.webp", quality=100)
    expected = np.floor(ramp / 257 + 0.5)
    np.testing.assert_array_equal(read(path).pixels[..., :1], expected)


def test_quality_is_heard(tmp_path: Path):
    pixels = smooth() ^ noise(48, 64, 3) // 16
    for format in ("jpg", "webp"):
        errors, sizes = [], []
        for quality in (20, 60, 95):
            path = write(Picture(pixels), tmp_path / f"q.{format}", quality=quality)
            errors.append(np.abs(read(path).pixels.astype(int) - pixels).mean())
            sizes.append(path.stat().st_size)
        assert errors[0] > errors[1] > errors[2]
        assert sizes[0] < sizes[1] < sizes[2]


def test_a_jpeg_keeps_colour_as_sharp_as_brightness(tmp_path: Path):
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255  # red and blue columns, one pixel wide
    path = write(Picture(stripes), tmp_path / "stripes.jpg")
    assert np.abs(read(path).pixels.astype(int) - stripes).max() < 30
    with Image.open(path) as image:
        assert {component[1:3] for component in image.layer} == {(1, 1)}


def test_a_file_is_what_its_content_says(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "wrong.png", format="JPEG")
    assert inspect(tmp_path / "wrong.png").format == "jpg"


def test_the_format_asked_for_comes_before_the_suffix(tmp_path: Path):
    path = write(Picture(smooth()), tmp_path / "picture.bin", format="webp")
    assert path == tmp_path / "picture.bin"
    assert inspect(path).format == "webp"


@pytest.mark.parametrize("name", ["p.JPG", "p.jpeg", "p.TIFF", "x[page=1].tif", "p[1].png", "dätei näme.png"])
def test_odd_names_are_only_names(tmp_path: Path, name: str):
    assert read(write(Picture(smooth()), tmp_path / name)).pixels.shape == (48, 64, 3)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text_is_only_a_name(tmp_path: Path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    assert read(write(Picture(smooth()), path)).pixels.shape == (48, 64, 3)


def test_a_file_that_changed_is_read_anew(tmp_path: Path):
    path = write(Picture(smooth()), tmp_path / "p.png")
    first = read(path).pixels
    write(Picture(255 - smooth()), path)
    np.testing.assert_array_equal(read(path).pixels, 255 - first)


def test_a_picture_can_be_written_over_itself(tmp_path: Path):
    path = write(Picture(smooth()), tmp_path / "p.tif")
    write(read(path), path)
    np.testing.assert_array_equal(read(path).pixels, smooth())


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_an_array_that_is_no_picture_makes_none(pixels: np.ndarray):
    with pytest.raises(ValueError, match=r"uint8 or uint16: \("):
        Picture(pixels)


def test_a_view_of_an_array_is_written_as_it_looks(tmp_path: Path):
    flipped = smooth()[::-1, ::-2]
    np.testing.assert_array_equal(read(write(Picture(flipped), tmp_path / "p.png")).pixels, flipped)


# --- kinds of pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_of_grey_become_eight(tmp_path: Path, bits: int):
    values = np.arange(16) % (1 << bits)  # 16 pixels in two rows
    packed = np.packbits((values[:, None] >> np.arange(bits)[::-1]) & 1).reshape(2, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    path = png(tmp_path / "few.png", 8, 2, bits, 0, rows)
    expected = (values * 255 // ((1 << bits) - 1)).reshape(2, 8, 1)
    np.testing.assert_array_equal(read(path).pixels, expected)
    assert inspect(path) == Facts(8, 2, "greyscale", 8, "png", None, 1)


@pytest.mark.parametrize("compression", ["raw", "group4"])
def test_a_black_and_white_tiff_becomes_grey(tmp_path: Path, compression: str):
    image = Image.fromarray(noise(9, 13)).convert("1")
    image.save(tmp_path / "fax.tif", compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "fax.tif").pixels[..., 0], np.asarray(image) * 255)


def test_a_palette_becomes_colour_and_its_clear_entry_alpha(tmp_path: Path):
    image = Image.fromarray(smooth()).quantize(16)
    image.save(tmp_path / "palette.png")
    image.save(tmp_path / "clear.png", transparency=3)
    np.testing.assert_array_equal(read(tmp_path / "palette.png").pixels, np.asarray(image.convert("RGB")))
    clear = read(tmp_path / "clear.png").pixels
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
    np.testing.assert_array_equal(read(path).pixels, [[[1, 2, 3, 0], [1, 2, 4, most]]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_transparent_is_laid_on_white_in_a_jpeg(tmp_path: Path, dtype: type, channels: int):
    most = np.iinfo(dtype).max
    pixels = np.full((16, 48, channels), most // 4, dtype)
    pixels[:, :16, -1], pixels[:, 16:32, -1], pixels[:, 32:, -1] = 0, most // 2, most
    seen = read(write(Picture(pixels), tmp_path / "flat.jpg", quality=100)).pixels.astype(int)
    assert seen.shape[2] == channels - 1
    for columns, value in ((slice(0, 16), 255), (slice(16, 32), 159), (slice(32, 48), 63.75)):
        assert np.abs(seen[:, columns] - value).max() <= 2


def test_a_cmyk_picture_becomes_srgb_and_loses_its_profile(tmp_path: Path):
    cmyk = np.zeros((16, 32, 4), np.uint8)
    cmyk[:, 16:, 1:3] = 255  # white paper on the left; magenta and yellow, which is red, on the right
    for name in ("p.jpg", "p.tif"):
        Image.fromarray(cmyk, "CMYK").save(tmp_path / name, icc_profile=profile(), quality=100)
        facts, seen = inspect(tmp_path / name), read(tmp_path / name)
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
    usual, turned = read(tmp_path / "usual.tif").pixels, read(tmp_path / "turned.tif").pixels
    assert np.abs(usual.astype(int) - turned).max() > 50


def test_sixteen_bit_lab_becomes_srgb(tmp_path: Path):
    colours = pyvips.Image.new_from_array(smooth()).copy(interpretation="srgb")
    colours.colourspace("labs").tiffsave(str(tmp_path / "lab.tif"))
    seen = read(tmp_path / "lab.tif")
    assert seen.pixels.dtype == np.uint16
    assert seen.icc is None
    assert np.abs(seen.pixels / 257 - smooth()).max() < 1


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_other_numbers_than_8_or_16_bits_are_refused(tmp_path: Path, dtype: type):
    Image.fromarray(np.ones((4, 4), dtype)).save(tmp_path / "numbers.tif")
    with pytest.raises(PictureError, match="8 or 16 bits each") as error:
        read(tmp_path / "numbers.tif")
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
    np.testing.assert_array_equal(read(path).pixels, np.asarray(frames[0]))


# --- orientation --------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_taken_sideways_is_upright_and_says_so(tmp_path: Path, format: str, orientation: int):
    upright = smooth()
    stored = {  # how a camera stores what is seen upright, by the definition of the tag
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / f"sideways.{format}"
    options = {"quality": 100, "subsampling": 0} if format == "jpg" else {"lossless": True}
    options = {} if format == "tif" else options
    image = Image.fromarray(np.ascontiguousarray(stored))
    image.save(path, exif=photo_exif(orientation).tobytes(), **options)

    assert (inspect(path).width, inspect(path).height) == (64, 48)
    seen = read(path)
    assert np.abs(seen.pixels.astype(int) - upright).max() <= (6 if format == "jpg" else 0)
    for other in FORMATS:
        again = write(seen, tmp_path / f"again.{other}")
        with Image.open(again) as image:
            assert image.getexif().get(ORIENTATION, 1) == 1
            assert image.getexif()[MAKE] == "Camera Works"
            assert image.size == (64, 48)


# --- profile and EXIF ---------------------------------------------------------------------------


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_the_profile_travels_and_the_colours_stay(tmp_path: Path, source: str, target: str):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc, name in ((profile(), "Wide Gamut Test"), (srgb, "sRGB built-in")):
        path = tmp_path / f"from.{source}"
        Image.fromarray(smooth()).save(path, icc_profile=icc, quality=100)
        assert inspect(path).profile == name
        seen = read(path)
        assert seen.icc == icc
        assert np.abs(seen.pixels.astype(int) - smooth()).max() < 12  # not converted
        with Image.open(write(seen, tmp_path / f"to.{target}")) as image:
            assert image.info["icc_profile"] == icc
            assert np.abs(np.asarray(image).astype(int) - seen.pixels).max() < 12


@pytest.mark.parametrize("format", ["jpg", "png", "tif"])
def test_a_grey_profile_stays_with_a_grey_picture(tmp_path: Path, format: str):
    icc = profile("GRAY", "Grey Test")
    path = write(Picture(noise(8, 8, 1), icc=icc), tmp_path / f"grey.{format}")
    assert read(path).icc == icc
    assert inspect(path).profile == "Grey Test"


def test_webp_has_no_grey_so_its_profile_is_applied(tmp_path: Path):
    pixels = np.full((8, 8, 1), 100, np.uint8)
    seen = read(write(Picture(pixels, icc=profile("GRAY")), tmp_path / "grey.webp", quality=100))
    assert seen.icc is not None
    assert seen.icc[16:20] == b"RGB "
    linear = (100 / 255) ** (0x0233 / 256)  # the curve of the profile, then that of sRGB
    assert np.abs(seen.pixels.astype(int) - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)).max() <= 2


def test_what_follows_the_end_of_a_profile_is_cut_off(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "p.jpg", icc_profile=profile() + b"\0" * 52)
    assert read(tmp_path / "p.jpg").icc == profile()
    for format in FORMATS:
        path = write(Picture(smooth(), icc=profile() + b"\0" * 52), tmp_path / f"p.{format}")
        assert read(path).icc == profile()


@pytest.mark.parametrize("icc", [profile("GRAY"), profile()[:300], b"no profile at all", b""])
def test_a_profile_that_does_not_fit_is_left_out(tmp_path: Path, icc: bytes):
    for format in FORMATS:
        path = write(Picture(smooth(), icc=icc), tmp_path / f"p.{format}")
        with Image.open(path) as image:
            assert not image.info.get("icc_profile")
    Image.fromarray(smooth()).save(tmp_path / "odd.jpg", icc_profile=icc)
    assert read(tmp_path / "odd.jpg").icc is None


@pytest.mark.parametrize("target", FORMATS)
def test_without_metadata_only_the_profile_is_left(tmp_path: Path, target: str):
    Image.fromarray(smooth()).save(tmp_path / "from.jpg", exif=photo_exif().tobytes(), icc_profile=profile())
    path = write(read(tmp_path / "from.jpg"), tmp_path / f"to.{target}", metadata="none")
    with Image.open(path) as image:
        assert not {MAKE, EXIF, GPS} & set(image.getexif())
    assert read(path).icc == profile()


def test_a_kind_of_metadata_that_is_not_known_is_refused(tmp_path: Path):
    with pytest.raises(PictureError, match="no location, all, none"):
        write(Picture(smooth()), tmp_path / "out.png", metadata="most")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("metadata", ["no location", "all"])
def test_exif_travels_and_the_location_only_if_wanted(tmp_path: Path, source: str, target: str, metadata: str):
    path = tmp_path / f"from.{source}"
    Image.fromarray(smooth()).save(path, exif=photo_exif().tobytes())
    enlarged = Picture(np.repeat(read(path).pixels, 2, axis=1), exif=read(path).exif)
    path = write(enlarged, tmp_path / f"to.{target}", metadata=metadata)
    with Image.open(path) as image:
        exif = image.getexif()
        details, place = exif.get_ifd(EXIF), exif.get_ifd(GPS)
        np.asarray(image)  # and it decodes
    assert exif[MAKE] == "Camera Works"
    assert details[TAKEN] == "2024:05:06 07:08:09"
    assert details[LENS] == "50mm f/1.8"
    assert (details[0xA002], details[0xA003]) == (128, 48)  # the size is that of the new picture
    if metadata == "all":
        assert place[2] == (52.0, 31.0, 12.5)
    else:
        assert not place
        assert GPS not in exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_keeps_every_byte_of_a_text_in_any_order_of_bytes(tmp_path: Path, order: str):
    owner = "© Jürgen Müller".encode()
    entries = [(0x010F, 2, 7, b"Camera\0"), (0x8298, 2, len(owner) + 1, owner + b"\0"), (0x0112, 3, 1, 6)]
    at, head, values = 10 + 12 * len(entries) + 4, b"", b""
    for tag, kind, count, value in sorted(entries):
        place = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "L", at + len(values))
        head += struct.pack(order + "HHL", tag, kind, count) + place
        values += value if kind == 2 else b""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "LH", 8, len(entries))
    exif = start + head + bytes(4) + values
    Image.fromarray(smooth()).save(tmp_path / "from.png", exif=exif)
    seen = read(tmp_path / "from.png")
    assert seen.pixels.shape == (64, 48, 3)
    for format in ("tif", "jpg", "png", "webp", "tif"):  # the last from a TIFF again
        path = write(seen, tmp_path / f"to.{format}")
        assert owner in path.read_bytes()
        seen = read(path)
        with Image.open(path) as image:
            assert image.getexif()[0x010F] == "Camera"


def test_no_byte_of_the_location_is_left(tmp_path: Path):
    exif = photo_exif()
    exif.get_ifd(GPS)[29] = "1999:12:31"
    Image.fromarray(smooth()).save(tmp_path / "from.jpg", exif=exif)
    assert b"1999:12:31" in (tmp_path / "from.jpg").read_bytes()
    for format in FORMATS:
        path = write(read(tmp_path / "from.jpg"), tmp_path / f"to.{format}")
        assert b"1999:12:31" not in path.read_bytes()


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_without_exif_gets_none(tmp_path: Path, format: str):
    path = write(Picture(smooth()), tmp_path / f"p.{format}")
    assert read(path).exif is None
    with Image.open(path) as image:
        assert not image.info.get("exif")


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\xff\xff", bytes(range(99)), b"II*\0"])
def test_broken_exif_does_not_cost_the_picture(tmp_path: Path, exif: bytes):
    np.testing.assert_array_equal(read(write(Picture(smooth(), exif=exif), tmp_path / "p.tif")).pixels, smooth())
    Image.fromarray(smooth()).save(tmp_path / "p.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "p.png").pixels, smooth())


def test_tags_that_all_claim_the_whole_file_do_not_fill_the_memory(tmp_path: Path):
    Image.fromarray(noise(600, 600, 3)).save(tmp_path / "p.tif")
    data = (tmp_path / "p.tif").read_bytes()
    data += b"\0" * (len(data) % 2)
    inner = struct.pack("<H", 200) + b"".join(struct.pack("<HHLL", 30000 + tag, 7, len(data), 0) for tag in range(200))
    (first,) = struct.unpack_from("<L", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    outer = data[first + 2 : first + 2 + 12 * count] + struct.pack("<HHLL", EXIF, 4, 1, len(data))
    place = len(data) + len(inner) + 4
    data = data[:4] + struct.pack("<L", place) + data[8:]
    data += inner + bytes(4) + struct.pack("<H", count + 1) + outer + bytes(4)
    (tmp_path / "p.tif").write_bytes(data)
    tracemalloc.start()
    assert inspect(tmp_path / "p.tif").width == 600
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_big_tiff_is_whole_even_without_exif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(picture, "CLASSIC_TIFF", 100)
    path = write(Picture(smooth(), exif=photo_exif().tobytes(), icc=profile()), tmp_path / "big.tif")
    assert path.read_bytes()[:4] == b"II+\0"
    assert read(path).icc == profile()
    np.testing.assert_array_equal(read(path).pixels, smooth())


@pytest.mark.parametrize("format", ["jpg", "png", "tif"])
def test_the_density_for_print_is_kept(tmp_path: Path, format: str):
    Image.fromarray(smooth()).save(tmp_path / f"scan.{format}", dpi=(300, 300))
    seen = read(tmp_path / f"scan.{format}")
    assert seen.dpi == pytest.approx(300, abs=0.1)
    for target in ("png", "tif"):
        with Image.open(write(seen, tmp_path / f"out.{target}")) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, format: str, part: float):
    options = {"tif": {"compression": "tiff_adobe_deflate"}}.get(format, {"quality": 90})
    Image.fromarray(noise(80, 90, 3)).save(tmp_path / f"whole.{format}", **options)
    data = (tmp_path / f"whole.{format}").read_bytes()
    (tmp_path / f"cut.{format}").write_bytes(data[: int(len(data) * part)])
    with pytest.raises(PictureError) as error:
        read(tmp_path / f"cut.{format}")
    sentence(error, f"cut.{format}")


def test_a_progressive_jpeg_cut_short_is_refused(tmp_path: Path):
    Image.fromarray(noise(80, 90, 3)).save(tmp_path / "p.jpg", progressive=True)
    data = (tmp_path / "p.jpg").read_bytes()
    (tmp_path / "p.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match=r"p\.jpg is damaged, cut short"):
        read(tmp_path / "p.jpg")


def test_a_damaged_png_is_refused(tmp_path: Path):
    data = bytearray(write(Picture(noise(80, 90, 3)), tmp_path / "p.png").read_bytes())
    data[len(data) // 2] ^= 0x55
    (tmp_path / "p.png").write_bytes(data)
    with pytest.raises(PictureError):
        read(tmp_path / "p.png")


STRANGERS = {
    "empty.jpg": b"",
    "notes.png": b"dear diary, this is not a picture",
    "drawing.svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "paper.pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj",
    "sound.webp": b"RIFF\x24\0\0\0WAVEfmt ",
    "page.jpg": b"<!DOCTYPE html><html></html>",
    "short.jpg": b"\xff\xd8\xff",
    "short.png": b"\x89PNG\r\n\x1a\n",
    "short.webp": b"RIFF\x24\0\0\0WEBP",
    "short.tif": b"II*\0",
    "loop.tif": b"II*\0\x08\0\0\0\x01\0" + b"\xff" * 40,
    "matrix.mat": b"MATLAB 5.0 MAT-file",
    "portable.ppm": b"P6 1 1 255\n\0\0\0",
    "moving.gif": b"GIF89a\x01\0\x01\0\0\0\0;",
}


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(STRANGERS[name])
    for look in (inspect, read):
        with pytest.raises(PictureError) as error:
            look(tmp_path / name)
        sentence(error, name)


def test_a_folder_or_nothing_at_all_is_refused(tmp_path: Path):
    with pytest.raises(PictureError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(PictureError, match="no file") as error:
        read(tmp_path / "missing.jpg")
    sentence(error, "missing.jpg")
    with pytest.raises(PictureError):
        read("nul\0byte.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_does_not_hold_the_reader_up(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PictureError):
        read(tmp_path / "pipe.jpg")


def test_the_thumbnail_of_a_raw_photograph_is_not_taken_for_it(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "raw.dng", format="TIFF", tiffinfo={254: 1})
    with pytest.raises(PictureError, match="raw photograph") as error:
        read(tmp_path / "raw.dng")
    sentence(error, "raw.dng")


def test_a_header_that_claims_far_too_much_is_refused_at_once(tmp_path: Path):
    path = png(tmp_path / "bomb.png", 60000, 60000, 8, 2, b"\0" * 1000)
    assert inspect(path).width == 60000
    start = time.perf_counter()
    with pytest.raises(PictureError, match="60000 x 60000 pixels, over the limit of 100 mega") as error:
        read(path)
    assert time.perf_counter() - start < 1
    sentence(error, "bomb.png")


def test_a_header_with_impossible_numbers_is_refused(tmp_path: Path):
    for size in (0, 2**31 - 1, 2**32 - 1):
        path = png(tmp_path / "odd.png", size, size, 8, 2, b"\0")
        with pytest.raises(PictureError):
            inspect(path)


def test_the_limit_is_the_callers_then_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(Picture(smooth()), tmp_path / "p.png")
    assert read(path, max_pixels=48 * 64).pixels.shape == (48, 64, 3)
    with pytest.raises(PictureError, match="limit"):
        read(path, max_pixels=48 * 64 - 1)
    monkeypatch.setenv("CAESR_MAX_PIXELS", "3000")
    with pytest.raises(PictureError, match=r"limit of 0\.003 megapixels"):
        read(path)
    assert read(path, max_pixels=10**6).pixels.shape == (48, 64, 3)
    monkeypatch.setenv("CAESR_MAX_PIXELS", "plenty")
    with pytest.raises(PictureError, match="CAESR_MAX_PIXELS is 'plenty'"):
        read(path)


def test_broken_files_leave_nothing_on_the_screen(tmp_path: Path):
    for format in FORMATS:
        data = write(Picture(noise(40, 40, 3)), tmp_path / f"p.{format}").read_bytes()
        (tmp_path / f"p.{format}").write_bytes(data[: len(data) // 2])
    (tmp_path / "loop.tif").write_bytes(STRANGERS["loop.tif"])
    code = (
        "import sys\nfrom caesr.picture import read, PictureError\n"
        "for path in sys.argv[1:]:\n    try: read(path)\n    except PictureError: print('refused')\n"
    )
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused"] * 5
    assert done.stderr == ""


# --- writing safely -----------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "longest"), [("webp", 16383), ("jpg", 65500)])
def test_a_side_too_long_for_the_format_is_said_before(tmp_path: Path, format: str, longest: int):
    fits, beyond = np.zeros((1, longest, 3), np.uint8), np.zeros((longest + 1, 1, 3), np.uint8)
    assert inspect(write(Picture(fits), tmp_path / f"fits.{format}")).width == longest
    with pytest.raises(PictureError, match="PNG or TIFF") as error:
        write(Picture(beyond), tmp_path / f"beyond.{format}")
    sentence(error, f"beyond.{format}")
    assert not (tmp_path / f"beyond.{format}").exists()
    for other in ("png", "tif"):
        assert inspect(write(Picture(beyond), tmp_path / f"beyond.{other}")).height == longest + 1


@pytest.mark.parametrize("moment", ["encoding", "EXIF", "disk", "renaming", "stopped by hand"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str):
    path = tmp_path / "kept.tif"
    path.write_bytes(b"what was there before")
    new = Picture(smooth(), exif=photo_exif().tobytes())

    def fail(*_: object) -> None:
        raise KeyboardInterrupt if moment == "stopped by hand" else OSError(28, "No space left on device")

    def half(image: pyvips.Image, target: Path, *_: object) -> None:
        target.write_bytes(b"half a picture")
        raise pyvips.Error("unable to write")

    if moment == "encoding":
        monkeypatch.setattr(picture, "_save", half)
    elif moment == "EXIF":
        monkeypatch.setattr(tiff_exif, "add", fail)
    elif moment == "renaming":
        monkeypatch.setattr(Path, "replace", fail)
    else:
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt if moment == "stopped by hand" else PictureError) as error:
        write(new, path)
    monkeypatch.undo()
    if moment != "stopped by hand":
        sentence(error, "kept.tif")
    assert path.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]
    write(new, path)
    np.testing.assert_array_equal(read(path).pixels, smooth())
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path):
    """A limit on the size of files stands for the disk, in a process of its own."""
    code = (
        "import resource, signal, sys, numpy as np\nfrom caesr.picture import Picture, write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)\n"
        "for name in sys.argv[1:]:\n    try: write(Picture(pixels), name)\n"
        "    except ValueError as error: print(error)\n"
    )
    pytest.importorskip("resource")
    names = [str(tmp_path / f"p.{format}") for format in FORMATS]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines] == [f"{name} cannot be written" for name in names]
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_to_are_said(tmp_path: Path):
    with pytest.raises(PictureError, match=r"nowhere.*No such file"):
        write(Picture(smooth()), tmp_path / "nowhere" / "p.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PictureError, match="cannot be written"):
        write(Picture(smooth()), tmp_path / "folder.png")
    with pytest.raises(PictureError, match="too long"):
        write(Picture(smooth()), tmp_path / ("x" * 300 + ".png"))
    with pytest.raises(PictureError, match="cannot be written"):
        write(Picture(smooth()), Path(__file__) / "p.png")
    with pytest.raises(PictureError, match="too long"):
        read(tmp_path / ("x" * 300 + ".png"))
    assert list(tmp_path.iterdir()) == [tmp_path / "folder.png"]


@pytest.mark.parametrize("name", ["p.gif", "p", "p.bmp", "png"])
def test_an_unknown_format_is_refused(tmp_path: Path, name: str):
    with pytest.raises(PictureError, match=r"\.jpg, \.png, \.webp or \.tif"):
        write(Picture(smooth()), tmp_path / name)
    with pytest.raises(PictureError):
        write(Picture(smooth()), tmp_path / "p.png", format="heic")


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_is_refused(tmp_path: Path, quality: int):
    with pytest.raises(PictureError, match="1 to 100"):
        write(Picture(smooth()), tmp_path / "p.jpg", quality=quality)


def test_a_new_file_has_the_usual_permissions(tmp_path: Path):
    (tmp_path / "plain").touch()
    path = write(Picture(smooth()), tmp_path / "p.png")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
