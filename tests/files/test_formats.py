"""Kinds of files: recognised by content, read if they are pictures, else refused by name; what is left out of them."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

from caesr.files.decoders.heif import read_heif
from caesr.files.decoders.jxl import read_jxl
from caesr.files.decoders.memory import decoder_memory
from caesr.files.formats import recognise
from caesr.files.picture import PictureError
from caesr.files.read import inspect, open_image, open_picture, read_picture
from tests.conftest import ROOT
from tests.pictures import check_message, make_exif, make_profile, noise, smooth

SAMPLES = ROOT / "tests" / "samples" / "formats"
PACKAGES = {".heic": "pillow_heif", ".jxl": "pillow_jxl"}


def sample(name: str) -> Path:
    """Return a file of another program; a test of one for which the package is missing is skipped."""
    package = PACKAGES.get(Path(name).suffix)
    if package:
        pytest.importorskip(package)
    return SAMPLES / name


def pixels_of(name: str) -> np.ndarray:
    """Return the pixels of a PNG from which other samples were made, (48, 64, C)."""
    return read_picture(SAMPLES / name).pixels


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference of two pictures, of 0 to 255."""
    scales = [255 / np.iinfo(pixels.dtype).max for pixels in (one, other)]
    return float(np.abs(one * scales[0] - other * scales[1]).mean())


def encode(pixels: np.ndarray, format: str, **options: object) -> bytes:
    """Return a file made by Pillow."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


# --- recognised, or refused by name ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["p.jfif", "p.jpe", "p.mpo", "p.txt", "p", "p.svg"])
@pytest.mark.parametrize("format", ["JPEG", "BMP", "AVIF"])
def test_a_picture_is_read_whatever_its_name_says(tmp_path: Path, name: str, format: str):
    (tmp_path / name).write_bytes(encode(smooth(), format))
    assert inspect(tmp_path / name).format == {"JPEG": "jpg"}.get(format, format.lower())
    assert difference(read_picture(tmp_path / name).pixels, smooth()) < 6


OTHER_KINDS = {
    "an SVG drawing": b'<?xml version="1.0"?>\n<!-- by hand --><svg xmlns="http://www.w3.org/2000/svg" width="9"/>',
    "a PDF document": b"%PDF-1.7\n1 0 obj",
    "a Photoshop document": b"8BPS\0\1" + bytes(30),
    "a JPEG 2000 picture": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(30),
    "an OpenEXR picture": b"\x76\x2f\x31\x01" + bytes(30),
    "a portable anymap": b"P6 1 1 255\n\0\0\0",
    "an icon": b"\0\0\1\0\1\0\x20\x20\0\0\1\0\x20\0" + bytes(30),
    "a Windows metafile": b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(30),
    "a raw photograph": b"FUJIFILMCCD-RAW 0201",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
    "a web page": b"\n<!-- saved --><html><head><title>403</title>",
    "a file of XML": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "a file of JSON": b'{"message": "Not Found"}',
    "a video": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(30),
    "a sound": b"RIFF\x24\0\0\0WAVEfmt ",
    "an archive": b"PK\3\4" + bytes(30),
    "a macOS file of attributes": b"\0\5\x16\7" + bytes(30),
    "full of zeros": bytes(5000),
    "a text": "Liebes Tagebuch, dies ist kein Bild – 不是图片.".encode(),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_named(tmp_path: Path, kind: str):
    (tmp_path / "p.jpg").write_bytes(OTHER_KINDS[kind])
    assert recognise(OTHER_KINDS[kind]) is None
    for read in (inspect, read_picture):
        with pytest.raises(PictureError, match=rf"p\.jpg is {kind}") as error:
            read(tmp_path / "p.jpg")
        check_message(error, "p.jpg")


def test_no_beginning_of_a_file_takes_long_to_recognise(tmp_path: Path):
    for part in (b"<!--a-->", b"<?xml ?>", b"<!", b" ", b"\xef\xbb\xbf", b"[[", b"ftyp"):
        (tmp_path / "p.jpg").write_bytes(b"<!" + part * (65536 // len(part)))
        with pytest.raises(PictureError, match=r"p\.jpg is"):
            inspect(tmp_path / "p.jpg")


@pytest.mark.parametrize(("name", "extra"), [("photo.heic", "heic"), ("plain.jxl", "jxl")])
def test_without_the_package_the_refusal_names_the_extra(monkeypatch: pytest.MonkeyPatch, name: str, extra: str):
    monkeypatch.setitem(sys.modules, PACKAGES[f".{extra}"], None)
    with pytest.raises(PictureError, match=rf"{name} .* run: pip install 'caesr\[{extra}\]', or") as error:
        inspect(SAMPLES / name)
    check_message(error, name)


# --- BMP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "most"), [("os2.bmp", 0), ("rle8.bmp", 5), ("rgb565.bmp", 5), ("palette4.bmp", 15)])
def test_kinds_of_bmp_are_read(name: str, most: float):
    info = inspect(sample(name))
    assert (info.width, info.height, info.mode, info.depth, info.format) == (64, 48, "colour", 8, "bmp")
    assert difference(read_picture(sample(name)).pixels, pixels_of("plain.png")) <= most


def test_alpha_of_a_bmp_is_read():
    pixels = read_picture(sample("alpha.bmp")).pixels
    np.testing.assert_array_equal(pixels, pixels_of("alpha.png"))
    assert len(np.unique(pixels[..., 3])) > 20


def make_bmp(pixels: np.ndarray, bits: int = 32, top_down: bool = False, **header: object) -> bytes:
    """Return a BMP with the header of version 5: BITFIELDS of BGRA, or BGR.

    Args:
        pixels: (H, W, 4).
        header: a profile, and pixels a metre (x, y).
    """
    height, width, channels = pixels.shape[0], pixels.shape[1], bits // 8
    stride = (width * channels + 3) // 4 * 4
    rows = np.zeros((height, stride), np.uint8)
    rows[:, : width * channels] = pixels[..., [2, 1, 0, 3][:channels]].reshape(height, -1)
    rows = rows if top_down else rows[::-1]
    profile, density = header.get("profile", b""), header.get("density", (0, 0))
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000) if bits == 32 else (0, 0, 0, 0)
    dib = struct.pack("<IiiHHIIiiII", 124, width, -height if top_down else height, 1, bits, 3 if bits == 32 else 0,
                      rows.size, *density, 0, 0)  # fmt: skip
    dib += struct.pack("<4I", *masks) + (b"DEBM" if profile else b"BGRs") + bytes(48)
    dib += struct.pack("<4I", 4, 124 + rows.size if profile else 0, len(profile), 0)
    assert len(dib) == 124
    file = dib + rows.tobytes() + profile
    return b"BM" + struct.pack("<IHHI", 14 + len(file), 0, 0, 14 + 124) + file


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("bits", [24, 32])
def test_the_rows_of_a_bmp_are_in_order_and_its_profile_and_density_are_read(tmp_path: Path, bits: int, top_down: bool):
    pixels, path = noise(9, 13, 4), tmp_path / "p.bmp"
    path.write_bytes(make_bmp(pixels, bits, top_down, profile=make_profile(), density=(11811, 3937)))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, pixels[..., : bits // 8])
    assert (inspect(path).profile, picture.icc) == ("Wide Gamut Test", make_profile())
    assert (round(picture.metadata.density.x), round(picture.metadata.density.y)) == (300, 100)


def test_alpha_that_a_program_left_empty_is_opaque(tmp_path: Path):
    pixels = noise(9, 13, 4)
    pixels[..., 3] = 0
    (tmp_path / "p.bmp").write_bytes(make_bmp(pixels))
    read = read_picture(tmp_path / "p.bmp").pixels
    np.testing.assert_array_equal(read[..., :3], pixels[..., :3])
    assert (read[..., 3] == 255).all()


# --- AVIF, HEIC, JPEG XL --------------------------------------------------------------------------


def test_an_avif_is_read_upright_with_its_metadata(tmp_path: Path):
    upright, path = smooth(), tmp_path / "p.avif"
    options = {"quality": 100, "subsampling": "4:4:4", "icc_profile": make_profile(), "xmp": b"<x:xmpmeta/>"}
    path.write_bytes(encode(np.rot90(upright).copy(), "AVIF", exif=make_exif(6).tobytes(), **options))
    info, picture = inspect(path), read_picture(path)
    assert (info.width, info.height, info.mode, info.depth, info.pages) == (64, 48, "colour", 8, 1)
    assert (info.format, info.profile, picture.icc) == ("avif", "Wide Gamut Test", make_profile())
    assert difference(picture.pixels, upright) < 1
    exif = Image.Exif()
    exif.load(picture.metadata.exif)
    assert (exif[0x010F], exif.get(0x0112, 1)) == ("Camera Works", 1)
    assert picture.metadata.xmp
    assert picture.notes == []


@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_bits_becomes_16_and_white_stays_white(tmp_path: Path, bits: int):
    pixels = np.linspace(0, 65535, 48 * 64 * 3).round().astype(np.uint16).reshape(48, 64, 3)
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16")
    image.heifsave(str(tmp_path / "p.avif"), compression="av1", bitdepth=bits, lossless=True)
    read = read_picture(tmp_path / "p.avif").pixels
    assert read.dtype == np.uint16
    assert (read[0, 0, 0], read[-1, -1, -1]) == (0, 65535)
    assert np.abs(read.astype(int) - pixels).max() < 1.01 * 65536 / 2**bits


def test_alpha_of_an_avif_is_read_and_grey_comes_back_grey(tmp_path: Path):
    pixels = np.dstack([smooth(), smooth()[..., 0]])
    (tmp_path / "p.avif").write_bytes(encode(pixels, "AVIF", quality=100))
    assert difference(read_picture(tmp_path / "p.avif").pixels[..., 3], pixels[..., 3]) < 1
    (tmp_path / "g.avif").write_bytes(encode(smooth()[..., 0], "AVIF"))
    grey = read_picture(tmp_path / "g.avif").pixels
    assert (grey == grey[..., :1]).all()


def test_the_frames_of_an_animated_avif_are_counted(tmp_path: Path):
    frames = [Image.fromarray(smooth()[::-1])] * 2
    (tmp_path / "p.avif").write_bytes(encode(smooth(), "AVIF", save_all=True, append_images=frames))
    assert inspect(tmp_path / "p.avif").pages == 3
    picture = read_picture(tmp_path / "p.avif")
    assert difference(picture.pixels, smooth()) < 6
    assert "It has 3 pages or frames, of which the first was taken." in picture.notes


@pytest.mark.parametrize(
    ("name", "source", "depth", "most"),
    [
        ("photo.heic", "plain.png", 8, 1),
        ("deep.heic", "deep.png", 16, 1),
        ("alpha.heic", "alpha.png", 8, 1),
        ("turned.heic", "plain.png", 8, 1.5),
        ("two.heic", "plain.png", 8, 2),
        ("plain.jxl", "plain.png", 8, 3),
        ("alpha.jxl", "alpha.png", 8, 0),
        ("grey.jxl", "grey.png", 16, 0),
        ("repacked.jxl", "photo.jpg", 8, 0),
        ("deep.jxl", "deep.png", 8, 0.3),
    ],
)
def test_heic_and_jpeg_xl_are_read(name: str, source: str, depth: int, most: float):
    info, pixels = inspect(sample(name)), read_picture(sample(name)).pixels
    assert (info.width, info.height, info.depth, info.format) == (64, 48, depth, name.split(".")[1])
    assert pixels.shape == pixels_of(source).shape
    assert pixels.dtype == (np.uint8 if depth == 8 else np.uint16)
    assert difference(pixels, pixels_of(source)) <= most


def test_the_metadata_of_a_heic_are_read_and_say_upright():
    picture = read_picture(sample("turned.heic"))
    exif = Image.Exif()
    exif.load(picture.metadata.exif)
    assert (exif[0x010F], exif.get(0x0112, 1)) == ("Camera Works", 1)
    assert picture.metadata.xmp == b"<x/>"


def test_what_a_package_cannot_give_is_said_or_refused():
    deep = read_picture(sample("deep.jxl"))
    assert deep.notes == ["It has 16 bits a channel, of which its decoder gives 8; export it as a PNG to keep them."]
    with pytest.raises(PictureError, match=r"moving\.jxl is an animated JPEG XL, which cannot be read"):
        inspect(sample("moving.jxl"))
    with pytest.raises(PictureError, match=r"pq\.heic is an HDR picture"):
        inspect(sample("pq.heic"))


@pytest.mark.parametrize("name", ["photo.heic", "plain.jxl", "palette4.bmp"])
def test_the_size_is_checked_before_a_whole_picture_is_decoded(name: str):
    with pytest.raises(PictureError, match="64 x 48 pixels, over the limit"):
        open_picture(sample(name), max_pixels=64 * 48 - 1)
    assert decoder_memory(open_image(sample(name)).stored) > 4 * 64 * 48


@pytest.mark.parametrize("name", ["photo.heic", "plain.jxl", "repacked.jxl", "rle8.bmp"])
def test_a_file_of_these_kinds_cut_short_is_refused(tmp_path: Path, name: str):
    data = sample(name).read_bytes()
    for part in (0.01, 0.1, 0.4):
        (tmp_path / name).write_bytes(data[: int(len(data) * part)])
        with pytest.raises(PictureError):
            read_picture(tmp_path / name)


def test_the_header_of_a_jpeg_xl_claims_its_size(tmp_path: Path):
    header = read_jxl(SAMPLES / "moving.jxl")
    assert (header.width, header.height, header.is_animated) == (64, 48, True)
    assert read_jxl(SAMPLES / "grey.jxl").is_grey
    assert read_jxl(SAMPLES / "alpha.jxl").has_alpha
    for data in (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\1jxlc" + bytes(8)):
        (tmp_path / "p.jxl").write_bytes(data)
        with pytest.raises(ValueError, match=r"header|codestream"):
            read_jxl(tmp_path / "p.jxl")


def box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(b"".join(content)), kind) + b"".join(content)


def test_the_boxes_of_a_heic_say_what_else_it_holds(tmp_path: Path):
    """As a telephone writes them: colours, a gain map, a depth map, masks, and the video of a motion photo."""
    names = [b"urn:com:apple:photo:2020:aux:hdrgainmap", b"urn:mpeg:hevc:2015:auxid:2",
             b"urn:com:apple:photo:2018:aux:portraiteffectsmatte"]  # fmt: skip
    properties = [box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 9, 128)),
                  box(b"colr", b"nclx", struct.pack(">HHHB", 12, 13, 6, 128)),
                  *(box(b"auxC", bytes(4), name + b"\0") for name in names)]  # fmt: skip
    associations = struct.pack(">IIHBBHBB", 0, 2, 7, 1, 1, 20, 1, 0x82)
    meta = box(b"meta", bytes(4), box(b"pitm", bytes(4), b"\0\x14"), box(b"iprp", box(b"ipco", *properties),
               box(b"ipma", associations)), box(b"iref", bytes(4), box(b"prem", bytes(6))))  # fmt: skip
    (tmp_path / "p.heic").write_bytes(box(b"ftyp", b"heic", bytes(4), b"mif1") + meta + box(b"mpvd", b"video"))
    facts = read_heif(tmp_path / "p.heic")
    assert facts.cicp == (12, 13, 6, 1)
    assert facts.is_premultiplied
    assert facts.left_out == ("an HDR gain map", "a depth map", "masks of what it shows", "a video")


# --- what is left out -----------------------------------------------------------------------------


def make_mpo(second: bytes = b"", kind: int | None = None) -> bytes:
    """Return a JPEG of two pictures; `second` becomes the XMP of the second, `kind` what the first says it is."""
    other = Image.fromarray(smooth()[::-1])
    data = bytearray(encode(smooth(), "MPO", save_all=True, append_images=[other], quality=90))
    start = data.index(b"\xff\xd8\xff", data.index(b"\xff\xd9"))
    if second:
        segment = b"http://ns.adobe.com/xap/1.0/\0" + second
        data[start + 2 : start + 2] = b"\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment
    if kind is not None:
        index = data.index(b"MPF\0") + 4
        entries = data.index(struct.pack("<H", 0xB002), index)
        (place,) = struct.unpack_from("<L", data, entries + 8)
        struct.pack_into("<L", data, index + place + 16, kind)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "pages", "notes"),
    [
        (make_mpo(), 2, ["It has 2 pages or frames, of which the first was taken."]),
        (make_mpo(b'<x hdrgm:Version="1.0"/>'), 1, ["It holds an HDR gain map as well, which was left out."]),
        (make_mpo(b"urn:com:apple:photo:2020:aux:hdrgainmap"), 1,
         ["It holds an HDR gain map as well, which was left out."]),
        (make_mpo(kind=0x010002), 1, ["It holds a preview as well, which was left out."]),
        (encode(smooth(), "JPEG") + b"\0\0\0\x18ftypmp42" + bytes(50), 1,
         ["It holds a video as well, which was left out."]),
        (encode(smooth(), "JPEG") + b"SEFH" + bytes(96), 1,
         ["It goes on after the end of the picture; 100 bytes were left out."]),
        (encode(smooth(), "JPEG") + bytes(100), 1, []),
    ],
)  # fmt: skip
def test_what_is_left_out_of_a_jpeg_is_said(tmp_path: Path, data: bytes, pages: int, notes: list[str]):
    (tmp_path / "p.jpg").write_bytes(data)
    assert inspect(tmp_path / "p.jpg").pages == pages
    picture = read_picture(tmp_path / "p.jpg")
    assert picture.notes == notes
    assert difference(picture.pixels, smooth()) < 4


def test_reduced_pages_and_masks_of_a_tiff_are_no_pages(tmp_path: Path):
    for big_tiff in (False, True):
        file = io.BytesIO()
        pages = [Image.fromarray(smooth()[: 48 >> n]) for n in range(4)]
        for page, kind in zip(pages, (0, 1, 5, 2), strict=True):
            page.encoderinfo = {"tiffinfo": {254: kind}}
        pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], big_tiff=big_tiff, tiffinfo={254: 0})
        (tmp_path / "p.tif").write_bytes(file.getvalue())
        assert inspect(tmp_path / "p.tif").pages == 2
