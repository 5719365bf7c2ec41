"""Which family of models suits a picture: what its file says of its compression, and what its pixels say."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from caesr.files.decoders.jpeg_quality import jpeg_quality
from caesr.files.lazy import LazyPixels
from caesr.files.read import open_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.artefacts import blockiness, luma, noise
from caesr.options import AUTO, UpscaleOptions
from zoo.messages import Message

RESTORING, FAITHFUL = "photo", "lite"  # families
# Measured by benchmarks/measure/auto_model.py.
MAX_QUALITY = 90  # of a JPEG that is restored
MIN_BLOCKINESS = 1.4  # of a picture that was a JPEG before
MIN_NOISE = 2.5  # grey levels, in the smoothest part
PART, CROP = 1024, 64  # pixels: the side of what is looked at, from the top left, and of each crop of it


@dataclass(frozen=True)
class Choice:
    """A family, and why it suits the picture."""

    model: str
    reason: Message


def choose_model(file: Path) -> Choice:
    """Choose between the family that restores and the faithful one, by a file and its pixels.

    Raises:
        PictureError: the file cannot be read.
    """
    quality = jpeg_quality(file)
    if quality is not None and quality <= MAX_QUALITY:
        reason = Message("JPEG artefacts found (quality about {quality}): using Photo.", quality=quality)
        return Choice(RESTORING, reason)
    return choose_by_pixels(open_picture(file).pixels)


def choose_by_pixels(pixels: np.ndarray | LazyPixels) -> Choice:
    """Choose as `choose_model` where there is no file that says how it was compressed.

    Args:
        pixels: (H, W, C) uint8 or uint16.
    """
    part = to_rgb8(pixels[: min(PART, pixels.shape[0]), : min(PART, pixels.shape[1])])
    blocks, grain = measure_artefacts(torch.from_numpy(part).permute(2, 0, 1)[None] / 255)
    if blocks >= MIN_BLOCKINESS:
        return Choice(RESTORING, Message("Blocks of a JPEG found: using Photo."))
    if grain >= MIN_NOISE:
        return Choice(RESTORING, Message("Noise found: using Photo."))
    return Choice(FAITHFUL, Message("A clean picture: using Faithful."))


def models_for(options: UpscaleOptions) -> tuple[str, ...]:
    """Return the models of which one upscales a picture: with Auto it depends on the picture."""
    return (FAITHFUL, RESTORING) if options.model == AUTO else (options.model,)


def resolve_model(options: UpscaleOptions, file: Path) -> tuple[UpscaleOptions, tuple[Message, ...]]:
    """Return options whose model is a real one, and why it is if Auto chose it.

    Raises:
        PictureError: the file cannot be read.
    """
    if options.model != AUTO:
        return options, ()
    choice = choose_model(file)
    return replace(options, model=choice.model), (choice.reason,)


def measure_artefacts(part: torch.Tensor) -> tuple[float, float]:
    """Return the blockiness of a picture (1, 3, H, W) in [0, 1], and the noise of its smoothest crop in grey levels."""
    grey = luma(part)
    if min(grey.shape[2:]) < CROP:
        return 1.0, 0.0  # too small to say
    crops = grey[0, 0].unfold(0, CROP, CROP).unfold(1, CROP, CROP).reshape(-1, 1, CROP, CROP)
    grains = noise(crops)
    known = grains[~grains.isnan()]
    return blockiness(grey).item(), known.min().item() if len(known) else 0.0
