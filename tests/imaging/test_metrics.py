"""The metrics, on values that follow from their formulas."""

import math

import pytest
import torch

from caesr.imaging.metrics import luma, psnr, psnr_ssim_y, ssim, weave


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
    assert psnr_ssim_y(x, y, border=4)[0] == math.inf
    assert psnr_ssim_y(x, y, border=3)[0] < 40


def test_weave_counts_a_pattern_where_the_truth_is_flat_and_nowhere_else():
    truth = torch.full((1, 3, 40, 40), 100.0)
    truth[..., 20:] = 255 * torch.rand(1, 3, 40, 20, generator=torch.Generator().manual_seed(0))  # not flat
    woven = truth.clone()
    woven[..., ::2, :16:2] += 4
    woven[..., 1::2, 1:16:2] += 4
    assert weave(truth, truth) == pytest.approx(0, abs=1e-9)
    assert 1.5 < weave(woven, truth) < (2 * 219 / 255) ** 2  # half of 4 grey levels up and down, on luma
    assert math.isnan(weave(woven[..., 20:], truth[..., 20:]))
