"""Resizing: byte for byte MATLAB's, and sound in itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from caesr.imaging.resize import resize, resize_image


@pytest.mark.data
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reductions_of_set5_are_byte_for_byte_those_of_matlab(data, scale):
    files = sorted((data / "test/Set5").glob("*.png"))
    assert len(files) == 5
    for file in files:
        hr = np.array(Image.open(file).convert("RGB"))
        height, width = (side // scale * scale for side in hr.shape[:2])
        (expected,) = (data / f"test/Set5_LRbicubic/X{scale}").glob(f"{file.stem}*.png")
        assert np.array_equal(resize_image(hr[:height, :width], 1 / scale), np.array(Image.open(expected)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 5), st.floats(0, 1))
def test_a_flat_picture_stays_flat_at_any_scale(height, width, scale, value):
    x = torch.full((3, height, width), value, dtype=torch.float64)
    y = resize(x, scale)
    assert torch.allclose(y, torch.full_like(y, value), atol=1e-9)
    assert y.shape[1] == max(1, int(np.ceil(height * scale - 1e-9)))


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 30), st.sampled_from([2, 3, 4]))
def test_a_reduced_gradient_is_the_same_gradient(side, scale):
    line = torch.arange(side * scale * 4, dtype=torch.float64)
    y = resize(line.expand(3, 8 * scale, -1), 1 / scale)[0, 2]
    expected = (torch.arange(side * 4, dtype=torch.float64) + 0.5) * scale - 0.5
    assert torch.allclose(y[4:-4], expected[4:-4], atol=1e-9)


def test_a_mirrored_picture_gives_the_mirrored_result(photograph):
    assert np.array_equal(resize_image(photograph[:, ::-1], 0.5)[:, ::-1], resize_image(photograph, 0.5))
