"""No-reference measures of what degrades a photograph: noise, the blocks of JPEG, blur.

Pictures are lumas (B, 1, H, W) in grey levels from 0 to 255, meant to be crops of 64x64 pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def luma(x: Tensor) -> Tensor:
    """Return the luma of BT.601 in grey levels: (B, 3, H, W) in [0, 1] -> (B, 1, H, W)."""
    return 255 * (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def noise(y: Tensor, side: int = 8, share: float = 0.05, white: float = 1.22) -> Tensor:
    """Return the standard deviation of the noise of lumas (B, 1, H, W) in grey levels: (B,), nan if all is clipped.

    A plane is fitted to every 8x8 block (4 pixels apart), and what is left of the smoothest 5 % of the blocks is noise.
    The smoothest are smooth partly by chance: `white` makes up for this, measured on white noise in 64x64 pixels.
    The Laplacian of Immerkaer (1996) sees only the highest frequencies, which resizing and JPEG have removed: on the
    chain it finds a fifth of the noise that is there. Blocks near black and white are left out, where noise is clipped.
    """
    ramp = torch.arange(side**2) % side - (side - 1) / 2
    plane = torch.stack([torch.ones(side**2), ramp, ramp.view(side, side).T.flatten()], dim=1)
    plane = plane / plane.norm(dim=0)  # (pixels, 3), orthonormal
    blocks = F.unfold(y, side, stride=side // 2).transpose(1, 2)  # (B, blocks, pixels)
    variance = (blocks - blocks @ plane @ plane.T).square().sum(2) / (side**2 - 3)
    mean = blocks.mean(2)
    variance = torch.where((mean < 8) | (mean > 247), torch.inf, variance)
    smoothest = variance.topk(max(1, round(share * variance.shape[1])), largest=False).values.mean(1)
    return torch.where(smoothest.isfinite(), white * smoothest.sqrt(), torch.nan)


def blockiness(y: Tensor) -> Tensor:
    """Return how much steeper lumas (B, 1, H, W) are across the lines of an 8-pixel grid than elsewhere: (B,), 1: not.

    The measure of a line is by how much the absolute difference across it exceeds those beside it, on average over the
    line and at most 20 grey levels, so that one edge of the picture does not count as a grid. The grid is where this is
    largest, of 8 phases along each axis, because a crop may begin anywhere: clean pictures have 1.1 to 1.4 by chance.
    """
    ratios = []
    for z in (y, y.transpose(2, 3)):
        step = (z[..., 1:] - z[..., :-1]).abs()
        excess = (step[..., 1:-1] - (step[..., :-2] + step[..., 2:]) / 2).clamp(0, 20).mean((1, 2))  # (B, lines)
        phases = torch.arange(excess.shape[1]) % 8
        on = torch.stack([excess[:, phases == p].mean(1) for p in range(8)], dim=1)
        off = torch.stack([excess[:, phases != p].mean(1) for p in range(8)], dim=1)
        ratios.append(((on + 0.05) / (off + 0.05)).amax(1))
    return (ratios[0] + ratios[1]) / 2


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
