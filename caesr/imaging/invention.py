"""Maps of what a result shows that its input does not: where it contradicts the input, and where it invents."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from caesr.imaging.arrays import to_tensors
from caesr.imaging.metrics import luma, psnr
from caesr.imaging.resize import resize_image

VISIBLE_LUMA = 1 / 16  # of the range of luma: a difference that is seen in passing


def contradiction(result: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, float]:
    """Measure where a result, reduced again, differs from its input.

    Args:
        result: (H', W', 3) uint8, made by upscaling `source`.
        source: (H, W, 3) uint8.
    Returns:
        (H, W) float32, the difference in luma, 0 to 1; and the PSNR in dB over all channels, 99 at most.
    """
    reduced = resize_image(result, source.shape[1] / result.shape[1], (source.shape[0], source.shape[1]))
    return luma_difference(reduced, source), min(99.0, psnr(_levels(reduced), _levels(source)))


def invention(result: np.ndarray, faithful: np.ndarray) -> tuple[np.ndarray, float]:
    """Measure where a result differs from what a network trained for fidelity makes of the same input.

    Args:
        result, faithful: (H, W, 3) uint8.
    Returns:
        (H, W) float32, the difference in luma, 0 to 1; and the share of pixels where it exceeds `VISIBLE_LUMA`.
    """
    where = luma_difference(result, faithful)
    return where, float((where > VISIBLE_LUMA).mean())


def luma_difference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the absolute difference in luma of two (H, W, 3) uint8 -> (H, W) float32, 0 to 1."""
    return ((luma(_levels(x)) - luma(_levels(y)))[0, 0].abs() / 219).numpy()


def heat_map(picture: np.ndarray, where: np.ndarray, full: float = 2 * VISIBLE_LUMA) -> np.ndarray:
    """Draw a map over a darkened grey picture, as heat: black, red, yellow, white.

    Args:
        picture: (H, W, 3) uint8.
        where: (H', W') float32 of the same or a smaller size.
        full: the value of `where` that is drawn white.
    Returns:
        (H, W, 3) uint8.
    """
    grey = luma(_levels(picture))[0] / 255
    heat = F.interpolate(torch.from_numpy(where)[None, None] / full, grey.shape[-2:], mode="bilinear")[0].clamp(0, 1)
    flame = torch.cat([(3 * heat - step).clamp(0, 1) for step in range(3)])
    return ((0.6 * grey * (1 - heat) + flame) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def _levels(image: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [0, 255]."""
    return to_tensors(image)[0][None] * 255
