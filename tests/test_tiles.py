"""The plan of tiles: every pixel made once, every tile sees its halo, starts meet the strides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesr.tiles import plan, spans

LENGTH, TILE, HALO, STRIDE = (
    st.integers(1, 500),
    st.integers(1, 200),
    st.integers(0, 60),
    st.sampled_from([1, 2, 3, 4, 8]),
)


@given(LENGTH, TILE, HALO, STRIDE)
def test_spans_make_every_pixel_once_and_see_as_far_as_the_halo(length, tile, halo, stride):
    cut = spans(length, tile, halo, stride)
    assert [pixel for s in cut for pixel in range(s.start, s.stop)] == list(range(length))
    for s in cut:
        assert s.first % stride == s.start % stride == 0
        assert s.first == 0 or s.start - s.first >= halo
        assert s.last == length or s.last - s.stop >= halo
        assert 0 <= s.first <= s.start < s.stop <= s.last <= length
        assert s.stop - s.start <= tile + stride - 1


@given(LENGTH, LENGTH, TILE)
def test_a_plan_covers_the_picture_exactly(height, width, tile):
    area = sum(
        (t.rows.stop - t.rows.start) * (t.columns.stop - t.columns.start) for t in plan(height, width, tile, 7, 2)
    )
    assert area == height * width


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(ValueError, match="0 pixels"):
        spans(0, 64, 8, 2)
