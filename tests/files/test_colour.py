"""Colours of picture files: with a profile, without one, and of inks."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from caesr.files.colour.icc import BT709
from caesr.files.picture import Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from tests.colour_files import ADOBE, P3, SRGB_CHUNK, chrm, cicp, gama, iccp, make_avif, make_bmp
from tests.pictures import FORMATS, check_message, make_png, make_profile, noise, smooth
from tests.tiffs import make_tiff

LEVELS = np.array([0, 3, 20, 64, 128, 200, 255], np.uint8)


def read_png(folder: Path, extra: bytes, colour_type: int = 2) -> Picture[np.ndarray]:
    """Read a PNG with these chunks: a row of grey levels."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    row = LEVELS[:, None].repeat(channels, axis=1).tobytes()
    (folder / "p.png").write_bytes(make_png(len(LEVELS), 1, zlib.compress(b"\0" + row), 8, colour_type, extra))
    return read_picture(folder / "p.png")


def to_srgb(icc: bytes, colours: np.ndarray) -> np.ndarray:
    """Return what a profile makes of colours (N, 3), or grey values (N,), in sRGB."""
    mode = "L" if colours.ndim == 1 else "RGB"
    image = Image.fromarray(np.ascontiguousarray(colours[None], np.uint8))
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    assert image.mode == mode
    srgb, exact = ImageCms.createProfile("sRGB"), ImageCms.Flags.NOOPTIMIZE
    shown = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB", flags=exact)
    return np.asarray(shown)[0].astype(int)


def encode_srgb(linear: np.ndarray) -> np.ndarray:
    """Return values of sRGB, 0 to 255, of linear light."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


# --- PNG without a profile ----------------------------------------------------------------------


@pytest.mark.parametrize("colour_type", [0, 2, 4, 6])
@pytest.mark.parametrize(("chunks", "power"), [
    (gama(1.0), 1.0),
    (gama(1 / 1.8), 1.8),
    (gama(1 / 1.8) + chrm(P3), 1.8),
    (gama(0.45455) + chrm(BT709), 2.2),
    (cicp(1, 8, 0, 1), 1.0),
    (cicp(1, 4, 0, 1), 2.2),
    (cicp(9, 1, 0, 1), 2.4),
    (cicp(9, 14, 0, 1), 2.4),
])  # fmt: skip
def test_grey_of_a_gamma_is_as_bright_in_the_result(tmp_path: Path, chunks: bytes, power: float, colour_type: int):
    picture = read_png(tmp_path, chunks, colour_type)
    assert picture.icc
    assert picture.icc[16:20] == (b"GRAY" if colour_type in (0, 4) else b"RGB ")
    np.testing.assert_array_equal(picture.pixels[0, :, 0], LEVELS)
    levels = LEVELS if colour_type in (0, 4) else LEVELS[:, None].repeat(3, axis=1)
    expected = encode_srgb((LEVELS / 255) ** power)
    assert np.abs(to_srgb(picture.icc, levels) - expected[:, None]).max() <= 1.5
    assert not picture.notes


@pytest.mark.parametrize(
    "chunks",
    [
        b"",
        SRGB_CHUNK,
        gama(0.45455),
        SRGB_CHUNK + gama(1.0) + chrm(P3),
        cicp(1, 13, 0, 1),
        cicp(1, 13, 0, 1) + gama(1.0),
        cicp(1, 13, 0, 1) + iccp(make_profile()),
    ],
)
def test_what_says_srgb_needs_no_profile(tmp_path: Path, chunks: bytes):
    picture = read_png(tmp_path, chunks)
    assert picture.icc is None
    assert not picture.notes


def test_a_profile_comes_before_gamma_and_after_code_points(tmp_path: Path):
    icc = make_profile()
    assert read_png(tmp_path, iccp(icc) + gama(1.0) + chrm(ADOBE)).icc == icc
    assert read_png(tmp_path, iccp(icc) + SRGB_CHUNK).icc == icc
    chosen = read_png(tmp_path, cicp(12, 13, 0, 1) + iccp(icc)).icc
    assert chosen == read_png(tmp_path, cicp(12, 13, 0, 1)).icc
    assert chosen != icc


@pytest.mark.parametrize(
    ("chunks", "primaries"),
    [(cicp(12, 13, 0, 1), P3), (gama(1 / 2.2) + chrm(P3), P3), (gama(1 / 2.2) + chrm(ADOBE), ADOBE)],
)
def test_primaries_are_those_of_the_profile(tmp_path: Path, chunks: bytes, primaries: tuple[float, ...]):
    icc = read_png(tmp_path, chunks).icc
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
    for channel, name in enumerate(("red", "green", "blue")):
        xyz = np.array(getattr(profile, f"{name}_colorant")[0])
        adapted = np.array([[0.9555766, -0.0230393, 0.0631636], [-0.0282895, 1.0099416, 0.0210077],
                            [0.0122982, -0.0204830, 1.3299098]]) @ xyz  # fmt: skip
        np.testing.assert_allclose(adapted[:2] / adapted.sum(), primaries[2 * channel :][:2], atol=0.002)


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("colour_type", [0, 6])
def test_the_profile_made_of_a_gamma_is_in_every_format(tmp_path: Path, target: str, colour_type: int):
    source = read_png(tmp_path, gama(1.0), colour_type)
    path = write_picture(source, tmp_path / f"out.{target}", quality=100)
    back = read_picture(path)
    if target == "webp" and colour_type == 0:  # which has no grey
        np.testing.assert_array_equal(back.pixels[0], LEVELS[:, None].repeat(3, axis=1))
        seen = to_srgb(back.icc, back.pixels[0])
        assert np.abs(seen - encode_srgb(LEVELS / 255)[:, None]).max() <= 1.5
    else:
        assert back.icc == source.icc


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused_by_its_name(tmp_path: Path, transfer: int, name: str):
    with pytest.raises(PictureError, match=rf"HDR picture \({name}\)") as error:
        read_png(tmp_path, cicp(9, transfer, 0, 1))
    check_message(error, "p.png")
    with pytest.raises(PictureError, match=name):
        inspect(tmp_path / "p.png")


@pytest.mark.parametrize(
    "chunk", [cicp(12, 13, 1, 1), cicp(12, 13, 0, 0), cicp(2, 2, 0, 1), cicp(12, 99, 0, 1), cicp(77, 13, 0, 1)]
)
def test_code_points_that_a_png_may_not_have_are_left_out_and_said(tmp_path: Path, chunk: bytes):
    picture = read_png(tmp_path, chunk + gama(1.0))
    assert picture.icc == read_png(tmp_path, gama(1.0)).icc  # what comes next counts
    assert len(picture.notes) == 1
    assert "cICP" in picture.notes[0]


@pytest.mark.parametrize(
    "chunks", [gama(0), gama(1000), gama(1.0) + chrm((0,) * 8), gama(1.0) + chrm((0.3,) * 8), chrm(P3)]
)
def test_numbers_that_mean_no_colours_are_left_out_and_said(tmp_path: Path, chunks: bytes):
    picture = read_png(tmp_path, chunks)
    assert picture.icc is None
    assert len(picture.notes) == 1


def test_a_chunk_with_a_wrong_checksum_counts_as_missing(tmp_path: Path):
    assert read_png(tmp_path, gama(1.0)[:-1] + b"\0").icc is None


# --- profiles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    ("icc", "said"),
    [
        (make_profile("GRAY"), "is for GRAY"),
        (bytes(pyvips.Image.profile_load("cmyk")), "is for CMYK"),
        (make_profile()[:300], "is damaged"),
        (b"no profile at all", "is damaged"),
    ],
)
def test_a_profile_that_does_not_fit_is_left_out_and_said(tmp_path: Path, format: str, icc: bytes, said: str):
    Image.fromarray(smooth()).save(tmp_path / f"p.{format}", icc_profile=icc)
    picture = read_picture(tmp_path / f"p.{format}")
    assert picture.icc is None
    if format != "png":  # whose decoder leaves it out itself
        assert len(picture.notes) == 1
        assert said in picture.notes[0]


def test_a_profile_for_colours_is_left_out_of_a_grey_picture_and_said(tmp_path: Path):
    Image.fromarray(noise(8, 8)).save(tmp_path / "grey.jpg", icc_profile=make_profile())
    picture = read_picture(tmp_path / "grey.jpg")
    assert picture.icc is None
    assert "is for RGB, not for its pixels" in picture.notes[0]


# --- inks and other kinds of JPEG ---------------------------------------------------------------


def inks() -> np.ndarray:
    """Return white paper on the left, and magenta with yellow, which is red, on the right."""
    cmyk = np.zeros((16, 32, 4), np.uint8)
    cmyk[:, 16:, 1:3] = 255
    return cmyk


def check_red_on_paper(pixels: np.ndarray) -> None:
    """Check that a picture is white and red."""
    assert pixels[8, 4].min() > 245
    assert pixels[8, 28, 0] > 200
    assert pixels[8, 28, 1:].max() < 60


@pytest.mark.parametrize("name", ["inks.jpg", "inks.tif"])
def test_inks_without_a_profile_are_guessed_and_said(tmp_path: Path, name: str):
    Image.fromarray(inks(), "CMYK").save(tmp_path / name, quality=100)
    picture = read_picture(tmp_path / name)
    check_red_on_paper(picture.pixels)
    assert picture.icc is None
    assert list(picture.notes) == ["It is CMYK without a profile of its inks; a common one for print was taken."]


def test_inks_with_a_profile_need_no_note(tmp_path: Path):
    icc = bytes(pyvips.Image.profile_load("cmyk"))
    Image.fromarray(inks(), "CMYK").save(tmp_path / "inks.jpg", icc_profile=icc, quality=100)
    assert not read_picture(tmp_path / "inks.jpg").notes
    Image.fromarray(inks(), "CMYK").save(tmp_path / "inks.jpg", icc_profile=make_profile(), quality=100)
    picture = read_picture(tmp_path / "inks.jpg")
    check_red_on_paper(picture.pixels)
    assert len(picture.notes) == 2
    assert "is for RGB" in picture.notes[0]


def test_inks_of_a_jpeg_are_inverted_with_and_without_the_marker_of_adobe(tmp_path: Path):
    """As browsers, Pillow and ImageMagick read them."""
    Image.fromarray(inks(), "CMYK").save(tmp_path / "marker.jpg", quality=100)
    data = (tmp_path / "marker.jpg").read_bytes()
    start = data.index(b"\xff\xee")
    (tmp_path / "none.jpg").write_bytes(data[:start] + data[start + 16 :])
    for name in ("marker.jpg", "none.jpg"):
        check_red_on_paper(read_picture(tmp_path / name).pixels)


def test_a_jpeg_of_rgb_is_not_taken_for_ycbcr(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "rgb.jpg", quality=100, keep_rgb=True)
    assert np.abs(read_picture(tmp_path / "rgb.jpg").pixels.astype(int) - smooth()).max() <= 2


def test_exif_that_names_adobe_rgb_without_a_profile_is_said(tmp_path: Path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}
    Image.fromarray(smooth()).save(tmp_path / "p.jpg", exif=exif)
    picture = read_picture(tmp_path / "p.jpg")
    assert picture.icc is None
    assert "Adobe RGB" in " ".join(picture.notes)


# --- other formats without a profile ------------------------------------------------------------


def test_the_primaries_and_the_curve_of_a_tiff_become_a_profile(tmp_path: Path):
    path, pixels = tmp_path / "p.tif", np.repeat(LEVELS[None, :, None], 3, axis=2).astype(int)
    path.write_bytes(make_tiff(pixels, 2, {318: list(P3[6:]), 319: list(P3[:6])}))
    icc = read_picture(path).icc
    assert np.abs(to_srgb(icc, pixels[0]) - encode_srgb((LEVELS / 255) ** 2.2)[:, None]).max() <= 1.5
    path.write_bytes(make_tiff(pixels, 2, {318: list(BT709[6:]), 319: list(BT709[:6])}))
    assert read_picture(path).icc is None
    for tables, channels, photometric in ((1, 1, 1), (1, 3, 2), (3, 3, 2)):
        curve = np.rint(np.linspace(0, 1, 256) ** 1.5 * 65535).astype(int).tolist()
        path.write_bytes(make_tiff(pixels[..., :channels], photometric, {301: curve * tables}))
        icc, levels = read_picture(path).icc, pixels[0] if channels == 3 else LEVELS
        assert np.abs(to_srgb(icc, levels) - encode_srgb((LEVELS / 255) ** 1.5)[:, None]).max() <= 1.5


def test_calibrated_colours_of_a_bmp_are_left_out_and_said(tmp_path: Path):
    """Browsers take no notice of them, so a profile would make the result look otherwise than the picture."""
    row = LEVELS[None, :, None].repeat(3, axis=2)
    srgb = [0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505]
    wide = [0.4866, 0.2290, 0.0, 0.2657, 0.6917, 0.0451, 0.1982, 0.0793, 1.0439]
    for points, gamma, space, said in [
        (srgb, 1.5, 0, 1),
        (wide, 2.2, 0, 1),
        (srgb, 2.2, 0, 0),
        ([0.0] * 9, 0.0, 0, 0),
        (wide, 1.5, 0x73524742, 0),  # "sRGB"
    ]:
        (tmp_path / "p.bmp").write_bytes(make_bmp(row, points, gamma, space))
        picture = read_picture(tmp_path / "p.bmp")
        assert picture.icc is None
        assert len(picture.notes) == said


@pytest.mark.parametrize(
    ("points", "power", "is_wide"), [((12, 13), None, True), ((1, 8), 1.0, False), ((1, 1), None, False)]
)
def test_code_points_of_an_avif_become_a_profile(
    tmp_path: Path, points: tuple[int, int], power: float | None, is_wide: bool
):
    data = make_avif(smooth(), points)
    (tmp_path / "p.avif").write_bytes(data)
    icc = read_picture(tmp_path / "p.avif").icc
    assert (icc is not None) == (is_wide or power is not None)
    if power:
        seen = to_srgb(icc, LEVELS[:, None].repeat(3, axis=1))
        assert np.abs(seen - encode_srgb((LEVELS / 255) ** power)[:, None]).max() <= 1.5


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_an_avif_of_hdr_is_refused_by_its_name(tmp_path: Path, transfer: int, name: str):
    (tmp_path / "p.avif").write_bytes(make_avif(smooth(), (9, transfer)))
    with pytest.raises(PictureError, match=rf"HDR picture \({name}\)"):
        inspect(tmp_path / "p.avif")
