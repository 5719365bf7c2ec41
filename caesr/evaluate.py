"""The standard protocol: reduce a test picture, enlarge it again, measure how much came back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from caesr.metrics import on_luma
from caesr.resize import resize_image

Enlarge = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> (sH, sW, 3) uint8


@dataclass(frozen=True)
class Score:
    """One picture's measures: PSNR in dB and SSIM, both on Y with a border of `scale` cut off."""

    picture: str
    psnr_y: float
    ssim_y: float


def evaluate(enlarge: Enlarge, folder: Path, scale: int) -> list[Score]:
    """Measure an enlarger on the high-res pictures of a folder.

    The pictures are cropped to multiples of `scale` and reduced by MATLAB's bicubic to bytes; results
    are compared as bytes (Y by BT.601, unrounded).

    Raises:
        FileNotFoundError: the folder holds no PNG.
    """
    files = sorted(folder.glob("*.png"))
    if not files:
        raise FileNotFoundError(f"No test pictures (*.png) in {folder}.")
    scores = []
    for file in files:
        with Image.open(file) as image:
            hr = np.array(image.convert("RGB"))
        height, width = (side // scale * scale for side in hr.shape[:2])
        hr = hr[:height, :width]
        output = enlarge(resize_image(hr, 1 / scale))
        psnr, ssim = on_luma(tensor(output), tensor(hr), border=scale)
        scores.append(Score(file.stem, psnr, ssim))
    return scores


def bicubic(scale: int) -> Enlarge:
    """The enlarger that everything is measured against."""
    return lambda lr: resize_image(lr, scale)


def tensor(image: np.ndarray) -> torch.Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) in [0, 255]."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
