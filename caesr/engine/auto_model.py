"""Which family of models suits a picture: what its file says of its compression, and what its pixels say."""

from dataclasses import dataclass
from pathlib import Path

import torch

from caesr.files.decoders.jpeg_quality import jpeg_quality
from caesr.files.read import open_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.artefacts import blockiness, luma, noise
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
    """Choose between the family that restores and the faithful one.

    Raises:
        PictureError: the file cannot be read.
    """
    quality = jpeg_quality(file)
    if quality is not None and quality <= MAX_QUALITY:
        reason = Message("JPEG artefacts found (quality about {quality}): using Photo.", quality=quality)
        return Choice(RESTORING, reason)
    pixels = open_picture(file).pixels
    part = to_rgb8(pixels[: min(PART, pixels.shape[0]), : min(PART, pixels.shape[1])])
    blocks, grain = measure_artefacts(torch.from_numpy(part).permute(2, 0, 1)[None] / 255)
    if blocks >= MIN_BLOCKINESS:
        return Choice(RESTORING, Message("Blocks of a JPEG found: using Photo."))
    if grain >= MIN_NOISE:
        return Choice(RESTORING, Message("Noise found: using Photo."))
    return Choice(FAITHFUL, Message("A clean picture: using Faithful."))


def measure_artefacts(part: torch.Tensor) -> tuple[float, float]:
    """Return the blockiness of a picture (1, 3, H, W) in [0, 1], and the noise of its smoothest crop in grey levels."""
    grey = luma(part)
    if min(grey.shape[2:]) < CROP:
        return 1.0, 0.0  # too small to say
    crops = grey[0, 0].unfold(0, CROP, CROP).unfold(1, CROP, CROP).reshape(-1, 1, CROP, CROP)
    grains = noise(crops)
    known = grains[~grains.isnan()]
    return blockiness(grey).item(), known.min().item() if len(known) else 0.0
