"""Antialiased bicubic resizing as MATLAB's `imresize` does it: one definition for training, evaluation and the page.

Along one axis a resize is a short weighted sum per output sample: the cubic of Keys (1981) with a = -1/2, stretched by
1/scale when reducing (the antialiasing), its weights normalised, the borders mirrored.
"""

import math

import numpy as np
import torch
from torch import Tensor

Range = tuple[int, int]  # start, stop of pixels along one axis
Window = tuple[Range, Range]  # rows and columns


def cubic(x: Tensor) -> Tensor:
    """Evaluate Keys' cubic convolution kernel with a = -1/2 (IEEE ASSP 29, 1981, eq. 15), zero beyond |x| = 2."""
    x = x.abs()
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))


def taps(in_size: int, out_size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Return which input samples each output sample sums (out, taps), int64, and their weights (out, taps), float64."""
    stretch = max(1.0, 1.0 / scale)
    centre = (torch.arange(out_size, dtype=torch.float64) + 0.5) / scale - 0.5
    count = math.ceil(4 * stretch) + 2
    index = (centre - 2 * stretch).floor().long()[:, None] + torch.arange(count)
    weight = cubic((centre[:, None] - index) / stretch)
    weight = weight / weight.sum(dim=1, keepdim=True)
    is_used = weight.abs().amax(dim=0) > 0
    mirrored = index % (2 * in_size)
    mirrored = torch.where(mirrored < in_size, mirrored, 2 * in_size - 1 - mirrored)
    return mirrored[:, is_used], weight[:, is_used]


def resample(x: Tensor, dim: int, index: Tensor, weight: Tensor) -> Tensor:
    """Sum the samples `index` (out, taps) of a floating-point tensor along an axis, times `weight` (out, taps)."""
    index, weight = index.to(x.device), weight.to(x.device, x.dtype)
    shape = [1] * x.ndim
    shape[dim] = len(index)
    y = x.index_select(dim, index[:, 0]) * weight[:, 0].view(shape)
    for k in range(1, index.shape[1]):
        y.addcmul_(x.index_select(dim, index[:, k]), weight[:, k].view(shape))
    return y


def resize(x: Tensor, scale: float, size: tuple[int, int] | None = None) -> Tensor:
    """Resize a picture as MATLAB's `imresize(x, scale)`.

    Args:
        x: (..., H, W), floating point in any range, or uint8.
        scale: the factor; below 1 the kernel is stretched so that nothing aliases.
        size: (H', W') of the result; by default ceil(H·scale), ceil(W·scale).
    Returns:
        (..., H', W') of the same dtype. uint8 is computed in float64 and rounded after each axis, vertical first, which
        is what MATLAB does: its files are reproduced byte for byte.
    """
    size = size or (math.ceil(x.shape[-2] * scale - 1e-9), math.ceil(x.shape[-1] * scale - 1e-9))
    is_bytes = x.dtype == torch.uint8
    device = x.device
    if is_bytes and device.type == "mps":  # which has no float64
        x = x.cpu()
    y = x.double() if is_bytes else x
    for dim in (-2, -1):
        y = resample(y, dim, *taps(y.shape[dim], size[dim], scale))
        if is_bytes:  # halves go up, as in MATLAB; torch rounds them to even
            y = (y + 0.5).floor().clamp(0, 255)
    return y.to(x.dtype).to(device)


def resize_image(image: np.ndarray, scale: float, size: tuple[int, int] | None = None) -> np.ndarray:
    """Resize an array (H, W, C) uint8 -> (H', W', C) uint8, as `resize` does a tensor."""
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return resize(x, scale, size).permute(1, 2, 0).contiguous().numpy()


def upscale_kernel(scale: int) -> Tensor:
    """Return bicubic upscaling as a convolution before a pixel shuffle: (scale², 1, 5, 5), float32."""
    rows = torch.zeros(scale, 5, dtype=torch.float64)
    for phase in range(scale):
        offset = (phase + 0.5) / scale - 0.5  # from the low-res pixel's centre to the sample
        rows[phase] = cubic(torch.arange(-2, 3, dtype=torch.float64) - offset)
    kernel = torch.einsum("ai,bj->abij", rows, rows)
    return kernel.reshape(scale**2, 1, 5, 5).float()


class WindowResize:
    """Bicubic resize of a picture by windows: any window of the output from the part of the input it depends on.

    Args:
        size, out_size: height and width of input and output.
        scale: the factor between them, before rounding.
    """

    def __init__(self, size: Range, out_size: Range, scale: float):
        self.taps = [taps(*lengths, scale) for lengths in zip(size, out_size, strict=True)]
        self.copies: dict[tuple[int, torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}  # of the taps
        lowest = self.taps[0][0].amin(dim=1)
        self.first_needed = lowest.flip(0).cummin(dim=0).values.flip(0)  # input row, by this output row or a later one

    def input_range(self, output: Range, axis: int) -> Range:
        """Return the range of the input that a range of the output depends on; axis 0 for rows, 1 for columns."""
        index = self.taps[axis][0][slice(*output)]
        return int(index.min()), int(index.max()) + 1

    def resize_window(self, x: Tensor, source: Window, output: Window) -> Tensor:
        """Compute the window `output` from the window `source`, x: (..., h, w), floating point.

        If `source` is smaller than what `output` depends on, its border is repeated: only for pixels that are cut away.
        """
        for axis in (0, 1):
            index, weight = self._taps_for(x, axis)
            (start, stop), wanted = source[axis], slice(*output[axis])
            local = (index[wanted] - start).clamp(0, stop - start - 1)
            x = resample(x, axis - 2, local, weight[wanted])
        return x

    def _taps_for(self, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """Return the taps where a tensor is, copied there once."""
        key = axis, x.device, x.dtype
        if key not in self.copies:
            index, weight = self.taps[axis]
            self.copies[key] = copy_to(index, x.device), copy_to(weight.to(x.dtype), x.device)
        return self.copies[key]


def copy_to(x: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to a device; with CUDA without waiting for what runs there."""
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)
