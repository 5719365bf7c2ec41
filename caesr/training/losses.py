"""What training minimises. Each takes (output, target), both (B, C, H, W) in [0, 1], and gives a scalar."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.perceptual import VGG16Features


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


def fft(output: Tensor, target: Tensor) -> Tensor:
    """L1 between the real and imaginary parts of the spectra (Cho et al., MIMO-UNet, ICCV 2021, eq. 5)."""
    difference = torch.fft.rfft2(output - target, norm="ortho")
    return torch.view_as_real(difference).abs().mean()


def wavelet(output: Tensor, target: Tensor) -> Tensor:
    """L1 between the detail bands of the luma, by one level of the undecimated Haar wavelet.

    The bands and their weights are those of WGSR (Korkmaz et al., CVPR 2024, eq. 7), its low band left to the pixel
    loss: details may move a little along an edge, less so across both directions.
    """
    weights = output.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    difference = ((output - target) * weights).sum(dim=1, keepdim=True)
    low, high = output.new_tensor([0.5, 0.5]), output.new_tensor([0.5, -0.5])
    bands = torch.stack([torch.outer(low, high), torch.outer(high, low), torch.outer(high, high)])[:, None]
    horizontal, vertical, diagonal = F.conv2d(difference, bands).abs().mean(dim=(0, 2, 3))
    return 0.2 * (horizontal + vertical) + diagonal


def ldl(output: Tensor, target: Tensor, mean: Tensor) -> Tensor:
    """L1 where the network invents artefacts (Liang et al., LDL, CVPR 2022, eqs. 4-8).

    Artefacts are where the residual varies much from pixel to pixel, and where the live network is further from the
    target than the steadier running mean of its weights, whose output is `mean`.
    """
    with torch.no_grad():
        residual = (target - output).abs().sum(dim=1, keepdim=True)
        steady = (target - mean).abs().sum(dim=1, keepdim=True)
        padded = F.pad(residual, (3, 3, 3, 3), mode="reflect")
        windows = F.unfold(padded, 7).view(len(output), 49, *output.shape[-2:])
        local = windows.var(dim=1, keepdim=True)
        overall = residual.var(dim=(1, 2, 3), keepdim=True) ** 0.2
        weight = torch.where(residual < steady, torch.zeros_like(local), local * overall)
    return (weight * (output - target).abs()).mean()


class Perceptual(nn.Module):
    """L1 between VGG16's features before their ReLU, the early stages at a tenth (Real-ESRGAN, section 4.1)."""

    def __init__(self, folder: Path):
        super().__init__()
        self.vgg = VGG16Features(folder, relu=False)
        self.weights = (0.1, 0.1, 1.0, 1.0, 1.0)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        with torch.autocast(output.device.type, dtype=torch.bfloat16):
            with torch.no_grad():
                wanted = self.vgg(target)
            made = self.vgg(output)
        terms = zip(self.weights, made, wanted, strict=True)
        return torch.stack([weight * F.l1_loss(x.float(), y.float()) for weight, x, y in terms]).sum()


# The losses that need nothing but the two pictures, by their names in recipes.
LOSSES = {"l1": l1, "mse": mse, "psnr": psnr, "charbonnier": charbonnier, "fft": fft, "wavelet": wavelet}
