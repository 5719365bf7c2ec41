"""Resizing: byte for byte as MATLAB, and consistent in itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from caesr.imaging.resize import WindowResize, resize, resize_image


@pytest.mark.data
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reductions_of_set5_are_byte_for_byte_those_of_matlab(data, scale):
    files = sorted((data / "test/Set5").glob("*.png"))
    assert len(files) == 5
    for file in files:
        high_res = np.array(Image.open(file).convert("RGB"))
        height, width = (side // scale * scale for side in high_res.shape[:2])
        (expected,) = (data / f"test/Set5_LRbicubic/X{scale}").glob(f"{file.stem}*.png")
        assert np.array_equal(resize_image(high_res[:height, :width], 1 / scale), np.array(Image.open(expected)))


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 5), st.floats(0, 1))
def test_a_flat_picture_stays_flat_at_any_scale(height, width, scale, value):
    x = torch.full((3, height, width), value, dtype=torch.float64)
    y = resize(x, scale)
    assert torch.allclose(y, torch.full_like(y, value), atol=1e-9)
    assert y.shape[1] == max(1, int(np.ceil(height * scale - 1e-9)))


@settings(max_examples=20)
@given(st.integers(4, 30), st.sampled_from([2, 3, 4]))
def test_a_reduced_gradient_is_the_same_gradient(side, scale):
    line = torch.arange(side * scale * 4, dtype=torch.float64)
    y = resize(line.expand(3, 8 * scale, -1), 1 / scale)[0, 2]
    expected = (torch.arange(side * 4, dtype=torch.float64) + 0.5) * scale - 0.5
    assert torch.allclose(y[4:-4], expected[4:-4], atol=1e-9)


def test_a_mirrored_picture_gives_the_mirrored_result(photograph):
    assert np.array_equal(resize_image(photograph[:, ::-1], 0.5)[:, ::-1], resize_image(photograph, 0.5))


@pytest.mark.parametrize("scale", [0.37, 1 / 3, 1.7, 4])
def test_windows_equal_the_same_part_of_the_whole(photograph, scale):
    x = torch.from_numpy(photograph).permute(2, 0, 1).float()
    whole = resize(x, scale)
    windows = WindowResize(tuple(x.shape[1:]), tuple(whole.shape[1:]), scale)
    for rows, columns in (((0, 20), (30, 50)), ((20, whole.shape[1]), (0, whole.shape[2]))):
        source = windows.input_range(rows, 0), windows.input_range(columns, 1)
        part = windows.resize_window(x[:, slice(*source[0]), slice(*source[1])], source, (rows, columns))
        assert torch.equal(part, whole[:, slice(*rows), slice(*columns)])


def test_the_first_row_needed_is_the_lowest_of_all_later_ranges():
    windows = WindowResize((50, 7), (21, 3), 0.42)
    starts = [windows.input_range((row, row + 1), 0)[0] for row in range(21)]
    assert windows.first_needed.tolist() == [min(starts[row:]) for row in range(21)]
