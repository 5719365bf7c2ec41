"""The pictures that everything is measured with: examples/, and the test sets of $CAESR_DATA."""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.png"))
CAT = ROOT / "examples" / "cat.png"
COFFEE = ROOT / "examples" / "coffee.png"
TEST_SETS = ("Set5", "Set14", "B100")
FEW = 10  # the first pictures of B100, which the slow measures are taken on


def read_rgb(file: Path, multiple: int = 1) -> np.ndarray:
    """Return a picture as (H, W, 3) uint8, cropped to multiples of so many pixels."""
    with Image.open(file) as image:
        pixels = np.array(image.convert("RGB"))
    height, width = (side // multiple * multiple for side in pixels.shape[:2])
    return pixels[:height, :width]


def tiled_photograph(height: int, width: int, file: Path = COFFEE) -> np.ndarray:
    """Return a picture of this size that repeats a photograph: (H, W, 3) uint8."""
    photograph = read_rgb(file)
    times = -(-height // photograph.shape[0]), -(-width // photograph.shape[1])
    return np.ascontiguousarray(np.tile(photograph, (*times, 1))[:height, :width])
