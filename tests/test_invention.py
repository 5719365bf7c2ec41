"""What was invented: seen where it is, measured, and taken back when asked."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr.invention import back_project, contradiction, heat, invention
from caesr.layers import from_layers, to_layers
from caesr.resize import resize_image


def test_a_bicubic_enlargement_hardly_contradicts_its_input_and_a_painted_spot_does_where_it_is(photograph):
    source = photograph[:64, :96]
    result = resize_image(source, 3)
    where, decibels = contradiction(result, source)
    assert where.shape == (64, 96)
    assert decibels > 35
    painted = result.copy()
    painted[90:120, 150:180] = 255 - painted[90:120, 150:180]
    spot, fewer = contradiction(painted, source)
    assert fewer < decibels - 5
    assert np.unravel_index(spot.argmax(), spot.shape)[0] in range(29, 41)
    assert np.allclose(spot[:, :45], where[:, :45])


def test_equal_pictures_have_nothing_invented_and_a_changed_quarter_is_a_quarter(photograph):
    where, share = invention(photograph, photograph)
    assert (where.max(), share) == (0, 0)
    grey = np.full((40, 40, 3), 100, np.uint8)
    other = grey.copy()
    other[:20, :20] += 100
    where, share = invention(other, grey)
    assert share == 0.25
    assert where[0, 0] == pytest.approx(100 / 255, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from([1.5, 2, 2.4, 3, 4]), height=st.integers(16, 40), width=st.integers(16, 40))
def test_back_projection_makes_any_result_true_to_its_input_at_any_scale(scale, height, width):
    generator = torch.Generator().manual_seed(height * width)
    source = torch.rand(3, height, width, generator=generator) * 0.5 + 0.25
    result = torch.full((3, round(height * scale), round(width * scale)), 0.5)

    def far(x: torch.Tensor) -> float:
        image = from_layers(x, None, np.zeros((1, 1, 3), np.uint8))
        return contradiction(image, from_layers(source, None, np.zeros((1, 1, 3), np.uint8)))[1]

    assert far(back_project(result, source)) > far(result) + 10


def test_back_projection_keeps_detail_finer_than_the_pixels_of_the_input():
    source = torch.full((3, 32, 32), 0.5)
    weave = torch.full((3, 128, 128), 0.5)
    weave[..., ::2, ::2] += 0.2
    weave[..., 1::2, 1::2] -= 0.2
    after = back_project(weave, source)
    assert torch.allclose(after[..., 16:-16, 16:-16], weave[..., 16:-16, 16:-16], atol=0.02)


def test_the_map_glows_where_it_says_and_is_grey_elsewhere(photograph):
    where = np.zeros((75, 113), np.float32)
    where[:, :30] = 1
    picture = heat(photograph, where)
    assert picture.shape == photograph.shape
    assert picture.dtype == np.uint8
    assert (picture[:, :50] == 255).all()
    dark = picture[:, 80:].astype(int)
    assert (dark.max(axis=2) - dark.min(axis=2)).max() <= 1
    assert 5 < dark.mean() < to_layers(photograph)[0].mean() * 255
