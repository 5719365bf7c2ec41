"""Conversion between picture arrays (uint8 or uint16, channels last) and float tensors in [0, 1] (channels first)."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from zoo.messages import Message

STRIP_ROWS = 256  # rows that are worked on at the same time; even, so that strips halve as the whole picture does


class ArrayLike(Protocol):
    """Shape and dtype of an array, or of a picture file that is decoded on demand."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...


def check_array(image: ArrayLike) -> None:
    """Check that an array has the shape and dtype of a picture.

    Raises:
        ValueError: it is not an array that `to_tensors` takes; the message says how to make one of it.
    """
    shape, channels = image.shape, image.shape[2] if len(image.shape) == 3 else 1
    if channels > 4 and shape[0] <= 4 and 0 not in shape:
        message = "An image of shape {shape} has its channels first: give image.transpose(1, 2, 0)."
        raise ValueError(Message(message, shape=shape))
    if len(shape) not in (2, 3) or channels > 4 or 0 in shape:
        message = "An image of shape {shape}: expected (H, W) or (H, W, C) with 1 to 4 channels."
        raise ValueError(Message(message, shape=shape))
    if image.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        message = (
            "An image of {dtype}: expected uint8 or uint16. Give image.astype(np.uint8), if its values are 0 to 255."
        )
        if image.dtype.kind == "b":
            message = "An image of {dtype}: expected uint8 or uint16. Give image.astype(np.uint8) * 255."
        elif image.dtype.kind == "f":
            message = (
                "An image of {dtype}: expected uint8 or uint16. Of 0 to 1 make (image * 255).round().astype(np.uint8)."
            )
        raise ValueError(Message(message, dtype=image.dtype))


def cut_strips(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in strips of `STRIP_ROWS` rows, without copies."""
    for top in range(0, len(image), STRIP_ROWS):
        yield image[top : top + STRIP_ROWS]


def is_grey(pixels: np.ndarray) -> bool:
    """Return whether red, green and blue are equal everywhere; of RGBA, wherever it is not fully transparent.

    Args:
        pixels: (H, W, 3 or 4).
    """
    red, green, blue = (pixels[:, :, channel] for channel in range(3))
    is_coloured = (red != green) | (red != blue)
    if pixels.shape[2] == 4:
        is_coloured &= pixels[:, :, 3] > 0
    return not bool(is_coloured.any())


def to_tensors(image: np.ndarray, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor | None]:
    """Split an array into colour (3, H, W) and alpha (1, H, W) or None, float32 in [0, 1].

    Args:
        image: (H, W) or (H, W, C), uint8 or uint16 of this machine's byte order; C = 1 grey, 2 grey and alpha, 3 RGB,
            4 RGBA.
        device: of the tensors. A GPU gets the bytes and converts them; with CUDA the copy may still be running on
            return.
    Raises:
        ValueError: any other shape or dtype, or a picture without pixels.
    """
    check_array(image)
    image = image[:, :, None] if image.ndim == 2 else image
    x, device = torch.from_numpy(np.require(image, requirements=("C", "W"))), torch.device(device)
    if device.type == "cuda":
        x = x.pin_memory()
    elif device.type == "mps" and x.dtype == torch.uint16:  # which it does not know
        x = x.to(torch.int32)
    # Only CUDA keeps a host's buffer until it is read.
    x = x.to(device, non_blocking=device.type == "cuda").to(torch.float32)
    x = x.div_(np.iinfo(image.dtype).max).permute(2, 0, 1)
    colours = 1 if image.shape[2] < 3 else 3
    return x[:colours].expand(3, -1, -1), x[colours:] if image.shape[2] in (2, 4) else None


def to_array(colour: Tensor, alpha: Tensor | None, template: np.ndarray, wait: bool = True) -> np.ndarray:
    """Join colour and alpha in [0, 1] into an array, as the inverse of `to_tensors`.

    Args:
        colour, alpha: (3, H, W), and (1, H, W) or None.
        template: an array whose dtype the result gets; if it is grey, or (H, W), so is the result.
        wait: False: a copy from CUDA may still be running on return; synchronise its stream before reading.
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
        values = x.permute(1, 2, 0).mul(np.iinfo(template.dtype).max).add_(0.5)
        out[rows].copy_(values, non_blocking=colour.is_cuda and not wait)
    return image[:, :, 0] if template.ndim == 2 else image


def to_rgb8(image: np.ndarray) -> np.ndarray:
    """Convert any array that `to_tensors` takes to (H, W, 3) uint8; alpha is dropped."""
    return to_array(to_tensors(image)[0], None, template=np.empty((1, 1, 3), np.uint8))
