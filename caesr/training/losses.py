"""Losses on pixels. Each takes (output, target), both (B, C, H, W) in [0, 1], and returns a scalar."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

CHROMA = 0.1**0.5  # what an error in chroma counts beside one in luma: a third, or a tenth where it is squared


def log_mse(output: Tensor, target: Tensor) -> Tensor:
    """Return the mean of ln MSE over the pictures, which is what PSNR averages (as in HINet, CVPRW 2021, and NAFNet).

    A flat patch counts as much as a busy one: for the last stretch of training for fidelity. The error of rounding to
    bytes, 1 / (12 · 255²), is the floor under the logarithm, and equal pictures cost nothing.
    """
    floor = 1 / (12 * 255**2)
    error = (output - target).square().mean(dim=(1, 2, 3))
    return (error / floor + 1).log().mean()


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Return L1 with a smooth bottom (Charbonnier et al., ICIP 1994; used for SR by LapSRN, CVPR 2017, eq. 2).

    Shifted so that equal pictures cost nothing.
    """
    return ((output - target).square() + epsilon**2).sqrt().mean() - epsilon


def even(output: Tensor, target: Tensor, deviation: float = 2 / 255, side: int = 4) -> Tensor:
    """Return Charbonnier plus eightfold the same on the error's steps between neighbours where the target is even.

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

    def cost(steps: Tensor, weight: Tensor) -> Tensor:
        return ((steps.square() + 1e-6).sqrt() - 1e-3).mul(weight).mean()

    grain = cost(error.diff(dim=3), evenness[..., 1:]) + cost(error.diff(dim=2), evenness[..., 1:, :])
    return charbonnier(output, target) + 4 * grain


def spectral_l1(output: Tensor, target: Tensor) -> Tensor:
    """Return L1 between the real and imaginary parts of the spectra (Cho et al., MIMO-UNet, ICCV 2021, eq. 5)."""
    difference = torch.fft.rfft2(output - target, norm="ortho")
    return torch.view_as_real(difference).abs().mean()


def rgb(x: Tensor) -> Tensor:
    """Return (B, 3, H, W) as it is."""
    return x


def ycbcr(x: Tensor) -> Tensor:
    """Return Y, Cb and Cr of BT.601 (B, 3, H, W), both chroma planes at `CHROMA`, for RGB (B, 3, H, W) in [0, 1].

    Fine detail is seen in luma, hardly in chroma, as every JPEG makes use of; and PSNR is measured on luma.
    """
    red, green, blue = x.unbind(dim=1)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.stack((y, CHROMA * (blue - y) / 1.772, CHROMA * (red - y) / 1.402), dim=1)


COLOURS: dict[str, Callable[[Tensor], Tensor]] = {"rgb": rgb, "ycbcr": ycbcr}  # what losses compare, as recipes say

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {  # by their names in recipes
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "psnr": log_mse,
    "charbonnier": charbonnier,
    "even": even,
    "fft": spectral_l1,
}
