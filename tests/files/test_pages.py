"""All pages of a TIFF, all frames of an animation: read as they are shown, and written into one file."""

import io
import struct
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from caesr.files.pages import Pages, PageShape, open_pages
from caesr.files.picture import Density, Metadata, Picture, PictureError, Timing
from caesr.files.png_chunks import png_chunk
from caesr.files.read import inspect, open_picture, read_picture
from caesr.files.write import write_picture
from caesr.files.write_pages import format_of_pages, pages_writer
from tests.conftest import ROOT
from tests.pictures import check_message, make_exif, make_profile, noise, smooth

SAMPLES = ROOT / "tests" / "samples" / "pages"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
SHORT = Timing((Fraction(1, 20), Fraction(7, 100), Fraction(13, 100)), plays=3)


def pictures(path: Path, **options: int) -> list[Picture[np.ndarray]]:
    """Return every page of a file, with its pixels."""
    return [Picture(one.pixels[:, :], one.icc, one.metadata, one.notes) for one in open_pages(path, **options).read()]


def write(pages: list[Picture[np.ndarray]], path: Path, timing: Timing | None = None, quality: int = 100) -> None:
    """Write pictures into one file."""
    sizes = [one.pixels.shape[:2] for one in pages]
    shapes = [PageShape(*size, one.pixels[0, 0].nbytes) for size, one in zip(sizes, pages, strict=True)]
    source = Pages("gif" if timing else "tif", shapes, lambda: iter(pages), timing)
    format = format_of_pages(source, path, None)
    with pages_writer(path, format, sizes, source, quality, "all") as write_page:
        for one, size in zip(pages, sizes, strict=True):
            with write_page(one, size) as rows:
                rows.write(one.pixels)


def rgba(pixels: np.ndarray) -> np.ndarray:
    """Return 8-bit pixels as RGBA, black where they are transparent."""
    image = np.array(Image.fromarray(pixels.squeeze()).convert("RGBA"))
    image[image[..., 3] == 0] = 0
    return image


# --- TIFF -----------------------------------------------------------------------------------------


def test_each_page_of_a_tiff_has_its_own_size_kind_and_metadata():
    opened = open_pages(SAMPLES / "scan.tif")
    assert [(page.height, page.width, page.pixel_bytes) for page in opened.shapes] == [
        (24, 32, 3), (30, 40, 1), (28, 20, 2), (24, 16, 4),
    ]  # fmt: skip
    assert opened.notes == ("Reduced pictures (thumbnails) or masks among its pages were left out: 1.",)
    pages = pictures(SAMPLES / "scan.tif")
    assert [page.pixels.shape for page in pages] == [(24, 32, 3), (30, 40, 1), (28, 20, 1), (24, 16, 4)]
    assert [page.pixels.dtype for page in pages] == [np.uint8, np.uint8, np.uint16, np.uint8]
    assert pages[0].metadata.density == Density(300, 300)
    with Image.open(SAMPLES / "scan.tif") as image:
        for index, page in zip((0, 2), pages, strict=False):
            image.seek(index)
            assert np.array_equal(page.pixels.squeeze(), np.array(image.convert("RGB" if index == 0 else "L")))


def test_pages_of_a_big_tiff_are_read():
    assert [page.pixels.shape for page in pictures(SAMPLES / "big.tif")] == [(24, 32, 3), (30, 40, 1)]


def test_pages_of_any_sizes_and_kinds_are_written_and_read_back(tmp_path):
    exif, profile = make_exif().tobytes().removeprefix(b"Exif\0\0"), make_profile()
    pages = [
        Picture(noise(9, 7, 3), profile, Metadata(exif, XMP, density=Density(300, 150))),
        Picture(noise(300, 5, 1, dtype=np.uint16, seed=1)),
        Picture(noise(4, 600, 4, seed=2), metadata=Metadata(density=Density(72, 72))),
        Picture(noise(6, 6, 2, seed=3)),
    ]  # fmt: skip
    write(pages, tmp_path / "p.tif")
    for page, back in zip(pages, pictures(tmp_path / "p.tif"), strict=True):
        assert np.array_equal(back.pixels, page.pixels)
        assert (back.icc, back.metadata.density) == (page.icc, page.metadata.density)
    first = next(open_pages(tmp_path / "p.tif").read())
    write_picture(pages[0], tmp_path / "alone.tif", metadata="all")
    alone = open_picture(tmp_path / "alone.tif")
    assert (first.metadata.exif, first.metadata.xmp) == (alone.metadata.exif, alone.metadata.xmp)
    with Image.open(tmp_path / "p.tif") as image:
        assert image.n_frames == 4
        for index, page in enumerate(pages):
            image.seek(index)
            assert np.array_equal(np.array(image), page.pixels.squeeze())
            assert image.tag_v2[254] == 2
            assert image.tag_v2[297] == (index, 4)


def test_a_tiff_of_more_than_four_gigabytes_would_be_a_big_one(tmp_path):
    page = Picture(smooth())
    shapes = [PageShape(48, 64, 3), PageShape(40_000, 40_000, 3)]  # the second is never written
    source = Pages("tif", shapes, lambda: iter([page, page]))
    sizes = [(48, 64), (40_000, 40_000)]
    with pages_writer(tmp_path / "p.tif", "tif", sizes, source, 95, "all") as write_page:
        for _ in sizes:
            with write_page(page, (48, 64)) as rows:
                rows.write(page.pixels)
    assert (tmp_path / "p.tif").read_bytes()[:4] == b"II+\0"
    assert all(np.array_equal(back.pixels, page.pixels) for back in pictures(tmp_path / "p.tif"))


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.booleans()), min_size=2, max_size=5
    )
)
def test_any_pages_come_back(tmp_path_factory, shapes):
    path = tmp_path_factory.mktemp("pages") / "p.tif"
    pages = [Picture(noise(*shape, dtype=np.uint16 if deep else np.uint8)) for *shape, deep in shapes]
    write(pages, path)
    assert all(np.array_equal(back.pixels, page.pixels) for back, page in zip(pictures(path), pages, strict=True))


def damaged_scan() -> bytes:
    """Return the scan with a compression of the fourth page that is unknown."""
    data = bytearray((SAMPLES / "scan.tif").read_bytes())
    (at,) = struct.unpack_from("<L", data, 4)
    for _ in range(3):
        (count,) = struct.unpack_from("<H", data, at)
        (at,) = struct.unpack_from("<L", data, at + 2 + 12 * count)
    (count,) = struct.unpack_from("<H", data, at)
    entry = next(place for place in range(at + 2, at + 2 + 12 * count, 12) if data[place : place + 2] == b"\x03\x01")
    struct.pack_into("<H", data, entry + 8, 34712)
    return bytes(data)


def test_a_page_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "p.tif").write_bytes(damaged_scan())
    with pytest.raises(PictureError, match=r"^Page 3 of 4: p\.tif is compressed by JPEG 2000") as error:
        open_pages(tmp_path / "p.tif")
    check_message(error, "p.tif")
    assert read_picture(tmp_path / "p.tif").pixels.shape == (24, 32, 3)  # the first one can


def test_too_many_pages_are_refused_at_once(tmp_path):
    frame = bytes.fromhex("2c 0000 0000 0100 0100 00 02 02 4401 00")
    beginning = b"GIF89a" + bytes.fromhex("0100 0100 80 00 00 000000 ffffff")
    (tmp_path / "p.gif").write_bytes(beginning + 2001 * frame + b";")
    with pytest.raises(PictureError, match="over the limit of 2000"):
        open_pages(tmp_path / "p.gif")


# --- animations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp"])
def test_frames_come_as_they_are_shown(name):
    frames = [rgba(frame.pixels) for frame in pictures(SAMPLES / name)]
    with Image.open(SAMPLES / name) as image:
        shown = [np.array(frame.convert("RGBA")) for frame in ImageSequence.Iterator(image)]
    if name == "moving.gif":  # of which Pillow makes something else
        shown = np.split(np.array(Image.open(SAMPLES / "shown.png").convert("RGBA")), 4)
    assert len(frames) == len(shown) == 4
    for frame, expected in zip(frames, shown, strict=True):
        assert np.abs(frame.astype(int) - np.where(expected[..., 3:] == 0, 0, expected)).max() <= 1


def test_the_times_of_frames_are_read():
    assert open_pages(SAMPLES / "moving.gif").timing == Timing(
        (Fraction(5, 100), Fraction(7, 100), Fraction(13, 100), Fraction(2)), plays=3
    )  # fmt: skip
    timing = open_pages(SAMPLES / "moving.webp").timing
    assert timing == Timing(
        (Fraction(5, 100), Fraction(8, 1000), Fraction(13, 100), Fraction(3)), 2, bytes((30, 20, 10, 40))
    )


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_frames_and_their_times_are_written(tmp_path, format, channels):
    base = smooth(20, 30)[..., :1] // 64 * 64 if channels == 1 else smooth(20, 30) // 64 * 64
    frames = [np.roll(base, 4 * number, axis=1) for number in range(3)]
    if channels == 4:
        frames = [
            np.dstack((frame, np.roll(np.tile(np.uint8([0, 255]), (20, 15)), n, 1))) for n, frame in enumerate(frames)
        ]
    write([Picture(frame) for frame in frames], tmp_path / f"p.{format}", SHORT)
    opened = open_pages(tmp_path / f"p.{format}")
    assert opened.timing is not None
    assert (opened.timing.seconds, opened.timing.plays) == (SHORT.seconds, SHORT.plays)
    for back, frame in zip(opened.read(), frames, strict=True):
        assert np.array_equal(rgba(back.pixels), rgba(frame))
    with Image.open(tmp_path / f"p.{format}") as image:
        assert image.n_frames == 3
        for frame, shown in zip(frames, ImageSequence.Iterator(image), strict=True):
            shown = np.array(shown.convert("RGBA"))
            shown[shown[..., 3] == 0] = 0
            assert np.array_equal(shown, rgba(frame))


def test_durations_of_a_webp_stay_exact(tmp_path):
    timing = Timing((Fraction(0), Fraction(1, 1000), Fraction(10, 1000), Fraction(20)), 0, bytes((1, 2, 3, 4)))
    write([Picture(noise(8, 8, 3, seed=number)) for number in range(4)], tmp_path / "p.webp", timing)
    assert open_pages(tmp_path / "p.webp").timing == timing


@given(st.lists(st.fractions(0, 70_000), min_size=2, max_size=4), st.integers(0, 2**31 - 1))
@settings(max_examples=20)
def test_durations_of_a_png_stay_as_exact_as_it_can_hold(tmp_path_factory, seconds, plays):
    path = tmp_path_factory.mktemp("pages") / "p.png"
    write([Picture(noise(2, 2, 3))] * len(seconds), path, Timing(tuple(seconds), plays))
    timing = open_pages(path).timing
    assert timing is not None
    assert timing.plays == plays
    for read, written in zip(timing.seconds, seconds, strict=True):
        assert abs(read - min(written, 65535)) <= max(1, written) / 32767


def test_sixteen_bits_and_what_travels_with_an_animated_png_are_kept(tmp_path):
    frames = [noise(9, 8, 4, dtype=np.uint16, seed=number) for number in range(2)]
    metadata = Metadata(density=Density(300, 300), texts=(("Title", "Two"),))
    pages = [Picture(frame, make_profile(), metadata) for frame in frames]
    write(pages, tmp_path / "p.png", Timing((Fraction(1, 3), Fraction(1, 7)), 0))
    backs = pictures(tmp_path / "p.png")
    for back, frame in zip(backs, frames, strict=True):
        assert np.array_equal(back.pixels, frame)
        assert (back.icc, back.metadata.density) == (make_profile(), Density(300, 300))
        assert back.metadata.texts == (("Title", "Two"),)
    assert open_pages(tmp_path / "p.png").timing == Timing((Fraction(1, 3), Fraction(1, 7)), 0)
    assert np.array_equal(read_picture(tmp_path / "p.png").pixels, frames[0])  # of programs without animation


def apng(frames: list[tuple[np.ndarray, tuple[int, int], int, int]], default: np.ndarray | None = None) -> bytes:
    """Return an animated PNG of frames: RGBA, left and top, dispose, blend; and a picture that is no frame."""

    def parts(pixels: np.ndarray) -> dict[bytes, bytes]:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        data, at, found = file.getvalue(), 8, dict[bytes, bytes]()
        while at < len(data):
            size, kind = struct.unpack_from(">L4s", data, at)
            found[kind] = found.get(kind, b"") + data[at + 8 : at + 8 + size]
            at += 12 + size
        return found

    whole = default if default is not None else frames[0][0]
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", parts(whole)[b"IHDR"])
    data += png_chunk(b"acTL", struct.pack(">LL", len(frames), 0))
    data += png_chunk(b"IDAT", parts(default)[b"IDAT"]) if default is not None else b""
    number = 0
    for index, (pixels, (left, top), dispose, blend) in enumerate(frames):
        control = struct.pack(">LLLLLHHBB", number, pixels.shape[1], pixels.shape[0], left, top, 1, 10, dispose, blend)
        data += png_chunk(b"fcTL", control)
        number += 1
        if index == 0 and default is None:
            data += png_chunk(b"IDAT", parts(pixels)[b"IDAT"])
        else:
            data += png_chunk(b"fdAT", struct.pack(">L", number) + parts(pixels)[b"IDAT"])
            number += 1
    return data + png_chunk(b"IEND", b"")


def test_frames_of_a_png_are_disposed_of_and_blended_as_it_says(tmp_path):
    def plain(height: int, width: int, *colour: int) -> np.ndarray:
        return np.full((height, width, 4), colour, np.uint8)

    red, half, clear = (200, 0, 0, 255), (0, 100, 0, 128), (9, 9, 9, 0)
    data = apng([
        (plain(4, 6, *red), (0, 0), 0, 0),
        (plain(2, 2, *half), (0, 0), 2, 1),  # over red; then red comes back
        (plain(2, 2, *half), (2, 0), 1, 0),  # instead of red; then nothing is left there
        (plain(2, 4, *half), (2, 0), 0, 1),  # over nothing, and over red
        (plain(4, 6, *clear), (0, 0), 0, 1),  # over all, and unseen
    ])  # fmt: skip
    (tmp_path / "p.png").write_bytes(data)
    frames = [frame.pixels for frame in pictures(tmp_path / "p.png")]
    mixed = (100, 50, 0, 255)
    assert np.array_equal(frames[0], plain(4, 6, *red))
    assert np.abs(frames[1][:2, :2].astype(int) - mixed).max() <= 1
    assert np.array_equal(frames[2][:2, :2], plain(2, 2, *red))
    assert np.array_equal(frames[2][:2, 2:4], plain(2, 2, *half))
    assert np.array_equal(frames[3][:2, 2:4], plain(2, 2, *half))
    assert np.abs(frames[3][:2, 4:].astype(int) - mixed).max() <= 1
    assert np.array_equal(frames[4], frames[3])


def test_the_picture_for_programs_without_animation_is_no_frame(tmp_path):
    default, first, second = (np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30))
    (tmp_path / "p.png").write_bytes(apng([(first, (0, 0), 0, 0), (second, (0, 0), 0, 0)], default))
    opened = open_pages(tmp_path / "p.png")
    assert opened.notes == ("Its separate picture for programs without animation was left out.",)
    assert [int(frame.pixels.max()) for frame in opened.read()] == [20, 30]
    assert int(read_picture(tmp_path / "p.png").pixels.max()) == 10


def damaged(name: str, data: bytes) -> bytes:
    """Return an animation with damage of a kind."""
    if name == "cut short":
        return data[: len(data) * 3 // 5]
    if name == "cut in the first frame":
        return data[: len(data) // 4]
    middle = len(data) * 3 // 5
    return data[:middle] + bytes(value ^ 0x55 for value in data[middle : middle + 20]) + data[middle + 20 :]


@pytest.mark.parametrize(
    ("format", "name"),
    [*product(("gif", "webp", "png"), ("cut short", "cut in the first frame")), ("png", "other bytes")],
)
def test_an_animation_with_a_damaged_frame_is_refused(tmp_path, format, name):
    path = tmp_path / f"p.{format}"
    write([Picture(noise(30, 30, 3, seed=number)) for number in range(3)], path, SHORT)
    path.write_bytes(damaged(name, path.read_bytes()))
    with pytest.raises(PictureError) as error:
        pictures(path)
    check_message(error, path.name)


def test_a_gif_without_its_last_byte_has_all_its_frames(tmp_path):
    (tmp_path / "p.gif").write_bytes((SAMPLES / "moving.gif").read_bytes()[:-1])
    frames = pictures(tmp_path / "p.gif")
    assert len(frames) == 4
    assert "It lacks the end of the file; its pixels are all there." in frames[0].notes


def test_comments_and_xmp_of_a_gif_are_kept(tmp_path):
    metadata = Metadata(xmp=XMP, texts=(("Comment", "A long one. " * 40), ("Comment", "é")))
    write([Picture(smooth(), metadata=metadata)] * 3, tmp_path / "p.gif", SHORT)
    back = pictures(tmp_path / "p.gif")[0].metadata
    assert back.texts == metadata.texts
    assert back.xmp is not None
    assert b"xmpmeta" in back.xmp
    with Image.open(tmp_path / "p.gif") as image:
        assert image.n_frames == 3


# --- what is taken, and limits --------------------------------------------------------------------


def test_all_frames_count_for_the_limit(tmp_path):
    frames = [Image.fromarray(noise(10, 10, 3, seed=number)) for number in range(3)]
    for format in ("gif", "webp", "png"):
        path = tmp_path / f"p.{format}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert len(open_pages(path, max_pixels=300)) == 3
        with pytest.raises(PictureError, match=r"3 frames of 10 x 10 pixels.*limit of 0\.000299 \(.* GB\)") as error:
            open_pages(path, max_pixels=299)
        check_message(error, path.name)
    frames[0].save(tmp_path / "p.tif", save_all=True, append_images=frames[1:])
    assert len(open_pages(tmp_path / "p.tif", max_pixels=100)) == 3  # in memory there is one at a time
    with pytest.raises(PictureError, match=r"^Page 1 of 3: "):
        open_pages(tmp_path / "p.tif", max_pixels=99)


@pytest.mark.parametrize("format", ["jpg", "avif", "bmp"])
def test_of_other_kinds_the_first_picture_is_taken_and_that_is_said(tmp_path, format):
    frames = [Image.fromarray(noise(8, 8, 3, seed=number)) for number in range(2)]
    kinds = {"jpg": "MPO", "avif": "AVIF", "bmp": "BMP"}
    many = {} if format == "bmp" else {"save_all": True, "append_images": frames[1:]}
    frames[0].save(tmp_path / f"p.{format}", kinds[format], **many)
    opened = open_pages(tmp_path / f"p.{format}")
    assert len(opened) == 1
    notes = next(opened.read()).notes
    assert ("It has 2 pages or frames, of which the first was taken." in notes) == (
        inspect(tmp_path / f"p.{format}").pages > 1
    )


@pytest.mark.parametrize("name", ["scan.tif", "moving.gif", "moving.webp"])
def test_without_the_option_the_note_names_it(name):
    assert any(
        "of which the first was taken; --pages all takes all." in note for note in open_picture(SAMPLES / name).notes
    )
    assert len(open_pages(SAMPLES / name, every=False)) == 1


@pytest.mark.parametrize(("name", "target"), [("scan.tif", "p.png"), ("scan.tif", "p.gif"), ("moving.gif", "p.tif"),
                                              ("moving.webp", "p.gif"), ("moving.gif", "p.jpg")])  # fmt: skip
def test_a_file_that_cannot_hold_the_pages_is_refused(name, target):
    with pytest.raises(PictureError, match="pages or frames, which such a file does not hold") as error:
        format_of_pages(open_pages(SAMPLES / name), Path(target), None)
    check_message(error, target)


def test_a_gif_is_made_of_a_gif_only(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "p.png")
    with pytest.raises(PictureError, match="a GIF is written of another GIF only"):
        format_of_pages(open_pages(tmp_path / "p.png"), tmp_path / "p.gif", None)
