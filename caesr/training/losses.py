"""Losses on pixels. Each takes (output, target), both (B, C, H, W) in [0, 1], and returns a scalar."""

import torch
from torch import Tensor
from torch.nn import functional as F


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error."""
    return F.l1_loss(output, target)


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error: busy patches count most."""
    return F.mse_loss(output, target)


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Mean over the pictures of ln MSE, which is what PSNR averages (so are HINet, CVPRW 2021, and NAFNet trained).

    A flat patch counts as much as a busy one: the last stretch of a fidelity run. The error of rounding to bytes,
    1 / (12 · 255²), is the floor under the logarithm, and equal pictures cost nothing.
    """
    floor = 1 / (12 * 255**2)
    error = (output - target).square().mean(dim=(1, 2, 3))
    return (error / floor + 1).log().mean()


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """L1 with a smooth bottom (Charbonnier et al., ICIP 1994; used for SR by LapSRN, CVPR 2017, eq. 2).

    Shifted so that equal pictures cost nothing.
    """
    return ((output - target).square() + epsilon**2).sqrt().mean() - epsilon


def even(output: Tensor, target: Tensor, deviation: float = 2 / 255, side: int = 4) -> Tensor:
    """Charbonnier, and the same on the steps of the error between neighbours where the target is even, eightfold.

    A perceptual loss and an adversary hardly see a faint grid in a sky, people do. Steps have no phase: a loss on what
    varies within blocks only drives the pattern to their borders. How even a block of 4×4 pixels is falls with its
    variance, by half at about 0.8 of `deviation`. H and W must be multiples of 4.
    """
    with torch.no_grad():
        grey = target.mean(dim=1, keepdim=True)
        mean, square = F.avg_pool2d(grey, side), F.avg_pool2d(grey.square(), side)
        evenness = torch.exp((mean.square() - square).clamp(max=0) / deviation**2)
        evenness = F.interpolate(evenness, scale_factor=side, mode="nearest")
    error = output - target

    def steps(d: Tensor, weight: Tensor) -> Tensor:
        return ((d.square() + 1e-6).sqrt() - 1e-3).mul(weight).mean()

    grain = steps(error.diff(dim=3), evenness[..., 1:]) + steps(error.diff(dim=2), evenness[..., 1:, :])
    return charbonnier(output, target) + 4 * grain


def fft(output: Tensor, target: Tensor) -> Tensor:
    """L1 between the real and imaginary parts of the spectra (Cho et al., MIMO-UNet, ICCV 2021, eq. 5)."""
    difference = torch.fft.rfft2(output - target, norm="ortho")
    return torch.view_as_real(difference).abs().mean()


# By their names in recipes.
LOSSES = {"l1": l1, "mse": mse, "psnr": psnr, "charbonnier": charbonnier, "even": even, "fft": fft}
