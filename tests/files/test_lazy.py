"""Pictures that are decoded while they are enlarged: the same result as from an array, and few rows held."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from caesr import Upscaler
from caesr.engine.pipeline import Pipeline
from caesr.files.lazy import BLOCK, LazyPixels
from caesr.files.picture import PictureError
from caesr.files.read import open_picture, read_picture
from tests.conftest import ROOT, small
from tests.pictures import noise

FAMILY = [small(scale) for scale in (2, 3, 4)]


def streamed(image: np.ndarray) -> LazyPixels:
    return LazyPixels(image.shape, image.dtype, lambda first, last: image[first:last])


def joined(upscaler: Upscaler, image: np.ndarray | LazyPixels, scale: float) -> np.ndarray:
    steps = upscaler.strips(image, scale)
    return np.concatenate([step.strip for step in steps if step.strip is not None])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 150),
    st.integers(1, 40),
    st.integers(1, 4),
    st.one_of(st.just("auto"), st.integers(32, 150)),
    st.floats(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_a_file_that_is_decoded_on_the_way_gives_what_its_array_gives(
    height, width, channels, tile, scale, ensemble, true
):
    image = noise(height, width, channels, seed=height)
    upscaler = Upscaler(FAMILY, "cpu", tile, ensemble, true)
    assert np.array_equal(joined(upscaler, streamed(image), scale), joined(upscaler, image, scale))


@pytest.mark.parametrize("true", [False, True])
def test_rows_are_held_only_while_they_are_needed(true):
    held, image = [], noise(3000, 20, 3)
    decoded = streamed(image)
    for _ in Upscaler(FAMILY, "cpu", 64, true_to_input=true).strips(decoded, 2):
        held.append(sum(len(rows) for _, rows in decoded.pieces))
    assert decoded.end == 3000
    assert max(held) <= 64 + 4 * BLOCK


def test_when_memory_runs_out_in_the_middle_no_row_is_missing(monkeypatch):
    image, run = noise(700, 90, 3), Pipeline.window
    expected = joined(Upscaler(FAMILY, "cpu", 64), image, 2)

    def later(self, rows, columns):
        if rows[0] > 500 and rows[1] - rows[0] > 70:
            run(self, rows, columns)
            raise RuntimeError("not enough memory")
        return run(self, rows, columns)

    monkeypatch.setattr(Pipeline, "window", later)
    found = joined(Upscaler(FAMILY, "cpu", 64), streamed(image), 2)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_what_was_forgotten_is_not_shown_as_something_else():
    decoded = streamed(noise(200, 5, 3))
    decoded[100:120, 0:5]
    decoded.forget(90)
    assert decoded[90:95, 1:3].shape == (5, 2, 3)
    with pytest.raises(IndexError, match="row 89 was forgotten"):
        decoded[89:95, 1:3]


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif", "gif"])
def test_a_file_streamed_is_the_file_read(tmp_path: Path, kind: str):
    file = tmp_path / f"a.{kind}"
    Image.open(ROOT / "examples" / "cat.png").convert("P" if kind == "gif" else "RGB").save(file)
    whole, parts = read_picture(file), open_picture(file).pixels
    height, width, channels = parts.shape
    assert (whole.pixels.shape, whole.pixels.dtype) == ((height, width, channels), parts.dtype)
    rows = [parts[first : min(first + 37, height), 0:width] for first in range(0, height, 37)]
    assert np.array_equal(np.concatenate(rows), whole.pixels)


def test_a_file_cut_short_is_refused_where_it_ends(tmp_path: Path):
    file = tmp_path / "a.png"
    Image.fromarray(noise(400, 300, 3)).save(file)
    file.write_bytes(file.read_bytes()[:200_000])
    pixels = open_picture(file).pixels
    assert pixels[0:100, 0:300].shape == (100, 300, 3)
    with pytest.raises(PictureError, match=r"a\.png is damaged, cut short"):
        pixels[100:400, 0:300]
