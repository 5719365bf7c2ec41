"""Measure what `--model auto` goes by: which family is better at which damage, and what its detectors find there.

    python -m benchmarks.measure.auto_model

Judges: the first ten pictures of B100, reduced by 4 and damaged, are upscaled by Lite and by Photo; the differences of
PSNR, LPIPS and DISTS say which is better. Detectors: `caesr.engine.auto_model` looks at the same pictures at full size,
damaged likewise and saved as PNG, where only the pixels can tell. The damage: JPEG of qualities 30 to 100 with both
subsamplings of colour, noise, and JPEG that was made smaller afterwards.

Writes benchmarks/results/auto_model.json, from which docs/models.md has its table.
"""

import io
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from benchmarks import results
from benchmarks.pictures import FEW, read_rgb
from caesr import Upscaler, load_family
from caesr.engine.auto_model import FAITHFUL, RESTORING, choose_model, measure_artefacts
from caesr.evaluation.evaluate import apply_measures, perceptual_measures, to_tensor_255
from caesr.files.data import data_folder
from caesr.imaging.metrics import psnr_ssim_y
from caesr.imaging.resize import resize_image

NAME, SCALE = "auto_model", 4
Damage = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 -> the same, damaged


def jpeg(picture: np.ndarray, quality: int, subsampling: str) -> np.ndarray:
    """Return a picture after it was saved as a JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.array(Image.open(file))


def noisy(picture: np.ndarray, sd: float) -> np.ndarray:
    """Return a picture with noise of this standard deviation in grey levels."""
    noise = np.random.default_rng(0).normal(0, sd, picture.shape)
    return (picture + noise).round().clip(0, 255).astype(np.uint8)


def shrunk(picture: np.ndarray, quality: int, factor: float) -> np.ndarray:
    """Return a picture that was larger, a JPEG, and then reduced by `factor`."""
    large = resize_image(picture, 1 / factor)
    height, width = picture.shape[:2]
    return np.array(Image.fromarray(jpeg(large, quality, "4:2:0")).resize((width, height), Image.Resampling.BICUBIC))


def damages() -> dict[str, Damage]:
    """Return each kind of damage by its name."""
    found: dict[str, Damage] = {"clean": lambda picture: picture}
    for quality in (30, 45, 60, 70, 80, 85, 90, 95, 100):
        for subsampling in ("4:2:0", "4:4:4"):
            found[f"JPEG {quality}, {subsampling}"] = partial(jpeg, quality=quality, subsampling=subsampling)
    for sd in (2, 4, 8):
        found[f"noise {sd}"] = partial(noisy, sd=sd)
    found["JPEG 60, then halved"] = partial(shrunk, quality=60, factor=0.5)
    return found


def judge(files: list[Path]) -> dict[str, dict[str, float]]:
    """Return by how much Photo is better than Lite for each damage: PSNR-Y in dB, LPIPS and DISTS (lower is better)."""
    upscalers = {name: Upscaler(load_family(name), "cpu", precision="float32") for name in (FAITHFUL, RESTORING)}
    measures = perceptual_measures()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in damages()}
    for file in files:
        high_res = read_rgb(file, SCALE)
        truth, low_res = to_tensor_255(high_res), resize_image(high_res, 1 / SCALE)
        for name, damage in damages().items():
            damaged, figures = damage(low_res), {}
            for family, upscaler in upscalers.items():
                output = to_tensor_255(upscaler(damaged, SCALE))
                psnr_y, _ = psnr_ssim_y(output, truth, border=SCALE)
                figures[family] = {"psnr_y": psnr_y} | apply_measures(measures, output, truth)
            found[name].append({key: figures[RESTORING][key] - figures[FAITHFUL][key] for key in figures[FAITHFUL]})
    return {
        name: {key: round(statistics.mean(row[key] for row in rows), 4) for key in rows[0]}
        for name, rows in found.items()
    }


def detect(files: list[Path]) -> dict[str, dict[str, float]]:
    """Return what the detectors find for each damage: medians, and in how many percent Photo is chosen."""
    found = {}
    for name, damage in damages().items():
        blocks, grains, chosen = [], [], 0
        for file in files:
            damaged = damage(read_rgb(file))
            block, grain = measure_artefacts(torch.from_numpy(damaged).permute(2, 0, 1)[None] / 255)
            blocks.append(block)
            grains.append(grain)
            with TemporaryDirectory() as folder:
                saved = Path(folder, "picture.png")
                Image.fromarray(damaged).save(saved)
                chosen += choose_model(saved).model == RESTORING
        found[name] = {
            "blockiness": round(statistics.median(blocks), 2),
            "noise": round(statistics.median(grains), 2),
            "photo_percent": round(100 * chosen / len(files)),
        }
    return found


def main() -> None:
    """Measure, and write the results."""
    header = results.header()
    files = sorted((data_folder() / "test" / "B100").glob("*.png"))[:FEW]
    judged, detected = judge(files), detect(sorted((data_folder() / "test" / "B100").glob("*.png"))[:50])
    results.write(NAME, header | {"damages": {name: judged[name] | detected[name] for name in judged}})


if __name__ == "__main__":
    main()
