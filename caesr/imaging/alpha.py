"""Alpha: where it is known without a network, and the colours of pixels that are fully transparent."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from caesr.imaging.arrays import STRIP_ROWS, to_array, to_tensors


def known_alpha(image: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Return the alpha (H', W', 1) of a result where no network is needed for it, else None.

    At the size of the picture it is the picture's; and a single value stays what it is at any size.

    Args:
        image: (H, W, 2 or 4); alpha last.
        size: (H', W') of the result.
    """
    alpha = image[:, :, -1:]
    if image.shape[:2] == size:
        return alpha
    return np.broadcast_to(alpha[0, 0], (*size, 1)) if (alpha == alpha[0, 0]).all() else None


def restore_hidden(strip: np.ndarray, source: np.ndarray) -> None:
    """Give the fully transparent pixels of a strip (h, w, 2 or 4) the colours of the same rows of the input."""
    is_hidden = source[:, :, -1] == 0
    strip[is_hidden] = source[is_hidden]


def fill_transparent(image: np.ndarray) -> np.ndarray:
    """Give fully transparent pixels the colour of their surroundings.

    Their stored colour is arbitrary, often black, and upscaling would mix it into the edge as a dark fringe. Visible
    pixels are averaged into ever smaller pictures, and each hole takes the colour of the first smaller picture that
    has one there (push-pull, Gortler et al. 1996).

    Args:
        image: (H, W, 2 or 4), uint8 or uint16; alpha last.
    Returns:
        (H, W, 1 or 3), the colours; unchanged where alpha > 0.
    """
    filled, is_hole = image[:, :, :-1].copy(), image[:, :, -1] == 0
    if not is_hole.any() or is_hole.all():
        return filled
    height, width = is_hole.shape
    strips = [slice(top, top + STRIP_ROWS) for top in range(0, height, STRIP_ROWS)]
    halves = []
    for rows in strips:
        colour, alpha = to_tensors(image[rows])
        assert alpha is not None
        visible = torch.cat((colour, torch.ones_like(alpha))) * (alpha > 0)
        halves.append(F.avg_pool2d(visible[None], 2, ceil_mode=True))
    half = torch.cat(halves, dim=2)
    coarse = _push_pull(half[:, :3], half[:, 3:])
    for rows in strips:
        if is_hole[rows].any():
            y = torch.arange(height)[rows]
            source = ((y + 0.5) * coarse.shape[2] / height - 0.5).clamp(min=0)  # row of `coarse`, as in `interpolate`
            above, share = source.long(), (source % 1)[:, None]
            below = (above + 1).clamp(max=coarse.shape[2] - 1)
            blurred = coarse[:, :, above] * (1 - share) + coarse[:, :, below] * share
            blurred = F.interpolate(blurred, size=(len(y), width), mode="bilinear")[0]
            filled[rows][is_hole[rows]] = to_array(blurred, None, template=filled)[is_hole[rows]]
    return filled


def _push_pull(colour: Tensor, visible: Tensor) -> Tensor:
    """Fill the holes of one level; colour (1, 3, H, W) is zero where visible (1, 1, H, W) is zero."""
    known = colour / visible.clamp(min=1e-12)
    size = visible.shape[-2:]
    if bool((visible > 0).all()) or size == (1, 1):
        return known
    coarse = _push_pull(*(F.avg_pool2d(x, 2, ceil_mode=True) for x in (colour, visible)))
    return torch.where(visible > 0, known, F.interpolate(coarse, size=size, mode="bilinear"))
