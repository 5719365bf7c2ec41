"""Measure fidelity, texture and robustness of bicubic, every checkpoint of the zoo, and released peers.

    python -m benchmarks.measure.quality [NAME ...]

NAME is a checkpoint, a peer of benchmarks/released.py, or `bicubic`; without one, all are measured. PSNR, SSIM and
consistency with the input are measured on Set5, Set14 and B100; with LPIPS and DISTS on the first ten pictures of B100
(B100-10), and on blurred, noisy JPEGs of those in three strengths (B100-10-light, -medium, -heavy); weave on B100-10.

Writes benchmarks/results/quality.json, from which README, cards and page take their figures, after each name. Two
processes may measure different names at the same time. The pictures are those of $CAESR_DATA/test.
"""

import argparse
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks import results
from benchmarks.pictures import FEW, TEST_SETS
from benchmarks.released import RELEASED, load_peer, peer_file
from benchmarks.upscaling import checkpoint_upscale, network_upscale
from caesr import CAEResNet
from caesr.evaluation.degrade import STRENGTHS, degrade_picture
from caesr.evaluation.evaluate import Upscale, bicubic, evaluate, means, perceptual_measures
from caesr.files.data import data_folder
from caesr.imaging.metrics import weave
from zoo.catalogue import CHECKPOINTS
from zoo.checkpoint_files import WEIGHTS, sha256

Figures = dict[str, dict[str, float]]  # test set -> measure -> mean
NAME = "quality"


def measure(upscale: Upscale, scale: int, known: Figures) -> Figures:
    """Return the means over each test set, and over ten pictures for texture, clean and degraded.

    Args:
        known: sets that were measured already with these weights; they are returned as they are.
    """
    test, perceptual = data_folder() / "test", perceptual_measures()
    ten = partial(evaluate, upscale, test / "B100", scale, first=FEW)
    sets = {name: partial(evaluate, upscale, test / name, scale) for name in TEST_SETS}
    sets["B100-10"] = partial(ten, measures=perceptual | {"weave": weave_of_unit})
    for name, strength in STRENGTHS.items():
        sets[f"B100-10-{name}"] = partial(ten, measures=perceptual, reduce=partial(degrade_picture, strength=strength))
    return {name: known[name] if name in known else means(scores()) for name, scores in sets.items()}


def weave_of_unit(output: Tensor, truth: Tensor) -> Tensor:
    """Return the weave of pictures in [0, 1], as `evaluate` passes them."""
    return torch.tensor(weave(255 * output, 255 * truth))


def measure_bicubic(before: dict[str, Any]) -> dict[str, Any]:
    """Return the part of quality.json about bicubic at ×2, ×3 and ×4."""
    known = before.get("bicubic", {})
    return {"bicubic": {str(s): measure(bicubic(s), s, known.get(str(s), {})) for s in (2, 3, 4)}}


def measure_peer(name: str, before: dict[str, Any]) -> dict[str, Any]:
    """Return the part of quality.json about a released peer."""
    model = load_peer(peer_file(name))
    parameters = sum(p.numel() for p in model.parameters())
    known = before.get("peers", {}).get(name, {}).get("figures", {})
    figures = measure(network_upscale(model), model.scale, known)
    return {"peers": {name: asdict(RELEASED[name]) | {"parameters": parameters, "figures": figures}}}


def measure_checkpoint(name: str, before: dict[str, Any]) -> dict[str, Any]:
    """Return the part of quality.json about a checkpoint; the figures of other weights are not kept."""
    folder = CHECKPOINTS / name
    weights = sha256(folder / WEIGHTS)
    same = before.get("weights", {}).get(name) == weights
    known = before["checkpoints"].get(name, {}) if same else {}
    model = CAEResNet.from_pretrained(folder)
    figures = measure(checkpoint_upscale(model, "float32"), model.config.scale, known)
    return {"checkpoints": {name: figures}, "weights": {name: weights}}


def save(found: dict[str, Any]) -> None:
    """Merge new figures into quality.json; those that other processes have written in the meantime stay."""
    with results.update(NAME) as content:
        for group, figures in found.items():
            content.setdefault(group, {}).update(figures)
        about = {"date": str(date.today()), "torch": torch.__version__, "device": "cpu"}
        content["measured"] = about | {"command": "python -m benchmarks.measure.quality"}


def main() -> None:
    checkpoints = sorted(folder.name for folder in CHECKPOINTS.iterdir())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(["bicubic", *RELEASED, *checkpoints]))
    names = parser.parse_args().names
    known = ["bicubic", *RELEASED, *checkpoints]
    if unknown := [name for name in names if name not in known]:
        parser.error(f"There is no {', '.join(unknown)}. There is: {', '.join(known)}.")
    for name in names or known:
        before = results.read(NAME)
        if name == "bicubic":
            found = measure_bicubic(before)
        elif name in RELEASED:
            found = measure_peer(name, before)
        else:
            found = measure_checkpoint(name, before)
        save(found)
        results.show(found)


if __name__ == "__main__":
    main()
