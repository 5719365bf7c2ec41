"""Colours hardly overshoot: no value lies far outside those of the input pixels around it, whatever a network makes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import Upscaler, load_family
from tests.conftest import small
from tests.pictures import around, noise

NETWORKS = [small(scale) for scale in (2, 3, 4)]
OVERSHOOT = 1 / 8  # of the contrast


@settings(max_examples=25)
@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([1.3, 2, 2.5, 3, 4, 5]),
    st.sampled_from([{}, {"ensemble": True}, {"true_to_input": True}]),
    st.booleans(),
    st.sampled_from([32, 4096]),
)
def test_no_colour_leaves_those_around_it_by_more_than_an_eighth_of_their_contrast(
    height, width, dtype, scale, options, two_tone, tile
):
    if options and scale > 4:
        scale = 4  # eight times two passes take long
    image, top = noise(height, width, 3, dtype=dtype, seed=height), np.iinfo(dtype).max
    if two_tone:
        image = np.where(image > top // 2, top // 3 * 2, top // 3).astype(dtype)
    result = Upscaler(NETWORKS, "cpu", tile, **options)(image, scale)
    least, greatest = around(image.astype(float), result.shape[:2], scale, reach=2)
    slack = OVERSHOOT * (greatest - least) + top / 255
    assert (result >= least - slack).all()
    assert (result <= greatest + slack).all()


@pytest.mark.parametrize("name", ["lite", "photo", "texture"])
def test_a_grey_square_on_black_gets_no_white_rim(name):
    image = np.zeros((48, 48, 3), np.uint8)
    image[12:36, 12:36] = 128
    result = Upscaler(load_family(name), "cpu")(image, 4)
    assert result.max() <= 128 * (1 + OVERSHOOT) + 1
    assert (result[:32] == 0).all()
    assert (result[64:128, 64:128] == 128).all()


def test_an_edge_stays_as_steep_as_the_network_makes_it():
    image = np.full((32, 32, 3), 60, np.uint8)
    image[:, 16:] = 180
    result = Upscaler(load_family("lite"), "cpu")(image, 4)[64, :, 0].astype(int)
    assert np.diff(result).max() > 60  # half of the step within one pixel; bicubic makes a quarter of it


def test_a_smooth_gradient_keeps_levels_between_those_of_its_file():
    image = np.arange(40, dtype=np.uint8).repeat(8)[None, :, None].repeat(32, 0).repeat(3, 2) + 90
    deep = image.astype(np.uint16) * 257
    result = Upscaler(load_family("lite"), "cpu")(deep, 2)
    assert len(np.unique(result)) > 60
