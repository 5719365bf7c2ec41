"""Comparison: the same picture by every method, with the figures of the standard protocol against the truth."""

import numpy as np
import pytest
from PIL import Image

from caesr import Upscaler
from caesr.evaluation.compare import compare, interpolations
from caesr.evaluation.evaluate import bicubic, evaluate
from caesr.imaging.resize import resize_image
from tests.conftest import small


def test_methods_come_in_their_order_each_with_its_own_result(photograph):
    upscaler = Upscaler(small(2), "cpu")
    methods = interpolations(2) | {"small": lambda low_res: upscaler(low_res, 2)}
    found = list(compare(photograph, methods))
    assert [column.name for column in found] == ["bicubic", "lanczos", "small"]
    assert np.array_equal(found[2].picture, upscaler(photograph, 2))
    assert all(column.milliseconds > 0 and not column.figures and column.error is None for column in found)


@pytest.mark.parametrize("scale", [1.3, 2, 3.7])
def test_interpolations_give_exactly_the_size_asked_for(photograph, scale):
    for upscale in interpolations(scale).values():
        assert upscale(photograph).shape == (round(150 * scale), round(226 * scale), 3)


def test_against_the_truth_the_figures_are_those_of_evaluate(photograph, tmp_path):
    truth = photograph[:, :224][:148]
    Image.fromarray(truth).save(tmp_path / "cat.png")
    (score,) = evaluate(bicubic(2), tmp_path, 2)
    measures = {"worst": lambda x, y: (x - y).abs().amax(dim=(1, 2, 3))}
    column = next(compare(resize_image(truth, 1 / 2), interpolations(2), truth, measures))
    assert column.figures["psnr_y"] == score.figures["psnr_y"]
    assert column.figures["ssim_y"] == score.figures["ssim_y"]
    assert column.error.shape == truth.shape[:2]
    assert 0 < column.error.max() <= column.figures["worst"] + 1e-6


def test_a_truth_of_another_size_is_refused_with_both_sizes(photograph):
    with pytest.raises(ValueError, match="452 x 300 and 226 x 150"):
        list(compare(photograph, interpolations(2), photograph))
