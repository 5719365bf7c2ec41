"""Sizes instead of scales: what was asked for is what comes out, to the pixel."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesr.jobs.target import KINDS, Target

SIDE = st.integers(1, 20_000)


@given(SIDE, SIDE, st.integers(1, 60_000))
def test_a_width_a_height_and_a_long_side_are_reached_to_the_pixel(height, width, wanted):
    assert round(width * Target("width", wanted).scale(height, width)) == wanted
    assert round(height * Target("height", wanted).scale(height, width)) == wanted
    assert max(round(side * Target("long side", wanted).scale(height, width)) for side in (height, width)) == wanted


@given(SIDE, SIDE, st.floats(0.01, 1000))
def test_megapixels_are_reached_and_a_scale_stays_itself(height, width, megapixels):
    scale = Target("megapixels", megapixels).scale(height, width)
    assert math.isclose(height * scale * width * scale, megapixels * 1e6)
    assert Target("scale", megapixels).scale(height, width) == megapixels


@pytest.mark.parametrize(
    ("kind", "value", "why"), [("depth", 4, "depth"), ("width", 0, "above 0"), ("scale", math.nan, "above 0")]
)
def test_what_is_no_size_is_refused_in_words(kind, value, why):
    with pytest.raises(ValueError, match=why):
        Target(kind, value)


def test_the_names_of_files_tell_sizes_apart():
    assert [str(Target(kind, 2048)) for kind in KINDS] == ["2048x", "2048w", "2048h", "2048px", "2048mp"]
    assert str(Target("scale", 2.5)) == "2.5x"
