"""Antialiased bicubic resizing as MATLAB's `imresize` does it.

One definition for training, evaluation and the page. Along one axis a resize is a short weighted
sum per output sample: the cubic of Keys (1981) with a = -1/2, stretched by 1/scale when reducing
(the antialiasing), its weights normalised, the borders mirrored.
"""

import math

import numpy as np
import torch
from torch import Tensor


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -1/2 (IEEE ASSP 29, 1981, eq. 15), zero beyond |x| = 2."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def taps(in_size: int, out_size: int, scale: float) -> tuple[Tensor, Tensor]:
    """For every output sample: which input samples it takes (out, taps) and with what weights, float64."""
    stretch = max(1.0, 1.0 / scale)
    centre = (torch.arange(out_size, dtype=torch.float64) + 0.5) / scale - 0.5
    count = math.ceil(4 * stretch) + 2
    index = (centre - 2 * stretch).floor().long()[:, None] + torch.arange(count)
    weight = cubic((centre[:, None] - index) / stretch)
    weight = weight / weight.sum(dim=1, keepdim=True)
    used = weight.abs().amax(dim=0) > 0
    mirrored = index % (2 * in_size)
    mirrored = torch.where(mirrored < in_size, mirrored, 2 * in_size - 1 - mirrored)
    return mirrored[:, used], weight[:, used]


def resample(x: Tensor, dim: int, index: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums along an axis of a floating-point tensor: of the samples `index` (out, taps), with `weight`."""
    index, weight = index.to(x.device), weight.to(x.device, x.dtype)
    shape = [1] * x.ndim
    shape[dim] = len(index)
    y = x.index_select(dim, index[:, 0]) * weight[:, 0].view(shape)
    for k in range(1, index.shape[1]):
        y.addcmul_(x.index_select(dim, index[:, k]), weight[:, k].view(shape))
    return y


def resize_axis(x: Tensor, dim: int, out_size: int, scale: float) -> Tensor:
    """Resize a floating-point tensor along one axis."""
    return resample(x, dim, *taps(x.shape[dim], out_size, scale))


def resize(x: Tensor, scale: float, size: tuple[int, int] | None = None) -> Tensor:
    """Resize a picture as MATLAB's `imresize(x, scale)`.

    Args:
        x: (..., H, W), floating point in any range, or uint8.
        scale: the factor; below 1 the kernel is stretched so that nothing aliases.
        size: (H', W') of the result; by default ceil(H·scale), ceil(W·scale).
    Returns:
        (..., H', W') of the same dtype. uint8 is computed in float64 and rounded after each axis,
        vertical first, which is what MATLAB does: its files are reproduced byte for byte.
    """
    height, width = size or tuple(math.ceil(side * scale - 1e-9) for side in x.shape[-2:])
    if x.dtype == torch.uint8:
        y = resize_axis(x.double(), -2, height, scale)
        y = resize_axis(round_half_up(y), -1, width, scale)
        return round_half_up(y).to(torch.uint8)
    return resize_axis(resize_axis(x, -2, height, scale), -1, width, scale)


def resize_image(image: np.ndarray, scale: float, size: tuple[int, int] | None = None) -> np.ndarray:
    """`resize` for a picture as files have it: (H, W, C) uint8 -> (H', W', C) uint8."""
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return resize(x, scale, size).permute(1, 2, 0).contiguous().numpy()


def round_half_up(x: Tensor) -> Tensor:
    """To the nearest whole number within a byte; halves go up, as in MATLAB (torch rounds them to even)."""
    return (x + 0.5).floor().clamp(0, 255)


def upscale_kernel(scale: int) -> Tensor:
    """Bicubic enlargement as a convolution before a pixel shuffle: (scale², 1, 5, 5), float32."""
    rows = torch.zeros(scale, 5, dtype=torch.float64)
    for phase in range(scale):
        offset = (phase + 0.5) / scale - 0.5  # where the sample lies from its low-res pixel
        rows[phase] = cubic(torch.arange(-2, 3, dtype=torch.float64) - offset)
    kernel = torch.einsum("ai,bj->abij", rows, rows)
    return kernel.reshape(scale**2, 1, 5, 5).float()
