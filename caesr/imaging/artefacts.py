"""No-reference measures of what degrades a photograph: noise, and the blocks of JPEG.

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
