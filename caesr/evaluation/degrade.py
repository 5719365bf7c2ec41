"""Degradation of test pictures in three fixed strengths: blur, reduction, noise and JPEG, always the same."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from caesr.imaging.resize import resize_image


@dataclass(frozen=True)
class Strength:
    """How much `degrade_picture` damages a picture."""

    blur: float  # standard deviation of a Gaussian, in pixels of the high-res picture
    noise: float  # standard deviation in grey levels of the low-res picture, each channel its own
    quality: int  # of the JPEG, with 4:2:0 chroma subsampling


STRENGTHS = {"light": Strength(0.7, 2, 75), "medium": Strength(1.5, 6, 40), "heavy": Strength(2.5, 12, 25)}


def degrade_picture(high_res: np.ndarray, factor: float, strength: Strength) -> np.ndarray:
    """Blur and reduce a picture, then add noise and compress it as JPEG; the noise has a fixed seed.

    Args:
        high_res: (H, W, 3) uint8.
        factor: of the reduction, below 1.
        strength: one of `STRENGTHS`, or another.
    Returns:
        (ceil(H·factor), ceil(W·factor), 3) uint8.
    """
    blurred = Image.fromarray(high_res).filter(ImageFilter.GaussianBlur(strength.blur))
    low_res = resize_image(np.asarray(blurred), factor)
    noisy = low_res + np.random.default_rng(0).normal(0, strength.noise, low_res.shape)
    file = io.BytesIO()
    Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=strength.quality)
    return np.array(Image.open(file))
