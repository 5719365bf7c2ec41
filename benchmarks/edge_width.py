"""A no-reference measure of blur: how wide the steepest edges of a picture are."""

import torch
from torch import Tensor
from torch.nn import functional as F

from caesr.imaging.artefacts import noise


def edge_width(y: Tensor, share: float = 0.01, reach: int = 8) -> Tensor:
    """Return the width of the steepest edges of lumas (B, 1, H, W) in pixels: (B,), nan where noise hides them.

    The height of an edge (as far as it rises or falls without a turn) divided by its steepest step, median over the
    steepest 1 % of all steps along rows and columns, after a mean of 3 pixels along the edge. A blur by a Gaussian
    makes it 2.5 standard deviations wide. A crop counts if these steps are above 5 grey levels and 3 times the noise.
    """
    steps, widths = [], []
    for z in (y, y.transpose(2, 3)):
        step = F.avg_pool2d(z, (3, 1), stride=1).diff(dim=3)
        padded, n, height = F.pad(step, (reach, reach)), step.shape[3], step.clone()
        for direction in (-1, 1):
            monotone = torch.ones_like(step, dtype=torch.bool)
            for k in range(1, reach + 1):
                neighbour = padded[..., reach + direction * k :][..., :n]
                monotone &= neighbour * step > 0
                height += torch.where(monotone, neighbour, 0)
        steps.append(step.abs().flatten(1))
        widths.append((height / step).flatten(1))
    steepest = torch.cat(steps, 1).topk(round(share * 2 * steps[0].shape[1]))
    width = torch.cat(widths, 1).gather(1, steepest.indices).median(1).values
    contrast = steepest.values.median(1).values
    return torch.where((contrast > 5) & (contrast > 3 * noise(y).nan_to_num()), width, torch.nan)
