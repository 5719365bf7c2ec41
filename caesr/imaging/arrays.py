"""Conversion between picture arrays (uint8 or uint16, channels last) and float tensors in [0, 1] (channels first)."""

from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

STRIP_ROWS = 256  # rows that are floats at the same time; even, so that strips halve as the whole picture does


class ArrayLike(Protocol):
    """Shape and dtype of an array, or of a picture file that is decoded on demand."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...


def check_array(image: ArrayLike) -> None:
    """Check that an array has the shape and dtype of a picture.

    Raises:
        ValueError: it is not an array that `to_tensors` takes.
    """
    if len(image.shape) not in (2, 3) or (*image.shape, 1)[2] not in (1, 2, 3, 4) or 0 in image.shape:
        raise ValueError(f"An image of shape {image.shape}: expected (H, W) or (H, W, C) with 1 to 4 channels.")
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"An image of {image.dtype}: expected uint8 or uint16.")


def to_tensors(image: np.ndarray, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor | None]:
    """Split an array into colour (3, H, W) and alpha (1, H, W) or None, float32 in [0, 1].

    Args:
        image: (H, W) or (H, W, C), uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        device: of the tensors. A GPU gets the bytes and converts them; the copy may still be running on return.
    Raises:
        ValueError: any other shape or dtype, or a picture without pixels.
    """
    check_array(image)
    image = image[:, :, None] if image.ndim == 2 else image
    x = torch.from_numpy(np.require(image, requirements=("C", "W")))
    if torch.device(device).type == "cuda":
        x = x.pin_memory()
    x = x.to(device, non_blocking=True).to(torch.float32).div_(np.iinfo(image.dtype).max).permute(2, 0, 1)
    colours = 1 if image.shape[2] < 3 else 3
    return x[:colours].expand(3, -1, -1), x[colours:] if image.shape[2] in (2, 4) else None


def to_array(colour: Tensor, alpha: Tensor | None, template: np.ndarray, wait: bool = True) -> np.ndarray:
    """Join colour and alpha in [0, 1] into an array, as the inverse of `to_tensors`.

    Args:
        colour, alpha: (3, H, W), and (1, H, W) or None.
        template: an array whose dtype the result gets; if it is grey, or (H, W), so is the result.
        wait: False: a copy from a GPU may still be running on return; synchronise its stream before reading.
    """
    is_grey = template.ndim == 2 or template.shape[2] < 3
    channels = (1 if is_grey else 3) + (alpha is not None)
    height, width = colour.shape[-2:]
    image = np.empty((height, width, channels), template.dtype)
    out = torch.from_numpy(image)
    if colour.is_cuda:
        out = torch.empty_like(out, pin_memory=True)
        image = out.numpy()
    for top in range(0, height, STRIP_ROWS):  # no second picture of floats
        rows = slice(top, top + STRIP_ROWS)
        x = colour[:, rows].mean(dim=0, keepdim=True) if is_grey else colour[:, rows]
        x = x if alpha is None else torch.cat((x, alpha[:, rows]))
        out[rows].copy_(x.permute(1, 2, 0).mul(np.iinfo(template.dtype).max).add_(0.5), non_blocking=not wait)
    return image[:, :, 0] if template.ndim == 2 else image


def to_rgb8(image: np.ndarray) -> np.ndarray:
    """Convert any array that `to_tensors` takes to (H, W, 3) uint8; alpha is dropped."""
    return to_array(to_tensors(image)[0], None, template=np.empty((1, 1, 3), np.uint8))


def from_pil(image: Image.Image) -> np.ndarray:
    """Convert a PIL image to an array that `to_tensors` takes; palettes and rare modes become RGB or RGBA."""
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.array(image)


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
