"""Arrays as pictures have them <-> layers as networks take them: RGB and alpha, floats in [0, 1]."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from caesr.files.lazy import LazyPixels

STRIP = 256  # rows that are floats at once; an even number


def to_tensors(image: np.ndarray, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor | None]:
    """Split an array into colour (3, H, W) and alpha (1, H, W) or None, float32 in [0, 1].

    Args:
        image: (H, W) or (H, W, C), uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        device: where they are wanted. To a GPU they go as bytes, and nobody waits until they are there.
    Raises:
        ValueError: any other shape or type, or a picture without pixels.
    """
    check_array(image)
    image = image[:, :, None] if image.ndim == 2 else image
    x = torch.from_numpy(np.require(image, requirements=("C", "W")))
    if torch.device(device).type == "cuda":
        x = x.pin_memory()
    x = x.to(device, non_blocking=True).to(torch.float32).div_(np.iinfo(image.dtype).max).permute(2, 0, 1)
    colours = 1 if image.shape[2] < 3 else 3
    return x[:colours].expand(3, -1, -1), x[colours:] if image.shape[2] in (2, 4) else None


def check_array(image: np.ndarray | LazyPixels) -> None:
    """Whether an array is a picture.

    Raises:
        ValueError: it is not as `to_tensors` takes it.
    """
    if image.ndim not in (2, 3) or (*image.shape, 1)[2] not in (1, 2, 3, 4) or 0 in image.shape:
        raise ValueError(f"An image of shape {image.shape}: expected (H, W) or (H, W, C) with 1 to 4 channels.")
    if image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"An image of {image.dtype}: expected uint8 or uint16.")


def to_array(colour: Tensor, alpha: Tensor | None, like: np.ndarray, wait: bool = True) -> np.ndarray:
    """The way back: an array with the channels and the type of `like`.

    Args:
        wait: False: from a GPU it may come later, as soon as its stream has done what it was given until now.
    """
    grey = like.ndim == 2 or like.shape[2] < 3
    channels = (1 if grey else 3) + (alpha is not None)
    height, width = colour.shape[-2:]
    image = np.empty((height, width, channels), like.dtype)
    out = torch.from_numpy(image)
    if colour.is_cuda:
        out = torch.empty_like(out, pin_memory=True)
        image = out.numpy()
    for top in range(0, height, STRIP):  # so that no second picture of floats is made
        rows = slice(top, top + STRIP)
        x = colour[:, rows].mean(dim=0, keepdim=True) if grey else colour[:, rows]
        x = x if alpha is None else torch.cat((x, alpha[:, rows]))
        out[rows].copy_(x.permute(1, 2, 0).mul(np.iinfo(like.dtype).max).add_(0.5), non_blocking=not wait)
    return image[:, :, 0] if like.ndim == 2 else image


def to_rgb8(image: np.ndarray) -> np.ndarray:
    """A picture as a screen shows it without its alpha: any array of `to_tensors` -> (H, W, 3) uint8."""
    return to_array(to_tensors(image)[0], None, like=np.empty((1, 1, 3), np.uint8))


def fill_transparent(image: np.ndarray) -> np.ndarray:
    """Give fully transparent pixels the colour of their surroundings.

    Their stored colour is arbitrary, often black, and an enlarger would mix it into the edge as a
    dark fringe. Visible pixels are averaged into ever smaller pictures, and each hole is filled
    from the first smaller one that knows a colour there (push-pull, Gortler et al. 1996).

    Args:
        image: (H, W, 2 or 4), uint8 or uint16; alpha last.
    Returns:
        (H, W, 1 or 3), the colours; where alpha > 0 unchanged.
    """
    filled, holes = image[:, :, :-1].copy(), image[:, :, -1] == 0
    if not holes.any() or holes.all():
        return filled
    strips = [slice(top, top + STRIP) for top in range(0, len(image), STRIP)]
    half = []
    for rows in strips:
        colour, alpha = to_tensors(image[rows])
        assert alpha is not None
        both = torch.cat((colour, torch.ones_like(alpha))) * (alpha > 0)
        half.append(F.avg_pool2d(both[None], 2, ceil_mode=True))
    small = torch.cat(half, dim=2)
    coarse = _fill(small[:, :3], small[:, 3:])
    for rows in strips:
        if holes[rows].any():
            at = torch.arange(len(image))[rows]
            place = ((at + 0.5) * coarse.shape[2] / len(image) - 0.5).clamp(min=0)  # as `interpolate` has it
            above, share = place.long(), (place % 1)[:, None]
            below = (above + 1).clamp(max=coarse.shape[2] - 1)
            y = coarse[:, :, above] * (1 - share) + coarse[:, :, below] * share
            y = F.interpolate(y, size=(len(at), image.shape[1]), mode="bilinear")[0]
            filled[rows][holes[rows]] = to_array(y, None, like=filled)[holes[rows]]
    return filled


def _fill(colour: Tensor, visible: Tensor) -> Tensor:
    """One level of push-pull; colour (1, 3, H, W) is zero where visible (1, 1, H, W) is."""
    known = colour / visible.clamp(min=1e-12)
    if bool((visible > 0).all()) or visible.shape[-2:] == (1, 1):
        return known
    size = visible.shape[-2:]
    coarse = _fill(*(F.avg_pool2d(x, 2, ceil_mode=True) for x in (colour, visible)))
    return torch.where(visible > 0, known, F.interpolate(coarse, size=size, mode="bilinear"))


def from_pil(image: Image.Image) -> np.ndarray:
    """A PIL image as an array the Upscaler takes: palettes and odd modes become RGB or RGBA."""
    if image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.array(image)
