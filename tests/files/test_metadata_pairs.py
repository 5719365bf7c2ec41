"""What travels with a picture, from every kind of file into every other; the samples were made by other programs."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr.files.metadata.transfer import lost_metadata
from caesr.files.picture import Picture
from caesr.files.read import read_picture
from caesr.files.write import write_picture
from caesr.options import FORMATS
from tests.pictures import EXIF, GPS, LENS, MAKE, TAKEN

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parent.parent / "samples" / "metadata"
SOURCES = sorted(path.name for path in SAMPLES.iterdir())
WITH_EXIF = [
    "exiftool.avif",
    "exiftool.png",
    "exiftool.tif",
    "exiftool.webp",
    "magick.png",
    "motorola.tif",
    "phone.jpg",
]
WITH_IPTC = ["big.tif", "exiftool.tif", "magick.png", "magick.tif", "motorola.tif", "phone.jpg"]
WITH_XMP = [name for name in SOURCES if name != "exiftool.png"]  # whose XMP is without what EXIF says
WITH_COMMENT = ["exiftool.gif", "exiftool.png", "magick.png", "phone.jpg"]
IPTC_FORMATS = ("jpg", "png", "tif")
VENDOR_TEXT, VENDOR_NUMBER, VENDOR_RATIONAL, INTEROPERABILITY = 0xFDE8, 0xFDE9, 0xD000, 0xA005
USER_COMMENT, DESCRIPTION = 0x9286, 0x010E


@cache
def sample(name: str) -> Picture:
    """Return a sample, as it was read, with twice as many columns."""
    seen = read_picture(SAMPLES / name)
    return replace(seen, pixels=np.repeat(seen.pixels, 2, axis=1))


@pytest.fixture(params=FORMATS)
def target(request: pytest.FixtureRequest) -> str:
    if request.param == "jxl":
        pytest.importorskip("pillow_jxl")
    return request.param


def open_written(path: Path) -> Image.Image:
    """Open a file with Pillow."""
    if path.suffix == ".jxl":
        import pillow_jxl  # noqa: F401
    return Image.open(path)


@pytest.mark.parametrize("name", WITH_EXIF)
def test_every_tag_of_exif_is_kept(tmp_path: Path, name: str, target: str):
    picture = sample(name)
    path = write_picture(picture, tmp_path / f"out.{target}", metadata="all")
    with open_written(path) as image:
        exif = image.getexif()
        details, place, related = exif.get_ifd(EXIF), exif.get_ifd(GPS), exif.get_ifd(INTEROPERABILITY)
    assert exif[MAKE] == "Canon"
    assert exif[VENDOR_TEXT] == "vendor text"  # tags that no program knows
    assert details[VENDOR_NUMBER] == 123456789
    assert [float(number) for number in details[VENDOR_RATIONAL]] == [1.5, -2.25, 3]
    assert details[TAKEN] == "2024:05:06 07:08:09"
    assert details[LENS] == "50mm f/1.8"
    assert "Grüße 你好".encode("utf-16-be") in swap(details[USER_COMMENT])
    if name == "phone.jpg" and target == "tif":  # whose numbers are in the other byte order
        assert "Grüße 你好".encode("utf-16-le") in details[USER_COMMENT]
    assert related[1] == "R03"  # of a picture in Adobe RGB
    assert place[2] == (52.0, 31.0, 12.0)
    assert (details[0xA002], details[0xA003]) == (96, 32)
    assert (float(exif[282]), float(exif[283]), exif[296]) == (300, 200, 2)
    assert exif.get_ifd(1) == {}  # no thumbnail


def swap(comment: bytes) -> bytes:
    """Return UTF-16 in both byte orders."""
    text = comment[8:]
    return text + b"|" + b"".join(text[at : at + 2][::-1] for at in range(0, len(text), 2))


@pytest.mark.parametrize("name", SOURCES)
def test_xmp_is_kept_with_the_size_of_the_result(tmp_path: Path, name: str, target: str):
    path = write_picture(sample(name), tmp_path / f"out.{target}", metadata="all")
    xmp = read_picture(path).metadata.xmp.decode()
    assert "A cat" in xmp
    assert "<rdf:li>ears</rdf:li>" in xmp
    if name in WITH_XMP:
        assert "<tiff:ImageWidth>96</tiff:ImageWidth>" in xmp
        assert "<photoshop:City>Berlin</photoshop:City>" in xmp
    with open_written(path) as image:
        other = (
            image.info.get("xmp")
            or image.info.get("XML:com.adobe.xmp", "").encode()
            or getattr(image, "tag_v2", {}).get(700)
        )
    if target != "jxl":  # of which Pillow's plugin does not read it
        assert other.rstrip(b"\0").decode() == xmp


@pytest.mark.parametrize("name", WITH_IPTC)
def test_iptc_is_kept_where_it_can_be_and_said_to_be_lost_elsewhere(tmp_path: Path, name: str, target: str):
    picture = sample(name)
    path = write_picture(picture, tmp_path / f"out.{target}", metadata="all")
    iptc, lost = read_picture(path).metadata.iptc, " ".join(lost_metadata(picture, target, "all"))
    if target in IPTC_FORMATS:
        assert "IPTC" not in lost
        assert re.findall(b"\x1c\x02\x19\0(?:\x03|\x04)(cat|ears)", iptc) == [b"cat", b"ears"]
        assert "Jürgen".encode() in iptc
        assert "Cät".encode() in iptc
    else:
        assert iptc is None
        assert re.search("(WebP|AVIF|JPEG XL) holds no IPTC.*save as JPEG, PNG or TIFF", lost)


@pytest.mark.parametrize("name", WITH_COMMENT)
def test_a_comment_is_kept_wherever_there_is_a_place_for_it(tmp_path: Path, name: str, target: str):
    picture = sample(name)
    path = write_picture(picture, tmp_path / f"out.{target}")
    comment = "A comment, ümlaut"
    if target in ("jpg", "png"):
        assert comment in {key.lower(): text for key, text in read_picture(path).metadata.texts}["comment"]
        with Image.open(path) as image:
            assert (
                image.info.get("comment") in (comment.encode(), comment)
                if target == "jpg"
                else comment in image.text.values()
            )
    else:  # EXIF has a comment of its own already
        with open_written(path) as image:
            exif = image.getexif()
            texts = [str(exif.get(DESCRIPTION)).encode("latin-1", "replace"), exif.get_ifd(EXIF).get(USER_COMMENT, b"")]
        assert any(comment.encode() in text or comment.encode("utf-16-le") in text for text in texts)
    lost = " ".join(lost_metadata(picture, target, "no location"))
    assert "omment" not in lost


@pytest.mark.parametrize("name", SOURCES)
def test_by_default_nothing_says_the_place(tmp_path: Path, name: str, target: str):
    path = write_picture(sample(name), tmp_path / f"out.{target}")
    with open_written(path) as image:
        assert not image.getexif().get_ifd(GPS)
        assert not [key for key in image.info if "gps" in str(key).lower()]
    seen = read_picture(path).metadata
    for part in (path.read_bytes(), seen.exif, seen.xmp, seen.iptc, repr(seen.texts).encode()):
        assert b"berlin" not in (part or b"").lower()
        assert b"gpslatitude" not in (part or b"").lower()
        assert b"52,31.2" not in (part or b"")
    assert b"A cat" in (seen.xmp or b"")  # the rest is there
    if name in WITH_IPTC and target in IPTC_FORMATS:
        assert b"ears" in seen.iptc


@pytest.mark.parametrize("name", SOURCES)
def test_with_none_only_the_pixels_are_kept(tmp_path: Path, name: str, target: str):
    path = write_picture(sample(name), tmp_path / f"out.{target}", metadata="none")
    seen = read_picture(path).metadata
    assert (seen.exif, seen.xmp, seen.iptc, seen.texts, seen.density) == (None, None, None, (), None)
    assert lost_metadata(sample(name), target, "none") == ()


@pytest.mark.parametrize("name", SOURCES)
def test_the_density_is_kept(tmp_path: Path, name: str, target: str):
    seen = read_picture(write_picture(sample(name), tmp_path / f"out.{target}")).metadata.density
    if name.endswith(".gif"):
        assert seen is None
    else:
        assert (seen.x, seen.y, seen.is_ratio) == (300, 200, False)


def test_the_notes_of_the_maker_point_to_the_right_places_in_every_file(tmp_path: Path, target: str):
    path = write_picture(sample("phone.jpg"), tmp_path / f"out.{target}")
    data = path.read_bytes()
    note = data.index(b"Canon PowerShot X") - 42  # after a directory of three tags
    head = re.search(rb"(?:II\*\0|MM\0\*)(?=.{4})", data[data.find(b"Exif") :], re.DOTALL)
    start = {"tif": 0, "png": data.find(b"eXIf") + 4, "webp": data.rfind(b"EXIF") + 8}.get(target)
    start = data.find(b"Exif") + head.start() if start is None else start
    if target in ("avif", "jxl"):
        start = data.rfind(b"MM\0*", 0, note)
    order = "big" if data[note : note + 2] == b"\0\3" else "little"
    for entry, text in enumerate((b"Canon PowerShot X\0", b"Firmware 1.00\0", b"Owner of it\0")):
        place = int.from_bytes(data[note + 10 + 12 * entry : note + 14 + 12 * entry], order)
        assert data[start + place :].startswith(text)
    assert lost_metadata(sample("phone.jpg"), "png", "all") == ()
