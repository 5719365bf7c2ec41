"""LazyPixels: the same result as from an array, with few rows in memory."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from caesr import Upscaler
from caesr.engine.pipeline import Pipeline
from caesr.files.lazy import BLOCK_ROWS, LazyPixels
from caesr.files.picture import PictureError
from caesr.files.read import open_picture, read_picture
from tests.conftest import ROOT, small
from tests.pictures import noise

MODELS = [small(scale) for scale in (2, 3, 4)]


def as_lazy(image: np.ndarray) -> LazyPixels:
    return LazyPixels(image.shape, image.dtype, lambda start, stop: image[start:stop])


def upscale(upscaler: Upscaler, image: np.ndarray | LazyPixels, scale: float) -> np.ndarray:
    strips: list[np.ndarray] = []
    for _ in upscaler.upscale_rows(image, scale, strips.append):
        pass
    return np.concatenate(strips)


@settings(max_examples=20)
@given(
    st.integers(1, 150),
    st.integers(1, 40),
    st.integers(1, 4),
    st.one_of(st.just("auto"), st.integers(32, 150)),
    st.floats(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_pixels_decoded_on_demand_give_what_their_array_gives(height, width, channels, tile, scale, ensemble, true):
    image = noise(height, width, channels, seed=height)
    upscaler = Upscaler(MODELS, "cpu", tile, ensemble, true)
    assert np.array_equal(upscale(upscaler, as_lazy(image), scale), upscale(upscaler, image, scale))


@pytest.mark.parametrize("true_to_input", [False, True])
def test_rows_are_held_only_while_they_are_needed(true_to_input):
    held, pixels = [], as_lazy(noise(3000, 20, 3))
    for _ in Upscaler(MODELS, "cpu", 64, true_to_input=true_to_input).upscale_rows(pixels, 2, lambda strip: None):
        held.append(sum(len(rows) for _, rows in pixels.blocks))
    assert pixels.stop == 3000
    assert max(held) <= 64 + 4 * BLOCK_ROWS


def test_when_memory_runs_out_in_the_middle_no_row_is_missing(monkeypatch):
    image, compute = noise(700, 90, 3), Pipeline.compute
    expected = upscale(Upscaler(MODELS, "cpu", 64), image, 2)

    def run_out_of_memory(self, rows, columns):
        result = compute(self, rows, columns)
        if rows[0] > 500 and rows[1] - rows[0] > 70:
            raise RuntimeError("not enough memory")
        return result

    monkeypatch.setattr(Pipeline, "compute", run_out_of_memory)
    result = upscale(Upscaler(MODELS, "cpu", 64), as_lazy(image), 2)
    assert np.abs(result.astype(int) - expected).max() <= 1


def test_discarded_rows_cannot_be_read():
    pixels = as_lazy(noise(200, 5, 3))
    assert pixels[100:120, 0:5].shape == (20, 5, 3)
    pixels.discard_before(90)
    assert pixels[90:95, 1:3].shape == (5, 2, 3)
    with pytest.raises(IndexError, match="row 89 was discarded"):
        pixels[89:95, 1:3]


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "tif", "gif"])
def test_windows_of_a_file_are_those_of_the_picture_read_at_once(tmp_path: Path, format: str):
    file = tmp_path / f"a.{format}"
    Image.open(ROOT / "examples" / "cat.png").convert("P" if format == "gif" else "RGB").save(file)
    picture, pixels = read_picture(file), open_picture(file).pixels
    height, width, _ = pixels.shape
    assert (picture.pixels.shape, picture.pixels.dtype) == (pixels.shape, pixels.dtype)
    windows = [pixels[start : min(start + 37, height), 0:width] for start in range(0, height, 37)]
    assert np.array_equal(np.concatenate(windows), picture.pixels)


@settings(max_examples=25)
@given(
    st.integers(1, 24_000),
    st.integers(1, 140),
    st.sampled_from([("png", {}), ("tif", {}), ("tif", {"tile": True, "tile_width": 64, "tile_height": 48})]),
    st.sampled_from([np.uint8, np.uint16]),
)
def test_of_a_picture_of_any_width_the_rows_are_those_of_the_whole(tmp_path_factory, width, height, kind, dtype):
    pixels = noise(height, 31, 3).astype(dtype).repeat(1 + width // 31, axis=1)[:, :width]
    format, options = kind
    file = tmp_path_factory.mktemp("wide") / f"a.{format}"
    space = "srgb" if dtype == np.uint8 else "rgb16"
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).copy(interpretation=space)
    image.write_to_file(str(file), **options)
    lazy = open_picture(file).pixels
    windows = [lazy[start : min(start + 50, height), 0:width] for start in range(0, height, 50)]
    assert np.array_equal(np.concatenate(windows), pixels)
    assert np.array_equal(read_picture(file).pixels, pixels)


@pytest.mark.parametrize("width", [6000, 8256])
def test_a_wide_16_bit_tiff_of_a_camera_is_upscaled(tmp_path, width):
    pixels = np.repeat(noise(70, 1, 3).astype(np.uint16) * 257, width, axis=1)
    pyvips.Image.new_from_array(pixels).copy(interpretation="rgb16").write_to_file(str(tmp_path / "a.tif"))
    upscaler = Upscaler(MODELS, "cpu")
    result = upscale(upscaler, open_picture(tmp_path / "a.tif").pixels, 1)
    assert np.array_equal(result, upscale(upscaler, pixels, 1))


def test_a_file_cut_short_is_refused_where_it_ends(tmp_path: Path):
    file = tmp_path / "a.png"
    Image.fromarray(noise(400, 300, 3)).save(file)
    file.write_bytes(file.read_bytes()[:120_000])
    pixels = open_picture(file).pixels
    assert pixels[0:100, 0:300].shape == (100, 300, 3)
    with pytest.raises(PictureError, match=r"a\.png is damaged, cut short"):
        pixels[100:400, 0:300]
