"""Evaluation of upscaling by the standard protocol: reduce test pictures, upscale them, compare with the originals."""

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.files.data import data_folder
from caesr.imaging.metrics import psnr, psnr_ssim_y
from caesr.imaging.perceptual import DISTS, LPIPS
from caesr.imaging.resize import resize_image
from zoo.messages import Message

Upscale = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> (sH, sW, 3) uint8
Reduce = Callable[[np.ndarray, float], np.ndarray]  # a picture and a factor below 1 -> the smaller picture
Measure = Callable[[Tensor, Tensor], Tensor]  # two (1, 3, H, W) in [0, 1] -> (1,), as LPIPS and DISTS are


@dataclass(frozen=True)
class Score:
    """The figures of a picture: psnr_y in dB and ssim_y, with a border of `scale` pixels cut off; consistency, the PSNR
    in dB between the result reduced again and the input, 99 at most; and the measures asked for."""

    picture: str
    figures: dict[str, float]


def evaluate(
    upscale: Upscale,
    folder: Path,
    scale: int,
    measures: Mapping[str, Measure] | None = None,
    first: int | None = None,
    reduce: Reduce = resize_image,
) -> list[Score]:
    """Measure a method of upscaling on the high-res pictures of a folder.

    The pictures are cropped to multiples of `scale` and reduced to bytes; results are compared as bytes.

    Args:
        measures: further measures by name, such as `LPIPS` and `DISTS`.
        first: only so many pictures, in the order of their names.
        reduce: makes the low-res picture, from a picture and 1/scale: MATLAB's bicubic, or `degrade_picture`.
    Raises:
        FileNotFoundError: the folder holds no PNG.
        ValueError: one of them cannot be read.
    """
    files = sorted(folder.glob("*.png"))[:first]
    if not files:
        raise FileNotFoundError(Message("No test pictures (*.png) in {folder}.", folder=folder))
    scores = []
    for file in files:
        try:
            with Image.open(file) as image:
                high_res = np.array(image.convert("RGB"))
        except OSError as error:
            raise ValueError(
                Message("{file} cannot be read ({why}); get it afresh, or take it away.", file=file, why=str(error))
            ) from error
        height, width = (side // scale * scale for side in high_res.shape[:2])
        high_res = high_res[:height, :width]
        low_res = reduce(high_res, 1 / scale)
        output = upscale(low_res)
        x, y = to_tensor_255(output), to_tensor_255(high_res)
        psnr_y, ssim_y = psnr_ssim_y(x, y, border=scale)
        consistency = min(99.0, psnr(to_tensor_255(resize_image(output, 1 / scale)), to_tensor_255(low_res)))
        figures = {"psnr_y": psnr_y, "ssim_y": ssim_y, "consistency": consistency}
        scores.append(Score(file.stem, figures | apply_measures(measures, x, y)))
    return scores


@torch.inference_mode()
def apply_measures(measures: Mapping[str, Measure] | None, output: Tensor, target: Tensor) -> dict[str, float]:
    """Return the value of each measure, by name, for two (1, 3, H, W) in [0, 255]."""
    return {name: measure(output / 255, target / 255).item() for name, measure in (measures or {}).items()}


def perceptual_measures() -> dict[str, Measure]:
    """Load LPIPS and DISTS, by the names of their figures.

    Raises:
        FileNotFoundError: the features that they need are not in $CAESR_DATA.
    """
    features = data_folder() / "features"
    return {"lpips": LPIPS(features), "dists": DISTS(features)}


def means(scores: list[Score]) -> dict[str, float]:
    """Return the mean of each figure over the pictures where it is a number, as the field reports it."""
    found: dict[str, float] = {}
    for name in scores[0].figures:
        values = [s.figures[name] for s in scores if not math.isnan(s.figures[name])]
        found[name] = round(statistics.mean(values), 5) if values else math.nan
    return found


def bicubic(scale: int) -> Upscale:
    """Return bicubic upscaling, the method that all others are compared with."""
    return lambda low_res: resize_image(low_res, scale)


def to_tensor_255(image: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [0, 255]."""
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
