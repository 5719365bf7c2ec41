"""Every checkpoint, and bicubic, on Set5, Set14 and B100: PSNR, SSIM, consistency with the input; LPIPS and DISTS on
the first ten pictures of B100 (B100-10), and all of these again on blurred, noisy JPEGs of those (B100-10-worn).

    python benchmarks/quality.py [NAME ...]

Writes benchmarks/results/quality.json, from which README, cards and page take their figures; with names,
only those are measured again. The pictures are those of $CAESR_DATA/test.
"""

import json
import sys
from datetime import date
from pathlib import Path

import torch

from caesr import Upscaler, checkpoint
from caesr.evaluate import Enlarge, bicubic, evaluate, means, worn
from caesr.perceptual import DISTS, LPIPS
from caesr.training.recipe import data_folder
from zoo import catalogue

RESULTS = Path(__file__).parent / "results" / "quality.json"
SETS = ("Set5", "Set14", "B100")


def measure(enlarge: Enlarge, scale: int) -> dict[str, dict[str, float]]:
    """Means over each test set, and over the ten pictures on which texture is measured."""
    features, test = data_folder() / "features", data_folder() / "test"
    figures = {name: means(evaluate(enlarge, test / name, scale)) for name in SETS}
    measures = {"lpips": LPIPS(features), "dists": DISTS(features)}
    figures["B100-10"] = means(evaluate(enlarge, test / "B100", scale, measures, first=10))
    figures["B100-10-worn"] = means(evaluate(enlarge, test / "B100", scale, measures, first=10, reduce=worn))
    return figures


def checkpoint_enlarger(folder: Path) -> tuple[Enlarge, int]:
    """The Upscaler of a checkpoint folder on the CPU, where results do not depend on a GPU's arithmetic."""
    model = checkpoint.load(folder)
    upscaler, scale = Upscaler(model, "cpu", precision="float32"), model.config.scale
    return lambda lr: upscaler(lr, scale), scale


def main() -> None:
    wanted = sys.argv[1:]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"bicubic": {}, "checkpoints": {}}
    if not wanted:
        results["bicubic"] = {str(scale): measure(bicubic(scale), scale) for scale in (2, 3, 4)}
        wanted = sorted(folder.name for folder in catalogue.CHECKPOINTS.iterdir())
    for name in wanted:
        results["checkpoints"][name] = measure(*checkpoint_enlarger(catalogue.CHECKPOINTS / name))
        print(name, json.dumps(results["checkpoints"][name]))
    results["measured"] = {"date": str(date.today()), "torch": torch.__version__, "device": "cpu"}
    results["measured"]["command"] = "python benchmarks/quality.py"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
