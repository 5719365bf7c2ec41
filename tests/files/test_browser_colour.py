"""Colours in Chromium: a picture without a profile and what is written of it look the same, pixel by pixel."""

import base64
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from caesr.files.colour.icc import BT709
from caesr.files.read import read_picture
from caesr.files.write import write_picture
from tests.colour_files import ADOBE, P3, SRGB_CHUNK, chrm, cicp, gama, iccp, make_avif, make_bmp
from tests.pictures import make_png, make_profile

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDE = 16  # pixels of a patch of one colour, of which the middle is compared: JPEG blurs the edges
COLOURS = np.array(list(product((0, 50, 128, 200, 255), repeat=3)), np.uint8).reshape(5, 25, 3)
# One level of what is stored is many on the screen where a curve is steep, in dark colours, or a gamut is wide. Lossy
# formats change levels, so only colours within every gamut are compared there.
MILD_COLOURS = np.array(list(product((130, 140, 150, 160, 170), repeat=3)), np.uint8).reshape(5, 25, 3)
LOSSY, LOSSY_TOLERANCE = ("jpg", "avif"), 4  # levels of 255
TYPES = {"jpg": "jpeg"}
# Draws a picture on a canvas, which is sRGB, and returns the values in the middle of each patch.
DRAW = """async ([address, side]) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const values = [];
    for (let y = side / 2; y < image.height; y += side)
        for (let x = side / 2; x < image.width; x += side)
            values.push(...context.getImageData(x, y, 1, 1).data);
    return values;
}"""
XYZ = [0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505]  # of the primaries of sRGB
WIDE = make_profile()

CHUNKS = {
    "nothing": b"",
    "sRGB": SRGB_CHUNK,
    "gamma of sRGB": gama(0.45455),
    "gamma nearly that of sRGB": gama(0.47),
    "gamma 1": gama(1.0),
    "gamma 1.8": gama(1 / 1.8),
    "gamma and primaries of sRGB": gama(0.45455) + chrm(BT709),
    "primaries of Adobe RGB": gama(256 / 563) + chrm(ADOBE),
    "primaries of P3, gamma 1.8": gama(1 / 1.8) + chrm(P3),
    "primaries of P3, linear": gama(1.0) + chrm(P3),
    "primaries without a gamma": chrm(P3),
    "code points of sRGB": cicp(1, 13, 0, 1),
    "code points of P3": cicp(12, 13, 0, 1),
    "code points of DCI-P3": cicp(11, 13, 0, 1),
    "code points of BT.709": cicp(1, 1, 0, 1),
    "code points of BT.2020": cicp(9, 14, 0, 1),
    "code points of BT.2020, sRGB": cicp(9, 13, 0, 1),
    "code points of PAL": cicp(5, 5, 0, 1),
    "code points of NTSC": cicp(4, 4, 0, 1),
    "code points of BT.601": cicp(6, 6, 0, 1),
    "code points of light": cicp(1, 8, 0, 1),
    "profile": iccp(WIDE),
    "code points before a profile": cicp(1, 13, 0, 1) + iccp(WIDE),
    "code points before all": cicp(12, 13, 0, 1) + iccp(make_profile()) + gama(1.0) + chrm(ADOBE),
    "code points before sRGB": cicp(12, 13, 0, 1) + SRGB_CHUNK,
    "profile before sRGB": iccp(WIDE) + SRGB_CHUNK,
    "profile before gamma": iccp(WIDE) + gama(1.0) + chrm(ADOBE),
    "sRGB before gamma": SRGB_CHUNK + gama(1.0) + chrm(P3),
}


@pytest.fixture(scope="module")
def tab(session_browser) -> Page:
    """Return an empty page for all tests here."""
    context = session_browser.new_context()
    yield context.new_page()
    context.close()


def see(tab: Page, path: Path) -> np.ndarray:
    """Return what Chromium shows in the middle of each patch: (5, 25, 4), values of sRGB and alpha."""
    kind = path.suffix[1:]
    data = base64.b64encode(path.read_bytes()).decode()
    values = tab.evaluate(DRAW, [f"data:image/{TYPES.get(kind, kind)};base64,{data}", SIDE])
    return np.array(values).reshape(5, 25, 4)


def enlarge(patches: np.ndarray) -> np.ndarray:
    """Return a picture of patches, each a pixel of (5, 25, C)."""
    return patches.repeat(SIDE, axis=0).repeat(SIDE, axis=1)


def make_patches(extra: bytes, colour_type: int = 2, depth: int = 8, mild: bool = False) -> bytes:
    """Return a PNG of patches with these chunks: grey (0), RGB (2), grey with alpha (4) or RGBA (6)."""
    patches = (MILD_COLOURS if mild else COLOURS)[..., : 1 if colour_type in (0, 4) else 3]
    if colour_type >= 4:
        patches = np.concatenate([patches, np.full_like(patches[..., :1], 255)], axis=-1)
    pixels = enlarge(patches).astype(f">u{depth // 8}") * (257 if depth == 16 else 1)
    pixels = pixels.astype(f">u{depth // 8}")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return make_png(25 * SIDE, 5 * SIDE, zlib.compress(rows), depth, colour_type, extra)


def check_same(tab: Page, source: Path, targets: list[str], tolerance: int = 2) -> None:
    """Check that Chromium shows a file and what is written of it alike, within so many levels."""
    shown, picture = see(tab, source), read_picture(source)
    for target in targets:
        written = write_picture(picture, source.with_name(f"result.{target}"), quality=100)
        difference = np.abs(see(tab, written) - shown)
        assert difference.max() <= (LOSSY_TOLERANCE if target in LOSSY else tolerance), target


@pytest.mark.parametrize("name", CHUNKS)
def test_a_png_and_its_results_look_the_same(tmp_path: Path, tab: Page, name: str):
    (tmp_path / "p.png").write_bytes(make_patches(CHUNKS[name]))
    check_same(tab, tmp_path / "p.png", ["png", "webp"])
    (tmp_path / "mild.png").write_bytes(make_patches(CHUNKS[name], mild=True))
    check_same(tab, tmp_path / "mild.png", ["jpg", "avif"])


@pytest.mark.parametrize("colour_type", [0, 4, 6])
@pytest.mark.parametrize("name", ["gamma 1", "primaries of P3, gamma 1.8", "code points of BT.709"])
def test_grey_and_transparent_png_and_their_results_look_the_same(
    tmp_path: Path, tab: Page, name: str, colour_type: int
):
    for depth in (8, 16):
        (tmp_path / "p.png").write_bytes(make_patches(CHUNKS[name], colour_type, depth))
        check_same(tab, tmp_path / "p.png", ["png", "webp"])
        (tmp_path / "mild.png").write_bytes(make_patches(CHUNKS[name], colour_type, depth, mild=True))
        check_same(tab, tmp_path / "mild.png", ["jpg"])


def test_the_comparison_sees_colours_that_differ(tmp_path: Path, tab: Page):
    """Without the chunks the same numbers look otherwise."""
    for name in ("gamma 1", "code points of P3"):
        (tmp_path / "p.png").write_bytes(make_patches(CHUNKS[name]))
        (tmp_path / "plain.png").write_bytes(make_patches(b""))
        assert np.abs(see(tab, tmp_path / "p.png") - see(tab, tmp_path / "plain.png")).max() > 20


@pytest.mark.parametrize("points", [(1, 13), (12, 13), (9, 13), (1, 1), (9, 1), (1, 8), (5, 4)])
def test_an_avif_and_its_results_look_the_same(tmp_path: Path, tab: Page, points: tuple[int, int]):
    (tmp_path / "p.avif").write_bytes(make_avif(enlarge(MILD_COLOURS), points))
    check_same(tab, tmp_path / "p.avif", ["png", "jpg", "webp"], tolerance=4)  # decoders of AVIF round otherwise


def test_inks_and_their_results_look_alike(tmp_path: Path, tab: Page):
    """Chromium converts inks without a profile as if they were the opposite of RGB; paper and black agree."""
    inks = np.zeros((5, 25, 4), np.uint8)
    inks[:, 12:] = 255
    Image.fromarray(enlarge(inks), "CMYK").save(tmp_path / "p.jpg", quality=100)
    shown = see(tab, tmp_path / "p.jpg")
    seen = read_picture(tmp_path / "p.jpg").pixels[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE].astype(int)
    assert np.abs(seen - shown[..., :3]).max() <= 25


@pytest.mark.parametrize(("points", "gamma"), [([0.0] * 9, 0.0), (XYZ, 2.2), (XYZ, 1.0)])
def test_a_bmp_and_its_results_look_the_same(tmp_path: Path, tab: Page, points: list[float], gamma: float):
    (tmp_path / "p.bmp").write_bytes(make_bmp(enlarge(COLOURS), points, gamma))
    check_same(tab, tmp_path / "p.bmp", ["png", "jpg", "webp"])
