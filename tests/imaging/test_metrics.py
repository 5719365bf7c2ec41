"""The measures, on values worked out otherwise."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.evaluation.degrade import STRENGTHS, Strength, degraded
from caesr.evaluation.evaluate import bicubic, evaluate, means, tensor
from caesr.imaging.metrics import luma, on_luma, psnr, ssim, weave
from caesr.imaging.resize import resize_image


def test_white_black_and_primaries_have_the_luma_of_bt601():
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.float64)
    y = luma(colours.view(5, 3, 1, 1)).flatten().tolist()
    assert y == pytest.approx([16, 235, 16 + 65.481, 16 + 128.553, 16 + 24.966])


def test_one_grey_level_everywhere_is_48_13_db():
    x = torch.full((1, 1, 20, 20), 100.0)
    assert psnr(x, x + 1) == pytest.approx(20 * math.log10(255), abs=1e-4)
    assert psnr(x, x) == math.inf


def test_ssim_is_1_for_equal_pictures_and_the_formula_for_flat_ones():
    x = torch.rand(1, 1, 30, 30) * 255
    assert ssim(x, x) == pytest.approx(1)
    a, b, c1 = 100.0, 120.0, (0.01 * 255) ** 2
    flat = ssim(torch.full((1, 1, 15, 15), a), torch.full((1, 1, 15, 15), b))
    assert flat == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-6)


def test_the_border_is_left_out():
    x = torch.rand(1, 3, 40, 40) * 255
    y = x.clone()
    y[..., :4, :] = 0
    assert on_luma(x, y, border=4)[0] == math.inf
    assert on_luma(x, y, border=3)[0] < 40


@pytest.mark.data
@pytest.mark.parametrize(("scale", "expected"), [(2, 33.67), (3, 30.40), (4, 28.43)])
def test_bicubic_on_set5_measures_what_the_field_publishes(data, scale, expected):
    scores = evaluate(bicubic(scale), data / "test" / "Set5", scale)
    assert means(scores)["psnr_y"] == pytest.approx(expected, abs=0.015)


def test_a_folder_without_pictures_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="No test pictures"):
        evaluate(bicubic(2), tmp_path, 2)


def test_degraded_pictures_are_always_the_same_and_lose_in_every_way_they_should(photograph):
    hr = photograph[:144, :224]
    medium = STRENGTHS["medium"]
    lr, again = degraded(hr, 1 / 2, medium), degraded(hr, 1 / 2, medium)
    assert np.array_equal(lr, again)
    assert lr.shape == (72, 112, 3)
    ways = {"blur": {"noise": 0, "quality": 100}, "noise": {"blur": 0, "quality": 100}, "jpeg": {"blur": 0, "noise": 0}}
    clean = tensor(resize_image(hr, 1 / 2))
    alone = [psnr(tensor(degraded(hr, 1 / 2, replace(medium, **way))), clean) for way in ways.values()]
    assert psnr(tensor(lr), clean) < min(alone) < 40
    nothing = degraded(hr, 1 / 2, Strength(blur=0, noise=0, quality=100))
    assert psnr(tensor(nothing), clean) > max(alone)


def test_stronger_degradation_costs_more_decibels(photograph, tmp_path):
    Image.fromarray(photograph).save(tmp_path / "cat.png")
    ways = [resize_image, *(partial(degraded, strength=strength) for strength in STRENGTHS.values())]
    found = [means(evaluate(bicubic(2), tmp_path, 2, reduce=way))["psnr_y"] for way in ways]
    assert found == sorted(found, reverse=True)
    assert found[2] < found[0] - 1


def test_weave_counts_a_pattern_where_the_truth_is_flat_and_nowhere_else():
    truth = torch.full((1, 3, 40, 40), 100.0)
    truth[..., 20:] = 255 * torch.rand(1, 3, 40, 20, generator=torch.Generator().manual_seed(0))  # not flat
    woven = truth.clone()
    woven[..., ::2, :16:2] += 4
    woven[..., 1::2, 1:16:2] += 4
    assert weave(truth, truth) == pytest.approx(0, abs=1e-9)
    assert 1.5 < weave(woven, truth) < (2 * 219 / 255) ** 2  # half of 4 grey levels up and down, on luma
    assert math.isnan(weave(woven[..., 20:], truth[..., 20:]))
