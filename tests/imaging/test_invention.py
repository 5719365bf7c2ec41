"""Maps of contradictions and inventions: in the right place, of the right size."""

import numpy as np
import pytest

from caesr.imaging.arrays import to_tensors
from caesr.imaging.invention import contradiction, heat_map, invention
from caesr.imaging.resize import resize_image


def test_bicubic_upscaling_hardly_contradicts_its_input_and_a_painted_spot_does_where_it_is(photograph):
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


def test_the_heat_map_is_white_where_the_map_is_full_and_grey_elsewhere(photograph):
    where = np.zeros((75, 113), np.float32)
    where[:, :30] = 1
    picture = heat_map(photograph, where)
    assert picture.shape == photograph.shape
    assert picture.dtype == np.uint8
    assert (picture[:, :50] == 255).all()
    dark = picture[:, 80:].astype(int)
    assert (dark.max(axis=2) - dark.min(axis=2)).max() <= 1
    assert 5 < dark.mean() < to_tensors(photograph)[0].mean() * 255
