"""The plan of tiles: every pixel made once, every window sees its halo, starts meet the strides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesr.engine.tiles import cuts, halved, scaled, seen

LENGTH, TILE, HALO, STRIDE = (
    st.integers(1, 500),
    st.integers(1, 200),
    st.integers(0, 60),
    st.sampled_from([1, 2, 3, 4, 8]),
)


@given(LENGTH, TILE, STRIDE, st.floats(1, 8))
def test_cuts_make_every_pixel_of_a_picture_and_of_its_enlargement_once(length, tile, stride, scale):
    cut = cuts(length, tile, stride)
    assert [pixel for first, last in cut for pixel in range(first, last)] == list(range(length))
    assert all(first % stride == 0 and last - first <= tile + stride - 1 for first, last in cut)
    larger = round(length * scale)
    made = [scaled(pixels, scale, length, larger) for pixels in cut]
    assert [pixel for first, last in made for pixel in range(first, last)] == list(range(larger))


@given(LENGTH, st.integers(1, 4), HALO, STRIDE, st.data())
def test_a_window_sees_as_far_as_the_halo_and_begins_at_a_stride(length, scale, halo, stride, data):
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, length * scale)] * 2)))
    start, stop = seen((first, last), length, scale, halo, stride)
    assert start % stride == 0
    assert start == 0 or start * scale <= first - halo * scale
    assert stop == length or stop * scale >= last + halo * scale
    assert 0 <= start <= stop <= length


def test_halves_are_the_whole_and_a_picture_without_pixels_is_refused():
    assert halved((3, 8)) == ((3, 5), (5, 8))
    with pytest.raises(ValueError, match="0 pixels"):
        cuts(0, 64, 8)
