"""TIFFs of every kind of pixels: what the tags say decides, not the number of channels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr.files.picture import Picture, PictureError
from caesr.files.read import inspect, read_picture
from tests.pictures import check_message, noise
from tests.tiffs import DEFLATE, Tags, assemble, make_tiff

pytestmark = pytest.mark.slow

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, CIE_LAB, ICC_LAB, ITU_LAB = 0, 1, 2, 3, 4, 5, 6, 8, 9, 10
EXTRA_SAMPLES, UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 338, 0, 1, 2
HEIGHT, WIDTH = 19, 37


def read(folder: Path, data: bytes) -> Picture[np.ndarray]:
    """Read a file with these bytes."""
    (folder / "p.tif").write_bytes(data)
    picture = read_picture(folder / "p.tif")
    info = inspect(folder / "p.tif")
    assert (info.height, info.width, info.depth) == (*picture.pixels.shape[:2], 8 * picture.pixels.dtype.itemsize)
    return picture


def samples(channels: int, bits: int = 8) -> np.ndarray:
    """Return random samples of so many bits."""
    return noise(HEIGHT, WIDTH, channels, dtype=np.uint16).astype(int) >> (16 - bits)


def spread(values: np.ndarray, bits: int) -> np.ndarray:
    """Return samples of so many bits as 8 or 16."""
    white = 255 if bits <= 8 else 65535
    return np.floor(values * white / ((1 << bits) - 1) + 0.5).astype(np.uint8 if bits <= 8 else np.uint16)


# --- where samples lie --------------------------------------------------------------------------

LAYOUTS: dict[str, dict] = {
    "strips": {},
    "one strip": {"rows": HEIGHT},
    "big endian": {"order": ">"},
    "BigTIFF": {"big": True},
    "BigTIFF, big endian": {"big": True, "order": ">"},
    "tiles": {"tile": (16, 32)},
    "planes": {"planar": True},
    "planes of one strip": {"planar": True, "rows": HEIGHT},
    "planes of tiles": {"planar": True, "tile": (16, 16)},
    "planes of tiles in a BigTIFF": {"planar": True, "tile": (16, 16), "big": True, "order": ">"},
    "deflated": {"compression": DEFLATE},
    "deflated planes": {"compression": DEFLATE, "planar": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bits", [8, 16, 12])
@pytest.mark.parametrize(("photometric", "channels"), [(BLACK_IS_ZERO, 1), (WHITE_IS_ZERO, 1), (RGB, 3), (RGB, 4)])
def test_samples_are_found_wherever_they_lie(tmp_path: Path, layout: str, bits: int, photometric: int, channels: int):
    if bits == 12 and "tile" in LAYOUTS[layout]:
        pytest.skip("libvips wants tiles of multiples of 16 bytes; see below")
    values = samples(channels, bits)
    tags: Tags = {EXTRA_SAMPLES: [UNASSOCIATED]} if channels == 4 else {}
    picture = read(tmp_path, make_tiff(values, photometric, tags, bits, **LAYOUTS[layout]))
    expected = (1 << bits) - 1 - values if photometric == WHITE_IS_ZERO else values
    np.testing.assert_array_equal(picture.pixels, spread(expected, bits))
    assert not picture.notes


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15])
@pytest.mark.parametrize(("photometric", "channels"), [(BLACK_IS_ZERO, 1), (WHITE_IS_ZERO, 2), (RGB, 3), (RGB, 5)])
def test_samples_of_any_number_of_bits_are_spread_over_8_or_16(
    tmp_path: Path, bits: int, photometric: int, channels: int
):
    values = samples(channels, bits)
    extras = [UNASSOCIATED, UNSPECIFIED][: channels - (3 if photometric == RGB else 1)]
    tags: Tags = {EXTRA_SAMPLES: extras} if extras else {}
    for planar in (False, True) if bits in (1, 4, 12) else (False,):
        picture = read(tmp_path, make_tiff(values, photometric, tags, bits, planar=planar))
        expected = values[..., :4].copy()
        if photometric == WHITE_IS_ZERO:
            expected[..., 0] = (1 << bits) - 1 - expected[..., 0]
        np.testing.assert_array_equal(picture.pixels, spread(expected, bits))
        assert len(picture.notes) == (channels == 5)


def test_tiles_of_twelve_bits_are_put_together(tmp_path: Path):
    values = samples(3, 12)
    picture = read(tmp_path, make_tiff(values, RGB, bits=12, tile=(16, 32)))  # of 144 bytes a row
    np.testing.assert_array_equal(picture.pixels, spread(values, 12))


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_bits_in_the_order_of_faxes_are_turned_round(tmp_path: Path, bits: int):
    values = samples(1, bits)
    picture = read(tmp_path, make_tiff(values, BLACK_IS_ZERO, bits=bits, fill_order=2))
    np.testing.assert_array_equal(picture.pixels, spread(values, bits))


# --- channels beside the colours ----------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("photometric", "colours"), [(BLACK_IS_ZERO, 1), (RGB, 3)])
@pytest.mark.parametrize("planar", [False, True])
def test_a_channel_of_an_unspecified_kind_is_not_alpha(
    tmp_path: Path, bits: int, photometric: int, colours: int, planar: bool
):
    values = samples(colours + 1, bits)
    for tags in ({EXTRA_SAMPLES: [UNSPECIFIED]}, {}):
        picture = read(tmp_path, make_tiff(values, photometric, tags, bits, planar=planar))
        np.testing.assert_array_equal(picture.pixels, values[..., :colours])
        assert list(picture.notes) == [f"Its channel {colours + 1} is not transparency and is left out."]


def test_of_several_channels_beside_the_colours_the_first_alpha_counts(tmp_path: Path):
    values = samples(7)
    tags: Tags = {EXTRA_SAMPLES: [UNSPECIFIED, UNASSOCIATED, UNASSOCIATED, UNSPECIFIED]}
    picture = read(tmp_path, make_tiff(values, RGB, tags))
    np.testing.assert_array_equal(picture.pixels, values[..., [0, 1, 2, 4]])
    assert len(picture.notes) == 1
    assert "4, 6, 7" in picture.notes[0]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB])
@pytest.mark.parametrize("layout", [{}, {"planar": True}, {"tile": (16, 16)}])
def test_colours_are_divided_by_the_alpha_that_they_were_multiplied_by(
    tmp_path: Path, bits: int, photometric: int, layout: dict
):
    white, colours = (1 << bits) - 1, 3 if photometric == RGB else 1
    straight = samples(colours + 1, bits)
    straight[0], straight[1, :, -1] = white, np.linspace(1, white, WIDTH)
    straight[1, :, :-1] = white  # white stays white under every alpha
    alpha = straight[..., -1:]
    stored = np.concatenate([np.rint(straight[..., :-1] * alpha / white).astype(int), alpha], axis=-1)
    pixels = read(tmp_path, make_tiff(stored, photometric, {EXTRA_SAMPLES: [ASSOCIATED]}, bits, **layout)).pixels
    seen = pixels.astype(int)
    if photometric == WHITE_IS_ZERO:
        seen[..., 0] = white - seen[..., 0]
    np.testing.assert_array_equal(seen[..., -1:], alpha)
    np.testing.assert_array_equal(seen[:2], straight[:2])
    lost = np.where(alpha == 0, white, white / np.maximum(alpha, 1) / 2 + 0.5)  # by the rounding of what is stored
    assert (np.abs(seen[..., :-1] - straight[..., :-1]) <= lost).all()


def test_colours_under_an_alpha_of_zero_are_left_as_they_are(tmp_path: Path):
    values = samples(4)
    values[..., 3] = 0
    picture = read(tmp_path, make_tiff(values, RGB, {EXTRA_SAMPLES: [ASSOCIATED]}))
    np.testing.assert_array_equal(picture.pixels, values)


def test_many_channels_beside_grey_are_measurements_and_are_refused(tmp_path: Path):
    """Libraries for arrays write any number of channels as grey and others of an unspecified kind."""
    (tmp_path / "satellite.tif").write_bytes(make_tiff(samples(5), BLACK_IS_ZERO, {EXTRA_SAMPLES: [0] * 4}))
    with pytest.raises(PictureError, match="5 channels") as error:
        inspect(tmp_path / "satellite.tif")
    check_message(error, "satellite.tif")


# --- colours ------------------------------------------------------------------------------------


def lab_of(red: float, green: float, blue: float, white: tuple[float, float]) -> list[float]:
    """Return CIELab under a white, of which x and y are given, of a colour of sRGB; adapted by Bradford's cones."""
    value = np.array([red, green, blue]) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    cones = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source = to_xyz.sum(axis=1)
    target = np.array([white[0] / white[1], 1, (1 - white[0] - white[1]) / white[1]])
    xyz = np.linalg.solve(cones, (cones @ target) / (cones @ source) * (cones @ (to_xyz @ linear))) / target
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


COLOURS = [(255, 255, 255), (0, 0, 0), (128, 128, 128), (255, 0, 0), (0, 128, 0), (60, 60, 200), (200, 100, 50)]
D50, D65 = (0.3457, 0.3585), (0.3127, 0.3290)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("photometric", "white", "tags"), [(CIE_LAB, D50, {}), (CIE_LAB, D65, {318: [*D65]}), (ICC_LAB, D50, {})]
)
def test_both_kinds_of_lab_become_srgb(
    tmp_path: Path, bits: int, channels: int, photometric: int, white: tuple[float, float], tags: Tags
):
    unit = 1 << (bits - 8)
    most = {8: 255, 16: 65280 if photometric == ICC_LAB else 65535}[bits]
    values = np.full((1, len(COLOURS), channels), 100 * unit)
    for column, colour in enumerate(COLOURS):
        lightness, *ab = lab_of(*colour, white)
        values[0, column, 0] = round(lightness / 100 * most)
        offset = 128 if photometric == ICC_LAB else 0
        values[0, column, 1:3] = [round((value + offset) * unit) % (1 << bits) for value in ab]
    extra: Tags = {EXTRA_SAMPLES: [UNASSOCIATED]} if channels == 4 else {}
    picture = read(tmp_path, make_tiff(values, photometric, tags | extra, bits))
    seen, expected = picture.pixels[0, :, :3] / (257 if bits == 16 else 1), np.array(COLOURS)
    assert np.abs(seen - expected).max() <= (1 if bits == 16 else 7)  # 8 bits are coarse in dark colours
    np.testing.assert_array_equal(seen[0], 255)
    assert picture.pixels.shape[2] == channels
    assert picture.icc is None
    if channels == 4:
        np.testing.assert_array_equal(picture.pixels[..., 3], 100 * unit)


def test_lab_that_says_its_a_and_b_are_signed_is_read(tmp_path: Path):
    values = np.array([[[255, 0, 0], [137, 38, 46]]])
    picture = read(tmp_path, make_tiff(values, CIE_LAB, {339: [2, 2, 2]}))
    assert np.abs(picture.pixels[0].astype(int) - [[255, 255, 255], [200, 100, 50]]).max() <= 2


def test_lightness_alone_is_grey(tmp_path: Path):
    values = np.array([[[255], [0], [137]]])  # 137 is L* = 53.7, the grey value 128
    np.testing.assert_array_equal(read(tmp_path, make_tiff(values, CIE_LAB)).pixels, [[[255], [0], [128]]])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
def test_ycbcr_becomes_rgb_by_its_coefficients_and_its_range(tmp_path: Path, bits: int, planar: bool):
    red, green, blue = 0.2126, 0.7152, 0.0722
    unit = 1 << (bits - 8)
    rgb = noise(HEIGHT, WIDTH, 3).astype(float)
    luma = rgb @ [red, green, blue]
    cb, cr = (rgb[..., 2] - luma) / (2 - 2 * blue), (rgb[..., 0] - luma) / (2 - 2 * red)
    narrow = np.stack([16 + luma * 219 / 255, 128 + cb * 224 / 254, 128 + cr * 224 / 254], axis=-1)
    tags: Tags = {
        529: [red, green, blue],
        530: [1, 1],
        532: [16 * unit, 235 * unit, 128 * unit, 240 * unit, 128 * unit, 240 * unit],
    }
    picture = read(tmp_path, make_tiff(np.rint(narrow * unit).astype(int), YCBCR, tags, bits, planar=planar))
    seen = picture.pixels / ((1 << bits) - 1) * 255
    assert np.abs(seen - rgb).max() <= (2.1 if bits == 8 else 1.1)


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 6, 8])
def test_ycbcr_with_fewer_samples_of_colour_becomes_rgb(tmp_path: Path, orientation: int):
    colours = np.array(
        [[[200, 100, 50], [20, 90, 180]], [[128, 128, 128], [250, 240, 10]]], float
    )  # of blocks of 2 x 2
    luma = colours @ [0.299, 0.587, 0.114]
    cb, cr = 128 + (colours[..., 2] - luma) / 1.772, 128 + (colours[..., 0] - luma) / 1.402
    block = np.stack([luma, luma, luma, luma, cb, cr], axis=-1)
    tags: Tags = {256: [4], 257: [4], 258: [8] * 3, 259: [1], 262: [YCBCR], 277: [3], 278: [4], 284: [1], 530: [2, 2]}
    data = assemble([np.rint(block).astype(np.uint8).tobytes()], tags | {274: [orientation]})
    expected = colours.repeat(2, axis=0).repeat(2, axis=1)
    turns = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 6: lambda a: np.rot90(a, -1)}
    upright = turns.get(orientation, np.rot90)(expected)
    assert np.abs(read(tmp_path, data).pixels - upright).max() <= 2


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("extras", [[], [UNASSOCIATED], [UNSPECIFIED, UNSPECIFIED]])
def test_cmyk_loses_its_spot_colours_and_keeps_its_alpha(tmp_path: Path, bits: int, extras: list[int]):
    white = (1 << bits) - 1
    inks = np.zeros((4, 16, 4 + len(extras)), int)
    inks[:, 8:, 1:3] = white  # magenta and yellow: red
    inks[..., 4:] = white // 5
    picture = read(tmp_path, make_tiff(inks, CMYK, {EXTRA_SAMPLES: extras} if extras else {}, bits))
    seen = picture.pixels / white * 255
    assert seen.shape[2] == (4 if extras == [UNASSOCIATED] else 3)
    assert seen[0, 2, :3].min() > 250
    assert seen[0, 12, 0] > 180
    assert seen[0, 12, 1:3].max() < 80
    if extras == [UNASSOCIATED]:
        np.testing.assert_array_equal(picture.pixels[..., 3], white // 5)
    said = " ".join(picture.notes)
    assert "CMYK without a profile" in said
    assert ("5, 6" in said) == (len(extras) == 2)


def test_ink_whose_range_is_turned_round_is_read_by_it(tmp_path: Path):
    inks = samples(4)
    usual = read(tmp_path, make_tiff(inks, CMYK)).pixels
    turned = read(tmp_path, make_tiff(255 - inks, CMYK, {336: [255, 0]})).pixels
    np.testing.assert_array_equal(usual, turned)


def test_a_palette_is_read_by_its_map_of_sixteen_bits(tmp_path: Path):
    table = noise(256, 3, dtype=np.uint16).astype(int)
    values = samples(1)
    for bits, white in ((8, 255), (4, 15), (1, 1)):
        used = table[: white + 1]
        picture = read(tmp_path, make_tiff(values & white, PALETTE, {320: used.T.ravel().tolist()}, bits))
        assert np.abs(picture.pixels - used[values[..., 0] & white] / 257).max() < 1
    deep = noise(65536, 3, dtype=np.uint16).astype(int)
    values = samples(1, 16)
    picture = read(tmp_path, make_tiff(values, PALETTE, {320: deep.T.ravel().tolist()}, 16))
    np.testing.assert_array_equal(picture.pixels, deep[values[..., 0]])


# --- refused by name ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("photometric", "channels", "bits", "tags", "kind"),
    [
        (MASK, 1, 1, {}, "a transparency mask"),
        (ITU_LAB, 3, 8, {}, "ITULab"),
        (32803, 1, 16, {}, "a raw photograph (CFA)"),
        (34892, 3, 16, {}, "a raw photograph (LinearRaw)"),
        (32844, 1, 16, {}, "LogL"),
        (32845, 3, 16, {}, "LogLuv"),
        (12345, 3, 8, {}, "photometric 12345"),
        (CMYK, 5, 8, {332: [2], 334: [5]}, "other inks than CMYK"),
        (RGB, 3, 16, {339: [2, 2, 2]}, "signed integer pixels"),
        (BLACK_IS_ZERO, 1, 8, {339: [2]}, "signed integer pixels"),
        (BLACK_IS_ZERO, 1, 16, {339: [3]}, "float pixels"),
        (BLACK_IS_ZERO, 1, 24, {}, "24-bit integer pixels"),
        (RGB, 3, 32, {317: [2]}, "32-bit integer pixels"),
        (RGB, 3, 32, {317: [3], 339: [3] * 3}, "float pixels"),
        (RGB, 3, 8, {258: [5, 6, 5]}, "different numbers of bits"),
        (RGB, 3, 12, {317: [2]}, "a predictor for samples of 12 bits"),
        (RGB, 3, 8, {259: [50000]}, "Zstandard"),
        (RGB, 3, 8, {259: [34887]}, "LERC"),
        (BLACK_IS_ZERO, 1, 1, {259: [34661]}, "JBIG"),
        (RGB, 3, 8, {259: [7], 258: [12] * 3}, "JPEG of 12 bits"),
        (RGB, 3, 8, {259: [4321]}, "method 4321"),
        (CIE_LAB, 3, 12, {}, "Lab with 12 bits"),
        (RGB, 2, 8, {}, "2 channels"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_name(
    tmp_path: Path, photometric: int, channels: int, bits: int, tags: Tags, kind: str
):
    (tmp_path / "odd.tif").write_bytes(make_tiff(samples(channels, min(bits, 16)), photometric, tags, bits))
    with pytest.raises(PictureError) as error:
        inspect(tmp_path / "odd.tif")
    check_message(error, "odd.tif")
    assert kind in str(error.value)


def test_tags_that_are_damaged_end_in_a_sentence(tmp_path: Path):
    whole = make_tiff(samples(3), RGB, big=True)
    start = int.from_bytes(whole[8:16], "little")
    for data in (whole[:12], whole[:start], whole[: start + 30], whole[:8] + b"\xff" * 8 + whole[16:]):
        (tmp_path / "cut.tif").write_bytes(data)
        with pytest.raises(PictureError, match=r"cut\.tif is damaged") as error:
            read_picture(tmp_path / "cut.tif")
        check_message(error, "cut.tif")


# --- files of other programs --------------------------------------------------------------------

SAMPLES = Path(__file__).parent.parent / "samples" / "tiff"


def pixels_of(name: str) -> np.ndarray:
    """Return the pixels of a PNG among the samples, (H, W, C)."""
    with Image.open(SAMPLES / name) as image:
        pixels = np.asarray(image).astype(int)
    return pixels.reshape(*pixels.shape[:2], -1)


@pytest.mark.parametrize(
    ("name", "original", "tolerance"),
    [
        ("big.tif", "plain.png", 0),
        ("planes-of-tiles.tif", "plain.png", 0),
        ("planes-16.tif", "plain.png", 0),
        ("12-bits.tif", "plain.png", 0.1),
        ("white-is-zero.tif", "grey.png", 1),
        ("ycbcr.tif", "plain.png", 2),
        ("jpeg.tif", "plain.png", 8),
        ("lab-8.tif", "plain.png", 10),  # 8 bits are coarse, and ImageMagick rounds down
        ("lab-16.tif", "plain.png", 0.5),
        ("multiplied.tif", "clear.png", 3),  # what is left after the rounding of dark values
        ("inks-and-alpha.tif", "clear.png", 30),  # ImageMagick has a plain formula for inks
    ],
)
def test_files_of_other_programs_show_their_original(name: str, original: str, tolerance: float):
    seen, expected = read_picture(SAMPLES / name).pixels, pixels_of(original)
    assert seen.shape == expected.shape
    assert np.abs(seen / (257 if seen.dtype == np.uint16 else 1) - expected).max() <= tolerance


def test_a_compression_that_libvips_lacks_is_refused_by_its_name():
    with pytest.raises(PictureError, match=r"zstandard\.tif is compressed by Zstandard"):
        inspect(SAMPLES / "zstandard.tif")
