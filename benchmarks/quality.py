"""Measure fidelity, texture and robustness of bicubic, every checkpoint of the zoo, and released peers.

    python benchmarks/quality.py [NAME ...]

NAME is a checkpoint, a peer of compact.py, or `bicubic`; without one, all are measured. PSNR, SSIM and consistency with
the input are measured on Set5, Set14 and B100; with LPIPS and DISTS on the first ten pictures of B100 (B100-10), and on
blurred, noisy JPEGs of those in three strengths (B100-10-light, -medium, -heavy); weave on B100-10.

Writes benchmarks/results/quality.json, from which README, cards and page take their figures, after each name. Two
processes may measure different names at the same time. The pictures are those of $CAESR_DATA/test.
"""

import json
import os
import sys
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
from compact import PEERS, enlarger, load_peer, peer_file
from torch import Tensor

from caesr import Upscaler
from caesr.evaluation.degrade import STRENGTHS, degraded
from caesr.evaluation.evaluate import Enlarge, bicubic, evaluate, means
from caesr.files.data import data_folder
from caesr.imaging.metrics import weave
from caesr.imaging.perceptual import DISTS, LPIPS
from caesr.model import checkpoint
from caesr.model.caeresnet import CAEResNet
from zoo import catalogue

RESULTS = Path(__file__).parent / "results" / "quality.json"
SETS = ("Set5", "Set14", "B100")
Figures = dict[str, dict[str, float]]  # test set -> measure -> mean


def measure(enlarge: Enlarge, scale: int, known: Figures) -> Figures:
    """Return the means over each test set, and over ten pictures for texture, clean and degraded.

    Args:
        known: sets that were measured already with these weights; they are returned as they are.
    """
    features, test = data_folder() / "features", data_folder() / "test"
    perceptual = {"lpips": LPIPS(features), "dists": DISTS(features)}
    ten = partial(evaluate, enlarge, test / "B100", scale, first=10)
    sets = {name: partial(evaluate, enlarge, test / name, scale) for name in SETS}
    sets["B100-10"] = partial(ten, measures=perceptual | {"weave": weave_of_unit})
    for name, strength in STRENGTHS.items():
        sets[f"B100-10-{name}"] = partial(ten, measures=perceptual, reduce=partial(degraded, strength=strength))
    return {name: known[name] if name in known else means(scores()) for name, scores in sets.items()}


def weave_of_unit(output: Tensor, truth: Tensor) -> Tensor:
    """Return the weave of pictures in [0, 1], as `evaluate` passes them."""
    return torch.tensor(weave(255 * output, 255 * truth))


def checkpoint_enlarger(folder: Path) -> tuple[Enlarge, int]:
    """The Upscaler of a checkpoint folder on the CPU, where results do not depend on a GPU's arithmetic."""
    model = CAEResNet.from_pretrained(folder)
    upscaler, scale = Upscaler(model, "cpu", precision="float32"), model.config.scale
    return lambda lr: upscaler(lr, scale), scale


def measure_name(name: str) -> dict[str, Any]:
    """Measure bicubic, a peer or a checkpoint; returns the part of quality.json that is about it.

    What quality.json knows already of the same weights is not measured again.
    """
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if name == "bicubic":
        known = before.get("bicubic", {})
        return {"bicubic": {str(s): measure(bicubic(s), s, known.get(str(s), {})) for s in (2, 3, 4)}}
    if name in PEERS:
        model = load_peer(peer_file(name))
        parameters = sum(p.numel() for p in model.parameters())
        known = before.get("peers", {}).get(name, {}).get("figures", {})
        figures = measure(enlarger(model), 4, known)
        return {"peers": {name: asdict(PEERS[name]) | {"parameters": parameters, "figures": figures}}}
    weights = catalogue.sha256(catalogue.CHECKPOINTS / name / checkpoint.WEIGHTS)
    same = before.get("weights", {}).get(name) == weights
    known = before["checkpoints"].get(name, {}) if same else {}
    figures = measure(*checkpoint_enlarger(catalogue.CHECKPOINTS / name), known)
    return {"checkpoints": {name: figures}, "weights": {name: weights}}


def save(found: dict[str, Any]) -> None:
    """Merge new figures into quality.json, keeping what other processes have written in the meantime."""
    import fcntl  # not on Windows

    RESULTS.parent.mkdir(exist_ok=True)
    lock = os.open(RESULTS.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        for group, figures in found.items():
            results.setdefault(group, {}).update(figures)
        measured = {"date": str(date.today()), "torch": torch.__version__, "device": "cpu"}
        results["measured"] = measured | {"command": "python benchmarks/quality.py"}
        checkpoint.replace(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    finally:
        os.close(lock)


def main() -> None:
    checkpoints = sorted(folder.name for folder in catalogue.CHECKPOINTS.iterdir())
    known = ["bicubic", *PEERS, *checkpoints]
    if unknown := [name for name in sys.argv[1:] if name not in known]:
        sys.exit(f"There is no {', '.join(unknown)}. There is: {', '.join(known)}.")
    for name in sys.argv[1:] or known:
        found = measure_name(name)
        save(found)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
