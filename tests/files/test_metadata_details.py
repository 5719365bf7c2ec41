"""Details of metadata: density in every unit, long and unsafe XMP, texts of PNG, directories of TIFF, damage."""

import hashlib
import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from caesr.files import write
from caesr.files.metadata.exif import edit_exif
from caesr.files.metadata.transfer import lost_metadata
from caesr.files.metadata.xmp import edit_xmp
from caesr.files.picture import Density, Metadata, Picture
from caesr.files.png_chunks import png_chunk
from caesr.files.read import read_picture
from caesr.files.write import write_picture
from tests.pictures import EXIF, MAKE, make_exif, make_png, smooth

pytestmark = pytest.mark.slow

XMP = """<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
  xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:geo='http://www.w3.org/2003/01/geo/wgs84_pos#'
  xmlns:p="http://ns.adobe.com/photoshop/1.0/"
  exif:GPSLatitude="52,31.2N" tiff:Orientation='6' xmp:Label="a &lt;b&gt;&#xA;c" p:City = "Berlin">
 <exif:GPSLongitude>13,24.3E</exif:GPSLongitude><geo:lat>52.52</geo:lat><geo:long/>
 <xmp:Thumbnails><rdf:Alt><rdf:li exif:GPSAltitude="3">AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>
 <xmp:CreatorTool>Düsseldorf 9</xmp:CreatorTool>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""


def read_bytes(tmp_path: Path, data: bytes) -> Metadata:
    """Return the metadata of a file."""
    (tmp_path / "in").write_bytes(data)
    return read_picture(tmp_path / "in").metadata


def saved(format: str, **options: object) -> bytes:
    """Return a picture as Pillow saves it."""
    file = io.BytesIO()
    Image.fromarray(smooth()).save(file, format, **options)
    return file.getvalue()


# --- density ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "x", "y", "density"),
    [
        (1, 300, 200, Density(300, 200)),
        (2, 118, 59, Density(118 * 2.54, 59 * 2.54)),
        (0, 1, 1, None),
        (0, 2, 1, Density(2, 1, is_ratio=True)),
        (1, 0, 0, None),
        (1, 72, 72, Density(72, 72)),  # it says so
        (7, 9, 9, None),
    ],
)
def test_the_density_of_jfif_in_every_unit(tmp_path: Path, unit: int, x: int, y: int, density: Density | None):
    data = bytearray(saved("JPEG"))
    data[13:18] = struct.pack(">BHH", unit, x, y)
    seen = read_bytes(tmp_path, bytes(data))
    assert seen.density == density
    again = write_picture(Picture(smooth(), metadata=seen), tmp_path / "out.jpg").read_bytes()
    if density:
        assert again[13:18] == bytes(data[13:18])
    else:
        assert again[13:18] == b"\0\0\1\0\1"


@pytest.mark.parametrize(
    ("x", "y", "unit", "density"),
    [
        (11811, 11811, 1, Density(300, 300)),
        (11811, 7874, 1, Density(300, 200)),
        (3780, 3780, 1, Density(96, 96)),
        (5000, 5000, 1, Density(127, 127)),
        (4000, 4001, 1, Density(4000 * 0.0254, 4001 * 0.0254)),
        (2, 1, 0, Density(2, 1, is_ratio=True)),
        (1, 1, 0, None),
        (0, 5, 1, None),
        (1000, 1000, 1, None),  # libvips's way to say that it is not known
    ],
)
def test_the_density_of_a_png(tmp_path: Path, x: int, y: int, unit: int, density: Density | None):
    chunk = png_chunk(b"pHYs", struct.pack(">LLB", x, y, unit))
    seen = read_bytes(tmp_path, make_png(1, 1, zlib.compress(bytes(4)), extra=chunk))
    assert seen.density == density
    again = write_picture(Picture(smooth(), metadata=seen), tmp_path / "out.png").read_bytes()
    assert (chunk in again) == (density is not None)
    assert (b"pHYs" in again) == (density is not None)


@pytest.mark.parametrize(("unit", "factor"), [(2, 1), (3, 2.54), (1, 0)])
def test_the_density_of_a_tiff_in_every_unit(tmp_path: Path, unit: int, factor: float):
    Image.fromarray(smooth()).save(tmp_path / "in.tif", tiffinfo={282: 100.0, 283: 50.0, 296: unit})
    seen = read_picture(tmp_path / "in.tif").metadata
    expected = Density(100 * factor, 50 * factor) if factor else Density(100, 50, is_ratio=True)
    assert seen.density == expected
    with Image.open(write_picture(Picture(smooth(), metadata=seen), tmp_path / "out.tif")) as image:
        assert image.tag_v2[296] == (2 if factor else 1)
        assert float(image.tag_v2[282]) == pytest.approx(expected.x)
        assert float(image.tag_v2[283]) == pytest.approx(expected.y)


def test_the_density_of_a_bmp(tmp_path: Path):
    assert read_bytes(tmp_path, saved("BMP", dpi=(300, 150))).density == Density(300, 150)


def test_exif_counts_more_than_jfif(tmp_path: Path):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 240.0, 120.0, 2
    assert read_bytes(tmp_path, saved("JPEG", dpi=(72, 72), exif=exif)).density == Density(240, 120)
    exif[296] = 3
    assert read_bytes(tmp_path, saved("JPEG", dpi=(72, 72), exif=exif)).density == Density(240 * 2.54, 120 * 2.54)
    exif[282], exif[296] = 0.0, 1  # which says nothing
    assert read_bytes(tmp_path, saved("JPEG", dpi=(96, 96), exif=exif)).density == Density(96, 96)


def test_the_density_turns_with_the_picture(tmp_path: Path):
    exif = make_exif(6)
    seen = read_bytes(tmp_path, saved("JPEG", dpi=(300, 200), exif=exif)).density
    assert seen == Density(200, 300)
    assert read_bytes(tmp_path, saved("JPEG", dpi=(300, 200), exif=make_exif(3))).density == Density(300, 200)


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "tif", "avif"])
def test_no_density_is_invented(tmp_path: Path, format: str):
    path = write_picture(Picture(smooth(), metadata=Metadata(exif=make_exif().tobytes())), tmp_path / f"p.{format}")
    assert read_picture(path).metadata.density is None
    with Image.open(path) as image:
        assert not {282, 283} & set(image.getexif())
        assert image.info.get("jfif_density", (1, 1)) == (1, 1)
        assert image.info.get("dpi", (1, 1)) in ((1, 1), (72, 72))  # Pillow's own word where a file says nothing
        assert "dpi" not in image.info or format in ("jpg", "tif")


@given(st.floats(1, 60000), st.floats(1, 60000))
@settings(max_examples=25)
def test_any_density_is_kept_as_well_as_the_format_can(tmp_path_factory, x: float, y: float):
    folder = tmp_path_factory.mktemp("density")
    picture = Picture(smooth(8, 8), metadata=Metadata(density=Density(x, y)))
    if abs(x - 25.4) + abs(y - 25.4) < 2:
        return  # one dot a millimetre is what libvips writes where it knows nothing, so it is not carried over
    for format, step in (("png", 0.0127), ("tif", 1e-3), ("webp", 1e-3)):
        seen = read_picture(write_picture(picture, folder / f"p.{format}")).metadata.density
        assert (seen.x, seen.y) == pytest.approx((x, y), abs=step * 1.3, rel=1e-4)
    # JPEG has whole dots per inch or whole dots per centimetre: the better of the two.
    seen = read_picture(write_picture(picture, folder / "p.jpg")).metadata.density
    per_inch, per_centimetre = (
        sum(abs(max(1, round(value / unit)) * unit / value - 1) for value in (x, y)) for unit in (1, 2.54)
    )
    assert abs(seen.x / x - 1) + abs(seen.y / y - 1) <= min(per_inch, per_centimetre) + 1e-9


# --- XMP ----------------------------------------------------------------------------------------


def test_xmp_is_edited_and_the_rest_stays_byte_for_byte():
    seen = edit_xmp(XMP.encode(), (20, 10), keep_location=False).decode()
    for place in ("GPS", "geo:l", "52", "13,24", "Berlin", "Thumbnails"):
        assert place not in seen
    assert "tiff:Orientation='1'" in seen
    assert 'xmp:Label="a &lt;b&gt;&#xA;c"' in seen
    assert "<xmp:CreatorTool>Düsseldorf 9</xmp:CreatorTool>" in seen
    kept = edit_xmp(XMP.encode())
    assert kept == XMP.replace("'6'", "'1'").replace(XMP[XMP.index("<xmp:Th") : XMP.index("\n <xmp:C")], "").encode()
    assert edit_xmp(XMP.encode("utf-16")) == kept


@pytest.mark.parametrize(
    "bad",
    [
        b"no xml",
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY b "GPS">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" + b"<b/>" * 200_000 + b"</a>",
        b"<a" + b"".join(b' xmlns:p%d="u%d"' % (n, n) for n in range(3000)) + b"/>",
    ],
)
def test_xmp_that_is_not_understood_is_left_out_and_said(tmp_path: Path, bad: bytes):
    picture = Picture(smooth(), metadata=Metadata(xmp=bad))
    began = time.process_time()
    assert read_picture(write_picture(picture, tmp_path / "p.png")).metadata.xmp is None
    assert time.process_time() - began < 5
    assert "XMP is damaged" in str(lost_metadata(picture, "png", "no location")[0])
    assert read_picture(write_picture(picture, tmp_path / "p.tif", metadata="all")).metadata.xmp == bad.rstrip(b"\0")


def test_deeply_nested_xmp_is_read(tmp_path: Path):
    deep = b"<a>" * 40_000 + b"</a>" * 40_000
    assert edit_xmp(deep) == deep


def test_extended_xmp_of_a_jpeg_is_joined_and_split_again(tmp_path: Path):
    long = "long text " * 15_000
    extended = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:GImage="http://ns.google.com/photos/1.0/image/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'GImage:Data="{long}"/></rdf:RDF></x:xmpmeta>'
    ).encode()
    digest = hashlib.md5(extended).hexdigest().upper().encode()
    note = b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + digest + b'" xmlns:exif'
    main = b"http://ns.adobe.com/xap/1.0/\0" + XMP.encode().replace(b"xmlns:exif", note, 1)
    pieces = [main]
    for place in reversed(range(0, len(extended), 60_000)):  # in any order
        head = b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">LL", len(extended), place)
        pieces.append(head + extended[place : place + 60_000])
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 2) + piece for piece in pieces)
    jpeg = saved("JPEG")
    seen = read_bytes(tmp_path, jpeg[:2] + segments + jpeg[2:])
    assert long.encode() in seen.xmp
    assert b"xmpNote:HasExtendedXMP" not in seen.xmp
    assert edit_xmp(seen.xmp) == seen.xmp
    path = write_picture(Picture(smooth(), metadata=seen), tmp_path / "out.jpg")
    again = read_picture(path).metadata.xmp
    assert long.encode() in again
    assert "Düsseldorf 9".encode() in again
    assert b"GPS" not in again
    with Image.open(path) as image:  # the first packet by itself is XML
        assert "Düsseldorf" in str(image.getxmp() or image.info["xmp"].decode())
    assert long.encode() in read_picture(write_picture(Picture(smooth(), metadata=seen), path)).metadata.xmp


# --- texts --------------------------------------------------------------------------------------


def test_texts_of_a_png_in_every_encoding(tmp_path: Path):
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Jürgen")  # Latin-1
    info.add_text("Title", "猫", zip=False)
    info.add_text("parameters", "Ein Kätzchen, steps 20\n" * 100, zip=True)
    info.add_itxt("Description", "猫が寝る", lang="ja", tkey="説明", zip=True)
    info.add_text("GPSPosition", "52 N 13 E")
    info.add_text("exif:GPSLatitude", "52/1")
    info.add_text("Location", "Berlin")
    texts = read_bytes(tmp_path, saved("PNG", pnginfo=info)).texts
    assert [key for key, _ in texts][:4] == ["Author", "Title", "parameters", "Description"]
    assert len(texts) == 7
    picture = Picture(smooth(), metadata=Metadata(texts=texts))
    with Image.open(write_picture(picture, tmp_path / "out.png")) as image:
        image.load()
        assert dict(image.text) == dict(texts[:4])
    with Image.open(write_picture(picture, tmp_path / "out.jpg")) as image:  # they have tags in EXIF
        exif = image.getexif()
        assert exif[315].encode("latin-1").decode() == "Jürgen"
        assert exif[40091].decode("utf-16-le") == "猫\0"
        assert exif[270].encode("latin-1").decode() == "猫が寝る"
        assert exif.get_ifd(EXIF)[37510].startswith(b"UNICODE\0" + "Ein Kätzchen".encode("utf-16-le"))
    assert lost_metadata(picture, "jpg", "no location") == ()


def test_texts_that_another_format_has_no_place_for_are_named():
    picture = Picture(smooth(), metadata=Metadata(texts=(("workflow", "{}"), ("Title", "A cat"), ("prompt", "cat"))))
    for format in ("jpg", "webp", "tif", "avif"):
        (note,) = lost_metadata(picture, format, "all")
        assert "workflow, prompt" in note
        assert "save as PNG" in note
    assert lost_metadata(picture, "png", "all") == ()


def test_several_comments_of_a_jpeg(tmp_path: Path):
    jpeg = saved("JPEG")
    comments = [b"one", "zwölf".encode("latin-1"), "三".encode()]
    segments = b"".join(b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text for text in comments)
    seen = read_bytes(tmp_path, jpeg[:2] + segments + jpeg[2:])
    assert [text for _, text in seen.texts] == ["one", "zwölf", "三"]
    again = read_picture(write_picture(Picture(smooth(), metadata=seen), tmp_path / "p.png")).metadata
    assert again.texts == seen.texts
    back = read_picture(write_picture(Picture(smooth(), metadata=again), tmp_path / "p.jpg")).metadata
    assert back.texts == seen.texts
    with Image.open(write_picture(Picture(smooth(), metadata=seen), tmp_path / "p.webp")) as image:
        assert "one\nzwölf\n三".encode("utf-16-le") in image.getexif().get_ifd(EXIF)[37510]


def test_a_text_that_unpacks_to_far_too_much_is_left_out(tmp_path: Path):
    bomb = zlib.compress(bytes(200_000_000), 1)
    chunks = png_chunk(b"zTXt", b"Comment\0\0" + bomb) + png_chunk(b"tEXt", b"Title\0fine")
    seen = read_bytes(tmp_path, make_png(1, 1, zlib.compress(bytes(4)), extra=chunks))
    assert seen.texts == (("Title", "fine"),)


# --- EXIF ---------------------------------------------------------------------------------------


def test_a_block_is_edited_in_place():
    exif = make_exif(6).tobytes().removeprefix(b"Exif\0\0")
    assert len(edit_exif(exif)) <= len(exif)
    assert edit_exif(edit_exif(exif)) == edit_exif(exif)
    larger = edit_exif(exif, (7, 9), Density(300, 200))
    assert edit_exif(larger, (7, 9), Density(300, 200)) == larger


@given(st.binary(max_size=80), st.integers(0, 400), st.booleans())
@settings(max_examples=300)
def test_damaged_exif_is_refused_or_edited(noise: bytes, place: int, keep: bool):
    exif = bytearray(make_exif(6).tobytes().removeprefix(b"Exif\0\0"))
    exif[place : place + len(noise)] = noise
    try:
        once = edit_exif(bytes(exif), (5, 5), Density(72, 72), keep)
    except ValueError:
        return
    edit_exif(once, (5, 5), Density(72, 72), keep)
    assert len(once) < 2000


def test_damaged_exif_is_said(tmp_path: Path):
    seen = read_bytes(tmp_path, saved("PNG", exif=b"II*\0\xff\xff\xff\xff" + bytes(20)))
    assert seen.exif is None
    assert "EXIF is damaged" in seen.notes[0]
    assert lost_metadata(Picture(smooth(), metadata=seen), "png", "all") == seen.notes


def test_exif_too_large_for_a_jpeg_is_said(tmp_path: Path):
    exif = make_exif()
    exif.get_ifd(EXIF)[37500] = b"Nikon\0\2" + bytes(70_000)
    picture = Picture(smooth(), metadata=Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0")))
    assert read_picture(write_picture(picture, tmp_path / "p.jpg")).metadata.exif is None
    assert "too large for a JPEG" in lost_metadata(picture, "jpg", "all")[0]
    assert len(read_picture(write_picture(picture, tmp_path / "p.webp")).metadata.exif) > 70_000


def test_notes_of_a_maker_that_cannot_be_moved_are_said():
    exif = make_exif()
    exif.get_ifd(EXIF)[37500] = b"SOMEMAKER" + bytes(range(200))
    picture = Picture(smooth(), metadata=Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0")))
    assert lost_metadata(picture, "jpg", "all") == ()
    assert "maker in its EXIF were moved" in lost_metadata(picture, "tif", "all")[0]


# --- TIFF ---------------------------------------------------------------------------------------


def test_a_big_tiff_holds_all_that_a_tiff_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(write, "CLASSIC_TIFF_BYTES", 100)
    exif = make_exif()
    exif.get_ifd(EXIF)[0xFDE9] = 77
    metadata = Metadata(exif.tobytes()[6:], XMP.encode(), b"\x1c\x02\x19\0\3cat", (), Density(300, 200))
    path = write_picture(Picture(smooth(), metadata=metadata), tmp_path / "big.tif", metadata="all")
    assert path.read_bytes()[:4] == b"II+\0"
    np.testing.assert_array_equal(read_picture(path).pixels, smooth())
    with Image.open(path) as image:
        assert image.tag_v2[MAKE] == "Camera Works"
        assert image.info["dpi"] == (300, 200)
        np.testing.assert_array_equal(np.asarray(image), smooth())
    seen = read_picture(path).metadata
    assert (seen.xmp, seen.iptc, seen.density) == (
        edit_xmp(XMP.encode(), None, Density(300, 200)),
        metadata.iptc,
        metadata.density,
    )
    back = Image.Exif()
    back.load(seen.exif)
    assert back.get_ifd(EXIF)[0xFDE9] == 77
    assert back.get_ifd(0x8825)[2] == (52.0, 31.0, 12.5)


def test_a_position_on_a_map_is_left_out_and_said(tmp_path: Path):
    tags = {33550: (1.0, 1.0, 0.0), 33922: (0.0, 0.0, 0.0, 13.4, 52.5, 0.0)}
    info = __import__("PIL.TiffImagePlugin", fromlist=["x"]).ImageFileDirectory_v2()
    for tag, values in tags.items():
        info.tagtype[tag], info[tag] = 12, values
    Image.fromarray(smooth()).save(tmp_path / "in.tif", tiffinfo=info)
    seen = read_picture(tmp_path / "in.tif").metadata
    assert "GeoTIFF" in seen.notes[0]
    with Image.open(write_picture(Picture(smooth(), metadata=seen), tmp_path / "out.tif", metadata="all")) as image:
        assert not {33550, 33922} & set(image.tag_v2)
