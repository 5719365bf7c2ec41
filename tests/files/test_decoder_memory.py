"""The memory that decoders take is estimated from the header, and limited as the number of pixels is."""

from pathlib import Path

import numpy as np
import pytest
import pyvips

from benchmarks import results
from benchmarks.measure import reading
from caesr.files.decoders.memory import decoder_memory
from caesr.files.picture import PictureError
from caesr.files.read import BYTES_PER_PIXEL, open_image, read_picture

MARGIN = 32 << 20  # bytes that do not depend on the size of a picture
on_linux = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="LEFT OUT: this is asked of Linux.")


@pytest.mark.slow
@on_linux
@pytest.mark.parametrize(
    "kind", ["progressive-cmyk.jpg", "interlaced.png", "animated.webp", "1-row.tif", "4-deep-rows.tif"]
)
def test_reading_takes_no_more_memory_than_estimated(kind: str):
    measured = reading.measure(kind)
    assert measured["result"] < measured["taken"] < measured["said"] + measured["file"] + MARGIN


def test_no_kind_took_more_memory_than_estimated_when_it_was_last_measured():
    kinds = results.read("reading")["kinds"]
    assert kinds.keys() == reading.KINDS.keys()
    for kind, measured in kinds.items():
        assert measured["taken"] < measured["said"] + measured["file"] + MARGIN, kind


def write_rows(count: int, file: Path) -> Path:
    """Write a picture of 80,000 pixels in so many rows."""
    pyvips.Image.new_from_array(np.zeros((count, 80_000 // count, 3), np.uint8)).write_to_file(str(file))
    return file


@pytest.mark.parametrize(("suffix", "gigabytes", "enough"), [(".tif", "0.0062", 260_000), (".png", "0.0024", 100_000)])
def test_very_long_rows_are_refused_where_as_many_pixels_in_short_rows_are_read(
    tmp_path: Path, suffix: str, gigabytes: str, enough: int
):
    square, line = write_rows(200, tmp_path / f"square{suffix}"), write_rows(1, tmp_path / f"line{suffix}")
    assert read_picture(square, max_pixels=80_000).pixels.shape == (200, 400, 3)
    with pytest.raises(PictureError, match=f"takes {gigabytes} GB of memory to decode, over the limit of 0.0019 GB"):
        read_picture(line, max_pixels=80_000)
    assert read_picture(line, max_pixels=enough).pixels.shape == (1, 80_000, 3)


@pytest.mark.slow
def test_no_square_picture_of_a_common_kind_within_the_limit_of_pixels_is_refused(tmp_path: Path):
    for kind in ("progressive.jpg", "progressive-cmyk.jpg", "lossy.webp", "animated.webp", "animated.gif", "rows.png"):
        file = tmp_path / kind
        reading.KINDS[kind](file)
        assert read_picture(file, max_pixels=reading.SIDE**2).pixels.shape[:2] == (reading.SIDE, reading.SIDE)


def test_the_limit_is_a_number_of_bytes_for_each_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    line = write_rows(1, tmp_path / "line.tif")
    need = decoder_memory(open_image(line).stored)
    monkeypatch.setenv("CAESR_MAX_PIXELS", str(need // BYTES_PER_PIXEL - 1))
    with pytest.raises(PictureError, match="CAESR_MAX_PIXELS"):
        read_picture(line)
    monkeypatch.setenv("CAESR_MAX_PIXELS", str(need // BYTES_PER_PIXEL + 1))
    assert read_picture(line).pixels.shape == (1, 80_000, 3)
