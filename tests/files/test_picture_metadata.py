"""Metadata of picture files: orientation, colour profile, EXIF, density."""

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from caesr.files.picture import Metadata, Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from tests.pictures import EXIF, FORMATS, GPS, LENS, MAKE, ORIENTATION, TAKEN, make_exif, make_profile, noise, smooth

pytestmark = pytest.mark.slow

# --- orientation --------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_taken_sideways_is_read_upright_and_its_exif_says_so(tmp_path: Path, format: str, orientation: int):
    upright = smooth()
    stored = {  # by a camera, according to the definition of the tag
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
    image.save(path, exif=make_exif(orientation).tobytes(), **options)

    assert (inspect(path).width, inspect(path).height) == (64, 48)
    seen = read_picture(path)
    assert np.abs(seen.pixels.astype(int) - upright).max() <= (6 if format == "jpg" else 0)
    for other in FORMATS:
        again = write_picture(seen, tmp_path / f"again.{other}")
        with Image.open(again) as image:
            assert image.getexif().get(ORIENTATION, 1) == 1
            assert image.getexif()[MAKE] == "Camera Works"
            assert image.size == (64, 48)


# --- profile and EXIF ---------------------------------------------------------------------------


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_the_profile_is_kept_and_the_colours_are_not_converted(tmp_path: Path, source: str, target: str):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc, name in ((make_profile(), "Wide Gamut Test"), (srgb, "sRGB built-in")):
        path = tmp_path / f"from.{source}"
        Image.fromarray(smooth()).save(path, icc_profile=icc, quality=100)
        assert inspect(path).profile == name
        seen = read_picture(path)
        assert seen.icc == icc
        assert np.abs(seen.pixels.astype(int) - smooth()).max() < 12  # not converted
        with Image.open(write_picture(seen, tmp_path / f"to.{target}")) as image:
            assert image.info["icc_profile"] == icc
            assert np.abs(np.asarray(image).astype(int) - seen.pixels).max() < 12


@pytest.mark.parametrize("format", ["jpg", "png", "tif"])
def test_a_grey_profile_is_kept_with_a_grey_picture(tmp_path: Path, format: str):
    icc = make_profile("GRAY", "Grey Test")
    path = write_picture(Picture(noise(8, 8, 1), icc=icc), tmp_path / f"grey.{format}")
    assert read_picture(path).icc == icc
    assert inspect(path).profile == "Grey Test"


def test_a_grey_profile_is_applied_in_webp_which_has_no_grey(tmp_path: Path):
    pixels = np.full((8, 8, 1), 100, np.uint8)
    seen = read_picture(write_picture(Picture(pixels, icc=make_profile("GRAY")), tmp_path / "grey.webp", quality=100))
    assert seen.icc is not None
    assert seen.icc[16:20] == b"RGB "
    linear = (100 / 255) ** (0x0233 / 256)  # the curve of the profile, then that of sRGB
    assert np.abs(seen.pixels.astype(int) - 255 * (1.055 * linear ** (1 / 2.4) - 0.055)).max() <= 2


def test_bytes_after_the_end_of_a_profile_are_removed(tmp_path: Path):
    Image.fromarray(smooth()).save(tmp_path / "p.jpg", icc_profile=make_profile() + b"\0" * 52)
    assert read_picture(tmp_path / "p.jpg").icc == make_profile()
    for format in FORMATS:
        path = write_picture(Picture(smooth(), icc=make_profile() + b"\0" * 52), tmp_path / f"p.{format}")
        assert read_picture(path).icc == make_profile()


@pytest.mark.parametrize(
    "icc", [make_profile("GRAY"), make_profile()[:300], b"\0\0\0\7" + make_profile()[4:], b"no profile at all", b""]
)
def test_a_profile_that_does_not_fit_is_left_out(tmp_path: Path, icc: bytes):
    for format in FORMATS:
        path = write_picture(Picture(smooth(), icc=icc), tmp_path / f"p.{format}")
        with Image.open(path) as image:
            assert not image.info.get("icc_profile")
    Image.fromarray(smooth()).save(tmp_path / "odd.jpg", icc_profile=icc)
    assert read_picture(tmp_path / "odd.jpg").icc is None


@pytest.mark.parametrize("target", FORMATS)
def test_without_metadata_only_the_profile_is_kept(tmp_path: Path, target: str):
    Image.fromarray(smooth()).save(tmp_path / "from.jpg", exif=make_exif().tobytes(), icc_profile=make_profile())
    path = write_picture(read_picture(tmp_path / "from.jpg"), tmp_path / f"to.{target}", metadata="none")
    with Image.open(path) as image:
        assert not {MAKE, EXIF, GPS} & set(image.getexif())
    assert read_picture(path).icc == make_profile()


def test_an_unknown_choice_of_metadata_is_refused(tmp_path: Path):
    with pytest.raises(PictureError, match="no location, all, none"):
        write_picture(Picture(smooth()), tmp_path / "out.png", metadata="most")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("metadata", ["no location", "all"])
def test_exif_is_kept_and_the_location_only_with_all(tmp_path: Path, source: str, target: str, metadata: str):
    path = tmp_path / f"from.{source}"
    Image.fromarray(smooth()).save(path, exif=make_exif().tobytes())
    wider = Picture(np.repeat(read_picture(path).pixels, 2, axis=1), metadata=read_picture(path).metadata)
    path = write_picture(wider, tmp_path / f"to.{target}", metadata=metadata)
    with Image.open(path) as image:
        exif = image.getexif()
        details, place = exif.get_ifd(EXIF), exif.get_ifd(GPS)
        np.asarray(image)  # decodes it
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
def test_exif_keeps_every_byte_of_a_text_in_both_byte_orders(tmp_path: Path, order: str):
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
    seen = read_picture(tmp_path / "from.png")
    assert seen.pixels.shape == (64, 48, 3)
    for format in ("tif", "jpg", "png", "webp", "tif"):  # the last from a TIFF again
        path = write_picture(seen, tmp_path / f"to.{format}")
        assert owner in path.read_bytes()
        seen = read_picture(path)
        with Image.open(path) as image:
            assert image.getexif()[0x010F] == "Camera"


def test_no_byte_of_the_location_is_kept(tmp_path: Path):
    exif = make_exif()
    exif.get_ifd(GPS)[29] = "1999:12:31"
    Image.fromarray(smooth()).save(tmp_path / "from.jpg", exif=exif)
    assert b"1999:12:31" in (tmp_path / "from.jpg").read_bytes()
    for format in FORMATS:
        path = write_picture(read_picture(tmp_path / "from.jpg"), tmp_path / f"to.{format}")
        assert b"1999:12:31" not in path.read_bytes()


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_without_exif_gets_none(tmp_path: Path, format: str):
    path = write_picture(Picture(smooth()), tmp_path / f"p.{format}")
    assert read_picture(path).metadata.exif is None
    with Image.open(path) as image:
        assert not image.info.get("exif")


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\xff\xff", bytes(range(99)), b"II*\0"])
def test_a_picture_with_broken_exif_is_read_and_written(tmp_path: Path, exif: bytes):
    np.testing.assert_array_equal(
        read_picture(write_picture(Picture(smooth(), metadata=Metadata(exif=exif)), tmp_path / "p.tif")).pixels,
        smooth(),
    )
    Image.fromarray(smooth()).save(tmp_path / "p.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "p.png").pixels, smooth())


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


@pytest.mark.parametrize("format", ["jpg", "png", "tif"])
def test_the_density_for_print_is_kept(tmp_path: Path, format: str):
    Image.fromarray(smooth()).save(tmp_path / f"scan.{format}", dpi=(300, 300))
    seen = read_picture(tmp_path / f"scan.{format}")
    assert seen.metadata.density.x == pytest.approx(300, abs=0.1)
    for target in ("png", "tif"):
        with Image.open(write_picture(seen, tmp_path / f"out.{target}")) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
