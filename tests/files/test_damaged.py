"""Damaged files: what is there of them is read, with a note; with less than half of the picture they are refused."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from caesr.files.picture import Picture, PictureError
from caesr.files.png_chunks import png_chunk
from caesr.files.read import inspect, open_picture, read_picture
from tests.conftest import ROOT
from tests.pictures import FORMATS, check_message, make_exif, make_profile, noise, smooth

SIDE = 160  # pixels
WHOLE_NOTE = "It lacks the end of the file; its pixels are all there."
CHECKSUM_NOTE = "A checksum is wrong; its pixels are all there, but some may be wrong."


def photograph() -> np.ndarray:
    """Return a picture (SIDE, SIDE, 3) of which no row is of one colour."""
    return smooth(SIDE, SIDE) // 2 + noise(SIDE, SIDE, 3) // 4


def encode(format: str, pixels: np.ndarray | None = None, **options: object) -> bytes:
    """Return a file made by Pillow."""
    file = io.BytesIO()
    Image.fromarray(photograph() if pixels is None else pixels).save(file, format, **options)
    return file.getvalue()


def read(folder: Path, data: bytes) -> Picture:
    """Read a file, at once and row by row, which must give the same."""
    (folder / "p").write_bytes(data)
    picture, lazy = read_picture(folder / "p"), open_picture(folder / "p")
    height, width, _ = lazy.pixels.shape
    rows = [lazy.pixels[start : min(start + 50, height), 0:width] for start in range(0, height, 50)]
    np.testing.assert_array_equal(np.concatenate(rows), picture.pixels)
    assert lazy.notes == picture.notes
    return picture


def refuse(folder: Path, data: bytes) -> None:
    """Check that a file is refused in a sentence."""
    (folder / "p").write_bytes(data)
    with pytest.raises(PictureError, match="damaged, cut short") as error:
        read_picture(folder / "p")
    check_message(error, "p ")


def chunks(png: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk of a PNG, and where its content starts and stops."""
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, at + 8, at + 8 + length
        at += 12 + length


def flipped(data: bytes, at: int) -> bytes:
    """Return a file with a bit of a byte flipped."""
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


# --- cut short ------------------------------------------------------------------------------------


KINDS = {
    "png": encode("PNG"),
    "jpg": encode("JPEG", quality=90),
    "jpg grey": encode("JPEG", photograph()[..., 0]),
    "jpg restarts": encode("JPEG", restart_marker_blocks=7),
    "gif": encode("GIF", interlace=0),
    "bmp": encode("BMP"),
    "tif": encode("TIFF"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.7, 0.8, 0.95])
def test_a_file_cut_short_keeps_its_rows_and_the_rest_is_grey(tmp_path: Path, kind: str, part: float):
    data = KINDS[kind]
    whole, picture = read(tmp_path, data).pixels, read(tmp_path, data[: int(len(data) * part)])
    (note,) = picture.notes
    missing = int("".join(filter(str.isdigit, note.split(" of its ")[0])))
    assert note == f"It is cut short{'' if kind == 'bmp' else ' or damaged'}: " + (
        f"{missing} of its {SIDE} rows are missing and are grey."
        if kind == "bmp"
        else f"the last {missing} of its {SIDE} rows are missing and are grey."
    )
    assert abs(missing / SIDE - (1 - part)) < 0.25
    there, gone = np.s_[: SIDE - missing], np.s_[SIDE - missing :]
    if kind == "bmp":  # whose first row is the lowest
        there, gone = np.s_[missing:], np.s_[:missing]
    np.testing.assert_array_equal(picture.pixels[there], whole[there])
    assert (picture.pixels[gone] == 128).all()


@pytest.mark.parametrize("format", [*FORMATS, "gif", "bmp"])
@pytest.mark.parametrize("part", [0.02, 0.2, 0.4])
def test_a_file_cut_short_in_its_first_half_is_refused(tmp_path: Path, format: str, part: float):
    data = encode({"jpg": "JPEG", "tif": "TIFF"}.get(format, format.upper()), interlace=0)
    (tmp_path / f"cut.{format}").write_bytes(data[: int(len(data) * part)])
    with pytest.raises(PictureError) as error:
        read_picture(tmp_path / f"cut.{format}")
    check_message(error, f"cut.{format}")


@pytest.mark.parametrize("format", ["WEBP", "AVIF"])
def test_a_file_that_no_decoder_reads_in_part_is_refused_cut_short(tmp_path: Path, format: str):
    for part in (0.3, 0.7, 0.95):
        refuse(tmp_path, encode(format)[: int(len(encode(format)) * part)])


def test_interlaced_files_cut_short_are_refused(tmp_path: Path):
    for part in (0.3, 0.7, 0.95):
        refuse(tmp_path, encode("GIF", interlace=1)[: int(len(encode("GIF", interlace=1)) * part)])


def test_a_progressive_jpeg_cut_short_is_read_if_every_detail_has_come_coarsely(tmp_path: Path):
    data = encode("JPEG", progressive=True, quality=90)
    last_scan = data.rindex(b"\xff\xda")
    whole, picture = read(tmp_path, data), read(tmp_path, data[: last_scan + 200])
    assert picture.notes == ["It is cut short: all of it is there, but without its finest details."]
    assert np.abs(picture.pixels.astype(int) - whole.pixels).mean() < 10
    first_scans = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    for end in (first_scans - 100, first_scans + 50):
        refuse(tmp_path, data[:end])


@settings(max_examples=60)
@given(st.sampled_from(sorted(KINDS)), st.floats(0, 1))
def test_cut_anywhere_a_file_is_read_with_a_note_or_refused(tmp_path_factory, kind: str, part: float):
    data = KINDS[kind]
    path = tmp_path_factory.getbasetemp() / "cut"
    size = max(1, int((len(data) - 1) * part))
    path.write_bytes(data[:size])
    try:
        picture = read_picture(path)
    except PictureError:
        assert part < 0.9
        return
    assert picture.pixels.shape[:2] == (SIDE, SIDE)
    is_whole = kind == "png" and size >= len(data) - 4  # only the checksum of its last, empty chunk may be cut off
    assert len(picture.notes) == 1 or is_whole


def test_a_turned_jpeg_cut_short_is_turned(tmp_path: Path):
    data = encode("JPEG", exif=make_exif(6).tobytes(), quality=90)
    whole, picture = read(tmp_path, data).pixels, read(tmp_path, data[: int(len(data) * 0.8)])
    assert "rows are missing" in picture.notes[0]
    assert (picture.pixels[:, 0] == 128).all()  # the last row of the file is the left column
    np.testing.assert_array_equal(picture.pixels[:, -60:], whole[:, -60:])


def test_an_animation_is_read_if_its_first_frame_is_there(tmp_path: Path):
    others = [Image.fromarray(np.ascontiguousarray(photograph()[::-1]))] * 2
    data = encode("GIF", save_all=True, append_images=others, interlace=0)
    picture = read(tmp_path, data[: int(len(data) * 0.7)])
    assert WHOLE_NOTE in picture.notes
    np.testing.assert_array_equal(picture.pixels[..., :3], read(tmp_path, data).pixels[..., :3])


# --- all pixels are there -------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "count"), [("PNG", 12), ("PNG", 5), ("JPEG", 2), ("GIF", 1), ("GIF", 2)])
def test_a_file_without_its_end_is_read_with_a_note(tmp_path: Path, format: str, count: int):
    data = encode(format)
    picture = read(tmp_path, data[:-count])
    assert picture.notes == [WHOLE_NOTE]
    np.testing.assert_array_equal(picture.pixels, read(tmp_path, data).pixels)


def test_a_progressive_jpeg_without_its_end_is_read_with_a_note(tmp_path: Path):
    data = encode("JPEG", progressive=True)
    assert read(tmp_path, data[:-2]).notes == [WHOLE_NOTE]


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP"])
def test_bytes_after_the_end_are_left_out_with_a_note(tmp_path: Path, format: str):
    data = encode(format)
    picture = read(tmp_path, data + b"surplus")
    assert picture.notes == ["It goes on after the end of the picture; 7 bytes were left out."]
    np.testing.assert_array_equal(picture.pixels, read(tmp_path, data).pixels)


def test_a_png_with_a_wrong_checksum_is_read_with_a_note(tmp_path: Path):
    data = encode("PNG")
    start, stop = next((start, stop) for kind, start, stop in chunks(data) if kind == b"IDAT")
    crc = read(tmp_path, flipped(data, stop))
    assert crc.notes == ["A checksum is wrong, but its pixels are right, as another one says."]
    np.testing.assert_array_equal(crc.pixels, photograph())
    body = data[start:stop]
    packed = zlib.decompress(b"".join(data[a:b] for kind, a, b in chunks(data) if kind == b"IDAT"))
    adler = zlib.compress(packed)[:-4]
    for ending in (b"", b"\0\0", b"\0\0\0\0"):
        whole = data[: start - 8] + png_chunk(b"IDAT", adler + ending) + png_chunk(b"IEND", b"")
        picture = read(tmp_path, whole)
        np.testing.assert_array_equal(picture.pixels, photograph())
        assert picture.notes == ([CHECKSUM_NOTE] if len(ending) == 4 else picture.notes)
    assert len(body) > 100


def test_a_png_with_damaged_pixels_is_read_up_to_them(tmp_path: Path):
    rows = np.zeros((SIDE, 1 + 3 * SIDE), np.uint8)
    rows[:, 1:] = photograph().reshape(SIDE, -1)
    packer = zlib.compressobj(9)
    parts = [packer.compress(row.tobytes()) + packer.flush(zlib.Z_FULL_FLUSH) for row in rows]
    end, header = packer.flush(), struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    for row, is_read in ((120, True), (30, False)):
        broken = [*parts[:row], b"\xff" * 50, *parts[row + 1 :], end]
        data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"".join(broken))
        data += png_chunk(b"IEND", b"")
        if not is_read:
            refuse(tmp_path, data)
            continue
        picture = read(tmp_path, data)
        assert picture.notes == [
            f"It is cut short or damaged: the last {SIDE - row} of its {SIDE} rows are missing and are grey."
        ]
        np.testing.assert_array_equal(picture.pixels[:row], photograph()[:row])
        assert (picture.pixels[row:] == 128).all()


def test_damaged_metadata_of_a_png_are_left_out_with_a_note(tmp_path: Path):
    data = encode("PNG", exif=make_exif().tobytes(), icc_profile=make_profile())
    stop = next(stop for kind, _, stop in chunks(data) if kind == b"iCCP")
    picture = read(tmp_path, flipped(data, stop))
    assert picture.notes == ["Damaged parts of it that hold no pixels were left out: iCCP."]
    np.testing.assert_array_equal(picture.pixels, photograph())
    assert picture.icc is None


def test_a_png_whose_header_or_palette_is_damaged_is_refused(tmp_path: Path):
    data = encode("PNG")
    for kind, _, stop in chunks(data):
        if kind == b"IHDR":
            refuse(tmp_path, flipped(data, stop))
    file = io.BytesIO()
    Image.fromarray(photograph()).quantize(30).save(file, "PNG")
    palette = next(stop for kind, _, stop in chunks(file.getvalue()) if kind == b"PLTE")
    refuse(tmp_path, flipped(file.getvalue(), palette))


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_webp_whose_metadata_are_cut_short_is_read_with_a_note(tmp_path: Path, interlaced: bool):
    data = encode("WEBP", exif=make_exif().tobytes(), lossless=interlaced)
    picture = read(tmp_path, data[:-20])
    assert picture.notes == ["Damaged parts of it that hold no pixels were left out: EXIF.", WHOLE_NOTE]
    np.testing.assert_array_equal(picture.pixels, read(tmp_path, data).pixels)
    assert inspect(tmp_path / "p").format == "webp"


# --- JPEGs whose data are damaged, of which libjpeg only warns ------------------------------------


def test_a_jpeg_with_bytes_too_many_before_its_pixels_is_read_with_a_note(tmp_path: Path):
    data = encode("JPEG", quality=90)
    start = data.index(b"\xff\xda")
    picture = read(tmp_path, data[:start] + b"abc" + data[start:])
    assert picture.notes == [f"It is damaged from row 0 of {SIDE} on; what follows may be wrong."]
    np.testing.assert_array_equal(picture.pixels, read(tmp_path, data).pixels)


def test_a_jpeg_with_a_wrong_restart_marker_is_read_with_a_note(tmp_path: Path):
    data = encode("JPEG", quality=90, restart_marker_blocks=10)
    markers = [at for at in range(len(data)) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    at = markers[len(markers) // 2]
    picture, whole = read(tmp_path, data[: at + 1] + b"\xd7" + data[at + 2 :]), read(tmp_path, data)
    (note,) = picture.notes
    row = int(note.split("row ")[1].split(" ")[0])
    assert note == f"It is damaged from row {row} of {SIDE} on; what follows may be wrong."
    assert 0.3 < row / SIDE < 0.7
    np.testing.assert_array_equal(picture.pixels[: row - 16], whole.pixels[: row - 16])
    assert np.abs(picture.pixels.astype(int) - whole.pixels).mean() < 20


@pytest.mark.parametrize("exif", [b"", make_exif(8).tobytes()])
def test_damage_in_the_last_rows_of_a_jpeg_is_not_overlooked(tmp_path: Path, exif: bytes):
    data = encode("JPEG", quality=90, exif=exif, subsampling=0)
    assert read(tmp_path, data).notes == []
    picture = read(tmp_path, data[:-20] + b"\xff\xd9")
    assert picture.notes == [f"It is damaged from row {SIDE - 8} of {SIDE} on; what follows may be wrong."]


def test_a_jpeg_that_ends_in_its_first_half_but_says_so_is_refused(tmp_path: Path):
    data = encode("JPEG", quality=90)
    refuse(tmp_path, data[: int(len(data) * 0.3)] + b"\xff\xd9")
    picture = read(tmp_path, data[: int(len(data) * 0.8)] + b"\xff\xd9")
    assert "what follows may be wrong" in picture.notes[0]


def test_a_jpeg_of_an_odd_program_whose_pixels_are_right_needs_no_note(tmp_path: Path):
    data = bytearray(encode("JPEG", quality=90))
    start = data.index(b"\xff\xda")
    data[start + int.from_bytes(data[start + 2 : start + 4])] = 0  # the last frequency, which some telephones leave 0
    picture = read(tmp_path, bytes(data))
    assert picture.notes == []
    np.testing.assert_array_equal(picture.pixels, read(tmp_path, encode("JPEG", quality=90)).pixels)


# --- found by the fuzzer --------------------------------------------------------------------------


def test_a_jpeg_xl_that_unpacks_to_a_damaged_jpeg_is_refused(tmp_path):
    pytest.importorskip("pillow_jxl")
    packed = (ROOT / "tests/samples/formats/repacked.jxl").read_bytes()
    refuse(tmp_path, flipped(packed, 58))  # the JPEG that comes out of it lacks a quantization table


@pytest.mark.parametrize(
    ("per_metre", "per_inch"), [(2**31 - 1, 54546084.6338), (10**9 + 1, 25400000.0254), (-1, None)]
)
def test_an_absurd_density_disturbs_nobody(tmp_path, per_metre, per_inch, capfd):
    bmp = encode("BMP")
    (tmp_path / "p").write_bytes(bmp[:38] + struct.pack("<ii", per_metre, per_metre) + bmp[46:])
    picture = read_picture(tmp_path / "p")
    assert (picture.metadata.density and picture.metadata.density.x) == (per_inch and pytest.approx(per_inch))
    assert np.array_equal(picture.pixels, photograph())
    assert capfd.readouterr() == ("", "")


def test_of_an_absurd_size_only_the_reader_speaks(tmp_path, capfd):
    frames = io.BytesIO()
    Image.fromarray(photograph()).save(
        frames, "AVIF", save_all=True, append_images=[Image.fromarray(noise(SIDE, SIDE, 3))]
    )
    height = b"ispe" + struct.pack(">III", 0, SIDE, SIDE)
    refuse(tmp_path, frames.getvalue().replace(height, height[:-4] + struct.pack(">I", 2**30 + SIDE)))
    assert capfd.readouterr() == ("", "")
