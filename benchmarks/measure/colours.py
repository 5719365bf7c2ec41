"""Measure PSNR in luma, in chroma and in RGB: what networks gain in what PSNR is reported on, colours must not lose.

    python -m benchmarks.measure.colours [FOLDER ...]

On Set5, Set14 and B100 of $CAESR_DATA/test. Writes benchmarks/results/colours.json for lite and base, beside bicubic
upscaling; for FOLDERs, which are checkpoints too, it prints.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import zoo
from benchmarks import results
from benchmarks.pictures import TEST_SETS, read_rgb
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.evaluate import bicubic, to_tensor_255
from caesr.files.data import data_folder
from caesr.imaging.metrics import psnr
from caesr.imaging.resize import resize_image
from caesr.training.losses import CHROMA, ycbcr

NO_COLOURS = 78.0  # in dB: above it a picture has no colours, and its error in chroma is that of rounding


def measure(upscale: Callable[[np.ndarray], np.ndarray], scale: int, folder: Path) -> dict[str, float]:
    """Return the means over a folder's pictures of the PSNR in dB in Y, in Cb and Cr, and in RGB, borders cut off."""
    found: dict[str, list[float]] = {"y": [], "chroma": [], "rgb": []}
    for file in sorted(folder.glob("*.png")):
        high_res = read_rgb(file, scale)
        error = to_tensor_255(upscale(resize_image(high_res, 1 / scale))) - to_tensor_255(high_res)
        error = error[..., scale:-scale, scale:-scale].double()
        planes = ycbcr(error)
        parts = {"y": planes[:, :1], "chroma": planes[:, 1:] / CHROMA, "rgb": error}
        for name, part in parts.items():
            value = psnr(part, torch.zeros_like(part))
            if value < NO_COLOURS:
                found[name].append(value)
    return {name: round(statistics.mean(values), 3) for name, values in found.items()}


def measure_sets(upscale: Callable[[np.ndarray], np.ndarray], scale: int) -> dict[str, Any]:
    """Return what `measure` finds on each test set, by its name."""
    return {name: measure(upscale, scale, data_folder() / "test" / name) for name in TEST_SETS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER")
    folders = parser.parse_args().folders
    about, rows = results.header(), []
    for name in folders or [name for name in zoo.names() if "lite" in name or "base" in name]:
        model = CAEResNet.from_pretrained(name)
        scale = model.config.scale
        rows.append({"upscaling": name, "scale": scale} | measure_sets(checkpoint_upscale(model, "float32"), scale))
        results.show(rows[-1])
    if folders:
        return
    for scale in sorted({row["scale"] for row in rows}):
        rows.append({"upscaling": "bicubic", "scale": scale} | measure_sets(bicubic(scale), scale))
    results.write("colours", about | {"found": rows})


if __name__ == "__main__":
    main()
