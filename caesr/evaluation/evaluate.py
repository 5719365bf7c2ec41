"""The standard protocol: reduce a test picture, enlarge it again, measure how much came back."""

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.imaging.metrics import on_luma, psnr
from caesr.imaging.resize import resize_image

Enlarge = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> (sH, sW, 3) uint8
Reduce = Callable[[np.ndarray, float], np.ndarray]  # a picture and a factor below 1 -> the smaller picture
Measure = Callable[[Tensor, Tensor], Tensor]  # two (1, 3, H, W) in [0, 1] -> (1,), as LPIPS and DISTS are


@dataclass(frozen=True)
class Score:
    """One picture's figures: psnr_y in dB and ssim_y with a border of `scale` cut off; consistency, the PSNR in dB of
    the result reduced again against the input; and any measures asked for."""

    picture: str
    figures: dict[str, float]


def evaluate(
    enlarge: Enlarge,
    folder: Path,
    scale: int,
    measures: Mapping[str, Measure] | None = None,
    first: int | None = None,
    reduce: Reduce = resize_image,
) -> list[Score]:
    """Measure an enlarger on the high-res pictures of a folder.

    The pictures are cropped to multiples of `scale` and reduced to bytes; results are compared as bytes
    (Y by BT.601, unrounded).

    Args:
        measures: more of them, by name: `LPIPS`, `DISTS`.
        first: only so many pictures, in the order of their names.
        reduce: what makes the input of a picture and 1/scale: MATLAB's bicubic, or `degraded`.
    Raises:
        FileNotFoundError: the folder holds no PNG.
        ValueError: one of them cannot be read.
    """
    files = sorted(folder.glob("*.png"))[:first]
    if not files:
        raise FileNotFoundError(f"No test pictures (*.png) in {folder}.")
    scores = []
    for file in files:
        try:
            with Image.open(file) as image:
                hr = np.array(image.convert("RGB"))
        except OSError as error:
            raise ValueError(f"{file} cannot be read ({error}); get it afresh, or take it away.") from error
        height, width = (side // scale * scale for side in hr.shape[:2])
        hr = hr[:height, :width]
        lr = reduce(hr, 1 / scale)
        output = enlarge(lr)
        figures = dict(zip(("psnr_y", "ssim_y"), on_luma(tensor(output), tensor(hr), border=scale), strict=True))
        figures["consistency"] = min(99.0, psnr(tensor(resize_image(output, 1 / scale)), tensor(lr)))
        with torch.inference_mode():
            for name, measure in (measures or {}).items():
                figures[name] = measure(tensor(output) / 255, tensor(hr) / 255).item()
        scores.append(Score(file.stem, figures))
    return scores


def means(scores: list[Score]) -> dict[str, float]:
    """Return the mean of each figure over the pictures where it is a number, as the field reports it."""
    found: dict[str, float] = {}
    for name in scores[0].figures:
        values = [s.figures[name] for s in scores if not math.isnan(s.figures[name])]
        found[name] = round(statistics.mean(values), 5) if values else math.nan
    return found


def bicubic(scale: int) -> Enlarge:
    """The enlarger that everything is measured against."""
    return lambda lr: resize_image(lr, scale)


def tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) bytes -> (1, 3, H, W) in [0, 255]."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
