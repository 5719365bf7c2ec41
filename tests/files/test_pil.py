"""PIL images: every mode is right or refused in a sentence; what a file says beside its pixels stays with it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from caesr import Upscaler
from caesr.files.picture import PictureError
from caesr.files.pil import from_pil, to_pil
from caesr.files.read import read_picture
from tests.conftest import small
from tests.pictures import GPS, LENS, MAKE, ORIENTATION, make_exif, make_profile, smooth

UPSCALER = Upscaler(small(2), "cpu")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' tiff:Orientation="6" exif:GPSLatitude="52,31.2N" dc:format="a cat"/></rdf:RDF></x:xmpmeta>'
)


def rgb(height: int = 30, width: int = 40) -> Image.Image:
    return Image.fromarray(smooth(height, width))


def deep(mode: str, top: int = 65535) -> Image.Image:
    """Return a ramp of one channel up to a value."""
    values = np.linspace(0, top, 1200).round().reshape(30, 40)
    if mode in ("I", "F"):
        return Image.fromarray(values.astype(np.int32 if mode == "I" else np.float32))
    dtype = ">u2" if mode == "I;16B" else "<u2"
    return Image.frombytes(mode, (40, 30), values.astype(dtype).tobytes())


def upscaled(pixels: np.ndarray) -> np.ndarray:
    return UPSCALER(pixels, 2)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N", "I"])
def test_16_bits_of_grey_are_kept(mode):
    image = deep(mode)
    pixels = np.asarray(image).astype(np.uint16)
    result = UPSCALER(image, 2)
    assert result.mode == "I;16"
    assert np.array_equal(np.asarray(result), upscaled(pixels))
    assert len(np.unique(np.asarray(result))) > 2000


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_deep_grey_is_turned_upright_too(mode):
    image = deep(mode)
    image.info["exif"] = make_exif(6).tobytes()
    assert np.array_equal(from_pil(image), np.rot90(np.asarray(image), -1))


def test_a_16_bit_png_and_tiff_and_pgm_opened_by_pillow_stay_so(tmp_path: Path):
    pixels = np.asarray(deep("I;16"))
    for suffix in ("png", "tif", "pgm"):
        file = tmp_path / f"a.{suffix}"
        Image.fromarray(pixels).save(file)
        assert np.array_equal(np.asarray(UPSCALER(Image.open(file), 2)), upscaled(pixels)), suffix


@pytest.mark.parametrize(
    ("mode", "back"),
    [
        *(("1", "L"), ("L", "L"), ("LA", "LA"), ("La", "LA"), ("P", "RGB"), ("PA", "RGBA"), ("RGB", "RGB")),
        *(("RGBA", "RGBA"), ("RGBa", "RGBA"), ("RGBX", "RGB"), ("YCbCr", "RGB"), ("HSV", "RGB"), ("CMYK", "RGB")),
        *(("LAB", "RGB"), ("I;16", "I;16")),
    ],
)
def test_every_mode_comes_back_as_one_that_shows_the_same(mode, back):
    original = rgb().convert("L") if mode in ("1", "L", "LA", "La", "I;16") else rgb()
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            rgb(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    elif mode == "I;16":
        image = Image.fromarray(np.asarray(original).astype(np.uint16) * 257)
    else:
        premultiplied = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode)
        image = (original.convert(premultiplied) if premultiplied else original).convert(mode)
    result = to_pil(from_pil(image), image)
    assert result.mode == back
    bits = result.point(lambda v: v / 257).convert("L") if back == "I;16" else result.convert(original.mode)
    expected = original.convert("1").convert("L") if mode == "1" else original
    tolerance = {"P": 20, "PA": 20, "CMYK": 30}.get(mode, 2)  # the palette is coarse, and print has fewer colours
    assert np.abs(np.asarray(bits).astype(int) - np.asarray(expected)).mean() <= tolerance
    assert UPSCALER(image, 2).size == (80, 60)


@pytest.mark.parametrize(
    ("mode", "transparency", "back"),
    [
        ("1", 255, "LA"),
        ("L", 200, "LA"),
        ("RGB", (9, 9, 9), "RGBA"),
        ("P", 3, "RGBA"),
        ("P", b"\xff\xff\xff\0", "RGBA"),
    ],
)
def test_a_transparent_colour_becomes_alpha(mode, transparency, back):
    image = Image.new(mode, (8, 8), 3 if mode == "P" else transparency)
    other = 0 if mode == "1" else (1, 2, 3) if mode == "RGB" else 1
    image.paste(other, (0, 0, 4, 8))
    image.info["transparency"] = transparency
    result = UPSCALER(image, 2)
    assert result.mode == back
    assert np.unique(np.asarray(result)[:, :6, -1]).tolist() == [255]
    assert np.unique(np.asarray(result)[:, 10:, -1]).tolist() == [0]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image.new("F", (4, 4)), "mode F has no known black and white; convert it to L, RGB or I;16 first"),
        (Image.new("I", (4, 4), -1), "mode I has values from -1 to 0; bring them to 0 to 65535"),
        (Image.new("I", (4, 4), 70000), "values from 0 to 70000"),
    ],
)
def test_numbers_of_which_none_is_known_to_be_white_are_refused(image, words):
    with pytest.raises(PictureError, match=words):
        UPSCALER(image, 2)


def test_so_is_deep_grey_with_a_transparent_value_which_pillow_cannot_hold():
    image = deep("I;16")
    image.info["transparency"] = 1000
    with pytest.raises(PictureError, match="would need grey with alpha of 16 bits"):
        UPSCALER(image, 2)


def test_an_empty_image_is_refused():
    for mode in ("L", "RGB", "I;16", "I"):
        with pytest.raises(ValueError, match="An image of shape"):
            UPSCALER(Image.new(mode, (0, 5)), 2)


def test_cmyk_becomes_srgb_as_that_of_a_file_and_not_by_a_formula(tmp_path: Path):
    cmyk = np.stack([smooth(20, 30)[:, :, channel % 3] for channel in range(4)], axis=-1) // 2
    file = tmp_path / "a.tif"
    Image.fromarray(cmyk, mode="CMYK").save(file)
    pixels = from_pil(Image.open(file))
    assert np.array_equal(pixels, read_picture(file).pixels)
    assert np.abs(pixels.astype(int) - np.asarray(Image.open(file).convert("RGB"))).max() > 20


def test_only_the_frame_that_is_shown_is_upscaled(tmp_path: Path):
    frames = [Image.new("RGB", (12, 10), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    image = Image.open(tmp_path / "a.png")
    image.seek(2)
    assert np.array_equal(from_pil(image), np.asarray(frames[2]))


def save(image: Image.Image, file: Path, orientation: int) -> None:
    """Save an image with all that a format holds beside the pixels."""
    more = {"exif": make_exif(orientation).tobytes(), "icc_profile": make_profile(), "dpi": (300, 150)}
    if file.suffix != ".tif":
        more["xmp"] = XMP
    if file.suffix == ".png":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", "Cat & Co")
        texts.add_text("exif:GPSLatitude", "52/1")
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        more = {key: value for key, value in more.items() if key != "xmp"} | {"pnginfo": texts}
    image.save(file, **more, **({"quality": 100, "subsampling": 0} if file.suffix == ".jpg" else {}))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_opened_image_is_turned_upright_as_its_exif_says(tmp_path: Path, orientation: int):
    file = tmp_path / "a.jpg"
    save(rgb(), file, orientation)
    result = UPSCALER(Image.open(file), 2)
    assert np.array_equal(from_pil(Image.open(file)), np.asarray(ImageOps.exif_transpose(Image.open(file))))
    assert result.size == ((80, 60) if orientation < 5 else (60, 80))
    assert result.getexif()[ORIENTATION] == 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_what_an_opened_image_says_beside_its_pixels_is_in_the_result(tmp_path: Path, suffix: str):
    file = tmp_path / f"a.{suffix}"
    save(rgb(), file, 6)
    image = Image.open(file)
    before = dict(image.info)
    result = UPSCALER(image, 2)
    assert result.info["icc_profile"] == make_profile()
    exif = result.getexif()
    assert exif[MAKE] == "Camera Works"
    assert exif.get_ifd(0x8769)[LENS] == "50mm f/1.8"
    assert GPS not in exif
    assert exif.get(ORIENTATION, 1) == 1
    assert not exif.keys() & {256, 257, 258, 259, 262, 273, 277, 278, 279}  # of the file's own pixels
    if suffix in ("jpg", "png"):
        assert [round(value) for value in result.info["dpi"]] == [150, 300]  # it lay on its side
    if suffix == "png":
        assert result.info["Author"] == "Cat & Co"
        assert "exif:GPSLatitude" not in result.info
    if suffix != "tif":
        assert b"a cat" in result.info["xmp"]
        assert b"GPSLatitude" not in result.info["xmp"]
        assert b'Orientation="6"' not in result.info["xmp"]
    assert before.items() <= image.info.items()  # the image itself is as it was

    output = io.BytesIO()  # as users hand it to Pillow
    result.save(output, "JPEG", exif=result.info["exif"], icc_profile=result.info["icc_profile"])
    saved = Image.open(output)
    assert saved.info["icc_profile"] == make_profile()
    assert saved.getexif()[MAKE] == "Camera Works"
    assert saved.getexif().get_ifd(0x8769)[40962] == 60  # pixels wide


def test_a_profile_of_other_colours_is_left_out():
    image = rgb()
    for profile, mode, kept in (
        (make_profile("GRAY"), "RGB", False),
        (make_profile("GRAY"), "L", True),
        (b"junk", "L", False),
    ):
        source = image.convert(mode)
        source.info["icc_profile"] = profile
        assert ("icc_profile" in UPSCALER(source, 1).info) == kept


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_metadata_cost_only_themselves(exif: bytes):
    image = rgb()
    image.info |= {"exif": exif, "xmp": b"<x", "icc_profile": b"\0"}
    assert from_pil(image).shape == (30, 40, 3)
    assert "xmp" not in to_pil(from_pil(image), image).info


def test_entries_of_another_type_cost_only_themselves():
    image = rgb()
    image.info |= {"exif": "no bytes", "xmp": ("a", "b"), "icc_profile": 7, (1, 2): "a key that is no text"}
    assert not to_pil(from_pil(image), image).info
    other = rgb()
    other.getexif()[ORIENTATION] = "6"
    assert from_pil(other).shape == (30, 40, 3)
