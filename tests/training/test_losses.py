"""Losses on pixels: the values of their formulas, and gradients."""

import math

import pytest
import torch

from caesr.training.losses import COLOURS, LOSSES, ycbcr


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_zero_for_equal_pictures_and_has_a_gradient(name):
    x = torch.rand(2, 3, 16, 16, requires_grad=True)
    assert LOSSES[name](x, x.detach()).item() == pytest.approx(0, abs=1e-6)
    LOSSES[name](x, torch.rand(2, 3, 16, 16)).backward()
    assert x.grad.abs().sum() > 0


def test_losses_have_the_values_of_their_formulas():
    a, b = torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.7)
    assert LOSSES["l1"](a, b).item() == pytest.approx(0.2)
    assert LOSSES["mse"](a, b).item() == pytest.approx(0.04)
    two = torch.cat((a, a)), torch.cat((a, b))  # the first of two pictures is perfect
    assert LOSSES["psnr"](*two).item() == pytest.approx(math.log(0.04 * 12 * 255**2 + 1) / 2, rel=1e-5)
    assert LOSSES["charbonnier"](a, b).item() == pytest.approx((0.04 + 1e-6) ** 0.5 - 1e-3)
    # a constant has one coefficient, 0.2·8, among 8·5 complex numbers
    assert LOSSES["fft"](a, b).item() == pytest.approx(1.6 / 80, abs=1e-6)


def test_in_ycbcr_brightness_counts_as_it_is_and_an_error_in_chroma_a_tenth():
    grey = torch.full((1, 3, 8, 8), 0.5)
    brighter, y, cb, cr = ycbcr(grey + 0.2) - ycbcr(grey), *(torch.eye(3))
    assert torch.allclose(brighter, (0.2 * y).view(1, 3, 1, 1).expand(1, 3, 8, 8), atol=1e-6)
    for plane, change in ((cb, (0, -0.344136, 1.772)), (cr, (1.402, -0.714136, 0))):  # RGB of chroma, as in ITU-T T.871
        found = ycbcr(grey + 0.1 * torch.tensor(change).view(1, 3, 1, 1)) - ycbcr(grey)
        assert torch.allclose(found.square(), (0.1 * 0.1**2 * plane).view(1, 3, 1, 1).expand(1, 3, 8, 8), atol=1e-6)
    assert COLOURS["rgb"](grey) is grey


def test_even_punishes_a_faint_grid_in_an_even_area_and_not_in_a_busy_one():
    grid = 0.01 * torch.tensor([1.0, -1.0]).repeat(16).expand(1, 3, 32, 32)
    flat, busy = torch.full((1, 3, 32, 32), 0.5), torch.rand(1, 3, 32, 32)
    plain = LOSSES["charbonnier"](flat + grid, flat).item()
    assert LOSSES["even"](flat + grid, flat).item() > 7 * plain
    assert LOSSES["even"](busy + grid, busy).item() == pytest.approx(plain, rel=0.01)
    assert LOSSES["even"](flat + 0.1, flat).item() == pytest.approx(0.1 - 1e-3, rel=0.01)  # brighter is no grid
