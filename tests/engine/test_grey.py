"""Grey is grey: where red, green and blue of a picture are equal, so are they in the result, and it is that of grey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import Upscaler
from caesr.files.lazy import BLOCK_ROWS, LazyPixels
from caesr.model.family import load_blend, load_family
from tests.conftest import small
from tests.pictures import noise

NETWORKS = [small(scale) for scale in (2, 3, 4)]  # of random weights, whose three channels differ much


def upscale(upscaler: Upscaler, pixels: np.ndarray | LazyPixels, scale: float) -> np.ndarray:
    strips: list[np.ndarray] = []
    for _ in upscaler.upscale_rows(pixels, scale, strips.append):
        pass
    return np.concatenate(strips)


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, :1], 3, axis=2)


@settings(max_examples=25)
@given(
    st.integers(1, 100),
    st.integers(1, 50),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([1, 1.6, 2, 4, 5.3]),
    st.sampled_from([{}, {"ensemble": True}, {"true_to_input": True}]),
    st.sampled_from(["none", "some", "constant"]),
    st.booleans(),
)
def test_a_grey_picture_gives_in_rgb_what_it_gives_in_one_channel(height, width, dtype, scale, options, alpha, lazy):
    if options and scale > 4:
        scale = 4  # eight times two passes take long
    grey = noise(height, width, 1, dtype=dtype, seed=height)
    rgb = as_rgb(grey)
    if alpha != "none":
        values = noise(height, width, 1, dtype=dtype, seed=width) * (noise(height, width, 1) > 99)
        values = values if alpha == "some" else np.full_like(values, 70)
        grey, rgb = np.dstack([grey, values]), np.dstack([rgb, values])
    upscaler = Upscaler(NETWORKS, "cpu", 32, **options)
    image = LazyPixels(rgb.shape, rgb.dtype, lambda start, stop: rgb[start:stop]) if lazy else rgb
    result, expected = upscale(upscaler, image, scale), upscaler(grey, scale)
    assert np.array_equal(result[:, :, :3], as_rgb(expected))
    assert np.array_equal(result[:, :, 3:], expected[:, :, 1:])


@pytest.mark.parametrize("name", ["lite", "texture at 80 %", "photo"])
def test_so_it_is_with_the_networks_of_the_zoo(name):
    grey = noise(24, 30, 1)
    upscaler = Upscaler(load_blend(0.8) if name == "texture at 80 %" else load_family(name), "cpu")
    assert np.array_equal(upscaler(as_rgb(grey), 4), as_rgb(upscaler(grey, 4)))


def test_one_coloured_pixel_makes_a_picture_of_colour():
    rgb = as_rgb(noise(200, 20, 1))
    plain = Upscaler(NETWORKS, "cpu")(rgb, 2)
    rgb[199, 19] = 10, 20, 30
    coloured = Upscaler(NETWORKS, "cpu")(rgb, 2)
    assert np.ptp(plain.astype(int), axis=2).max() == 0
    assert np.ptp(coloured[:100].astype(int), axis=2).max() > 5  # locally grey parts are upscaled as ever
    assert np.array_equal(upscale(Upscaler(NETWORKS, "cpu"), lazy_of(rgb), 2), coloured)


def test_colours_that_nobody_sees_make_no_picture_of_colour_unless_they_are_kept():
    grey = noise(40, 30, 1)
    alpha = np.where(noise(40, 30, 1, seed=1) > 60, 255, 0).astype(np.uint8)
    rgba = np.dstack([as_rgb(grey), alpha])
    rgba[alpha[:, :, 0] == 0, :3] = 255, 0, 7
    expected = Upscaler(NETWORKS, "cpu")(np.dstack([grey, alpha]), 2)
    assert np.array_equal(Upscaler(NETWORKS, "cpu")(rgba, 2), np.dstack([as_rgb(expected), expected[:, :, 1]]))
    kept = Upscaler(NETWORKS, "cpu", keep_hidden_colours=True)(rgba, 2)
    assert np.ptp(kept[:, :, :3].astype(int), axis=2).max() > 100


def lazy_of(rgb: np.ndarray, opened: list[int] | None = None, held: list[int] | None = None) -> LazyPixels:
    """Return pixels decoded on demand that count how often they are opened again."""

    def open_pixels() -> LazyPixels:
        if opened is not None:
            opened.append(1)
        return LazyPixels(rgb.shape, rgb.dtype, lambda start, stop: rgb[start:stop], open_pixels)

    return LazyPixels(rgb.shape, rgb.dtype, lambda start, stop: rgb[start:stop], open_pixels)


def test_a_picture_with_colour_in_its_first_rows_is_decoded_once():
    opened: list[int] = []
    pixels = lazy_of(noise(500, 20, 3), opened)
    upscale(Upscaler(NETWORKS, "cpu"), pixels, 2)
    assert opened == []


def test_a_grey_one_is_decoded_twice_and_few_of_its_rows_are_held():
    opened: list[int] = []
    pixels, held = lazy_of(as_rgb(noise(3000, 20, 1)), opened), []
    for _ in Upscaler(NETWORKS, "cpu", 64).upscale_rows(pixels, 2, lambda strip: None):
        held.append(sum(len(rows) for _, rows in pixels.blocks))
    assert opened == [1]
    assert max(held) <= 64 + 4 * BLOCK_ROWS
