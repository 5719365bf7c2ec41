"""What an enlargement shows that its input does not: where, and how much."""

import numpy as np
import torch
from torch.nn import functional as F

from caesr.imaging.arrays import to_tensors
from caesr.imaging.metrics import luma, psnr
from caesr.imaging.resize import resize_image

VISIBLE = 1 / 16  # of the range of luma: a difference that is seen in passing


def contradiction(result: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, float]:
    """Where a result, reduced again, is not its input.

    Args:
        result: (H', W', 3) uint8, an enlargement of
        source: (H, W, 3) uint8.
    Returns:
        (H, W) float32, the difference in luma, 0 to 1; and the PSNR in dB over all channels, 99 at most.
    """
    reduced = resize_image(result, source.shape[1] / result.shape[1], (source.shape[0], source.shape[1]))
    layers = [to_tensors(image)[0][None] * 255 for image in (reduced, source)]
    return difference(reduced, source), min(99.0, psnr(*layers))


def invention(result: np.ndarray, faithful: np.ndarray) -> tuple[np.ndarray, float]:
    """Where a result departs from what a network trained on fidelity makes of the same input.

    Args:
        result, faithful: (H, W, 3) uint8.
    Returns:
        (H, W) float32, the difference in luma, 0 to 1; and the share of the pixels where it is `VISIBLE`.
    """
    where = difference(result, faithful)
    return where, float((where > VISIBLE).mean())


def difference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The difference in luma of two pictures (H, W, 3) uint8 -> (H, W) float32, 0 to 1."""
    one, other = (luma(to_tensors(image)[0][None] * 255)[0, 0] for image in (x, y))
    return ((one - other).abs() / 219).numpy()


def heat(picture: np.ndarray, where: np.ndarray, full: float = 2 * VISIBLE) -> np.ndarray:
    """A darkened grey picture that glows where a map says: black, red, yellow, white.

    Args:
        picture: (H, W, 3) uint8.
        where: (H', W') float32 of the same or a smaller size.
        full: what glows fully.
    Returns:
        (H, W, 3) uint8.
    """
    grey = luma(to_tensors(picture)[0][None] * 255)[0] / 255
    glow = F.interpolate(torch.from_numpy(where)[None, None] / full, grey.shape[-2:], mode="bilinear")[0].clamp(0, 1)
    flame = torch.cat([(3 * glow - step).clamp(0, 1) for step in range(3)])
    return ((0.6 * grey * (1 - glow) + flame) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
