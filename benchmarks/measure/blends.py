"""Measure blends of base with texture and photo: whether what lies between two networks lies between them in quality.

    python -m benchmarks.measure.blends

PSNR-Y, LPIPS and DISTS on the first ten pictures of B100 at ×4, clean and at medium strength. Writes
benchmarks/results/blends.json, from which docs/decisions.md has its table.
"""

from functools import partial

from benchmarks import results
from benchmarks.pictures import FEW
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.degrade import STRENGTHS, degrade_picture
from caesr.evaluation.evaluate import Upscale, evaluate, means, perceptual_measures
from caesr.files.data import data_folder
from caesr.model.family import blend
from zoo.catalogue import CHECKPOINTS

NAME, SCALE = "blends", 4
FAITHFUL, OTHERS = "base", ("texture", "photo")
SHARES = (0, 25, 50, 75, 100)  # percent


def load(family: str) -> CAEResNet:
    """Load a family's checkpoint as it is committed."""
    return CAEResNet.from_pretrained(CHECKPOINTS / f"caesr-{family}-x{SCALE}")


def measure(upscale: Upscale) -> dict[str, dict[str, float]]:
    """Return the means on clean pictures and at medium strength."""
    ten = partial(evaluate, upscale, data_folder() / "test" / "B100", SCALE, first=FEW, measures=perceptual_measures())
    medium = partial(degrade_picture, strength=STRENGTHS["medium"])
    found = {"clean": means(ten()), "medium": means(ten(reduce=medium))}
    return {name: {key: round(x[key], 4) for key in ("psnr_y", "lpips", "dists")} for name, x in found.items()}


def main() -> None:
    content = results.header()
    for other in OTHERS:
        content[other] = {}
        for share in SHARES:
            network = blend(load(FAITHFUL), load(other), share / 100)
            content[other][str(share)] = measure(checkpoint_upscale(network))
            results.show({other: share} | content[other][str(share)])
    results.write(NAME, content)


if __name__ == "__main__":
    main()
