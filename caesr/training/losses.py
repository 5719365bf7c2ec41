"""What training minimises. Each takes (output, target), both (B, C, H, W) in [0, 1], and gives a scalar."""

import torch
from torch import Tensor
from torch.nn import functional as F


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error."""
    return F.l1_loss(output, target)


def mse(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error: what PSNR measures, so the last stretch of a fidelity run."""
    return F.mse_loss(output, target)


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """L1 with a smooth bottom (Charbonnier et al., ICIP 1994; used for SR by LapSRN, CVPR 2017, eq. 2).

    Shifted so that equal pictures cost nothing.
    """
    return ((output - target).square() + epsilon**2).sqrt().mean() - epsilon


def fft(output: Tensor, target: Tensor) -> Tensor:
    """L1 between the real and imaginary parts of the spectra (Cho et al., MIMO-UNet, ICCV 2021, eq. 5)."""
    difference = torch.fft.rfft2(output - target, norm="ortho")
    return torch.view_as_real(difference).abs().mean()


LOSSES = {"l1": l1, "mse": mse, "charbonnier": charbonnier, "fft": fft}


def weighted(terms: dict[str, float], output: Tensor, target: Tensor) -> Tensor:
    """The sum of the named losses, each times its weight.

    Raises:
        KeyError: a name is not in `LOSSES`.
    """
    return torch.stack([weight * LOSSES[name](output, target) for name, weight in terms.items()]).sum()
