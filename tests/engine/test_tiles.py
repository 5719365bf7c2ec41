"""Tile arithmetic: tiles cover every pixel once, include their halo, and start at multiples of the stride."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesr.engine.tiles import add_halo, cut_axis, halve, scale_range

LENGTH, TILE, HALO = st.integers(1, 500), st.integers(1, 200), st.integers(0, 60)
STRIDE = st.sampled_from([1, 2, 3, 4, 8])


@given(LENGTH, TILE, STRIDE, st.floats(1, 8))
def test_tiles_cover_every_pixel_of_a_picture_and_of_its_result_once(length, tile, stride, scale):
    ranges = cut_axis(length, tile, stride)
    assert [pixel for start, stop in ranges for pixel in range(start, stop)] == list(range(length))
    assert all(start % stride == 0 and stop - start <= tile + stride - 1 for start, stop in ranges)
    out_length = round(length * scale)
    scaled = [scale_range(pixels, scale, length, out_length) for pixels in ranges]
    assert [pixel for start, stop in scaled for pixel in range(start, stop)] == list(range(out_length))


@given(LENGTH, st.integers(1, 4), HALO, STRIDE, st.data())
def test_the_input_of_a_range_includes_the_halo_and_starts_at_a_multiple_of_the_stride(
    length, scale, halo, stride, data
):
    out_start, out_stop = sorted(data.draw(st.tuples(*[st.integers(0, length * scale)] * 2)))
    start, stop = add_halo((out_start, out_stop), length, scale, halo, stride)
    assert start % stride == 0
    assert start == 0 or start * scale <= out_start - halo * scale
    assert stop == length or stop * scale >= out_stop + halo * scale
    assert 0 <= start <= stop <= length


def test_halves_are_the_whole_and_a_picture_without_pixels_is_refused():
    assert halve((3, 8)) == ((3, 5), (5, 8))
    with pytest.raises(ValueError, match="0 pixels"):
        cut_axis(0, 64, 8)
