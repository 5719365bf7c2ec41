"""Image quality against a ground truth: PSNR, SSIM, luma (BT.601), and weave, the grain that a network adds."""

import torch
from torch import Tensor
from torch.nn import functional as F

FLAT_DEVIATION = 1.5  # in grey levels: where the ground truth varies less, it counts as flat


def luma(x: Tensor) -> Tensor:
    """Compute ITU-R BT.601 luma, unrounded: RGB (B, 3, H, W) in [0, 255] -> (B, 1, H, W) in [16, 235]."""
    weights = x.new_tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1) / 255
    return 16 + (x * weights).sum(dim=1, keepdim=True)


def psnr(output: Tensor, target: Tensor) -> float:
    """Compute the peak signal-to-noise ratio in dB of two pictures in [0, 255]; infinite if they are equal."""
    error = (output.double() - target.double()).square().mean().item()
    return float("inf") if error == 0 else 10 * torch.log10(torch.tensor(255.0**2 / error)).item()


def ssim(output: Tensor, target: Tensor) -> float:
    """Compute the structural similarity (Wang et al. 2004) of (B, 1, H, W) in [0, 255], H and W >= 11.

    With the authors' own settings: an 11×11 Gaussian window with σ = 1.5 where it fits wholly, K₁ = 0.01, K₂ = 0.03.
    """
    offset = torch.arange(11, dtype=torch.float64, device=output.device) - 5
    row = torch.exp(-(offset**2) / (2 * 1.5**2))
    row = row / row.sum()  # the window is separable: one pass down, one across
    x, y = output.double(), target.double()

    def mean(z: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(z, row.view(1, 1, 11, 1)), row.view(1, 1, 1, 11))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return similarity.mean().item()


def weave(output: Tensor, target: Tensor) -> float:
    """Measure the fine pattern that a network adds where the ground truth is flat, such as a weave or a grid.

    The mean square of the output minus its 5×5 mean, on luma, over the pixels in whose 9×9 neighbourhood the ground
    truth's 5×5 standard deviation is below `FLAT_DEVIATION` throughout, so that no edge nearby counts. Lower is better.

    Args:
        output, target: RGB (1, 3, H, W) in [0, 255], H and W >= 5.
    Returns:
        Squared grey levels; NaN if the ground truth is flat nowhere.
    """
    x, y = luma(output.double()), luma(target.double())
    mean = F.avg_pool2d(y, 5, stride=1)  # (1, 1, H - 4, W - 4): windows that fit wholly
    variance = F.avg_pool2d(y.square(), 5, stride=1) - mean.square()
    busy = F.max_pool2d((variance >= FLAT_DEVIATION**2).double(), 9, stride=1, padding=4)
    detail = x[..., 2:-2, 2:-2] - F.avg_pool2d(x, 5, stride=1)
    return detail[busy == 0].square().mean().item()


def psnr_ssim_y(output: Tensor, target: Tensor, border: int) -> tuple[float, float]:
    """Compute PSNR in dB and SSIM by the protocol of super-resolution: on luma, a border of so many pixels cut off.

    Args:
        output, target: RGB (1, 3, H, W) in [0, 255].
    """
    inner = slice(border, -border or None)
    x, y = luma(output.double())[..., inner, inner], luma(target.double())[..., inner, inner]
    return psnr(x, y), ssim(x, y)
