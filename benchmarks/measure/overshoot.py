"""Measure overshoot at hard edges: of bicubic and of every checkpoint of the zoo at its native scale.

    python -m benchmarks.measure.overshoot [NAME ...]

NAME is a checkpoint of the zoo or the folder of one; without any, all of the zoo and bicubic are measured. Each result
is the share of values, on the two-tone pictures of benchmarks/two_tone.py, that lie outside the two tones by more than
15 % of the contrast. Flat pictures of one grey are upscaled, too. `alone` is the share of the network alone, without
the limits of caesr/imaging/limits.py; `cost` is what these take from the PSNR-Y on Set5 in dB.

Writes benchmarks/results/overshoot.json.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from benchmarks import results
from benchmarks.two_tone import EDGES, SHAPES, two_tone_pictures
from benchmarks.upscaling import checkpoint_upscale, network_upscale
from caesr import CAEResNet
from caesr.evaluation.evaluate import Upscale, bicubic, evaluate, means
from caesr.files.data import data_folder

TOLERANCE = 0.15  # of the contrast
FLAT_GREYS = (0, 1, 64, 128, 200, 254, 255)
FLAT_SIZE = (21, 34)


def measure(upscale: Upscale) -> dict[str, Any]:
    """Return shares of values outside the tones (overall, by kind of edges, by shape), and what is worst.

    `worst` is the largest overshoot as a part of the contrast, `flat` by how many levels flat greys are off, at most.
    """
    found = [(picture, picture.overshoot(upscale(picture.pixels))) for picture in two_tone_pictures()]

    def share(value: str = "") -> float:
        wanted = [beyond for picture, beyond in found if value in ("", picture.edges, picture.shape)]
        return round(float(np.mean([(beyond > TOLERANCE).mean() for beyond in wanted])), 5)

    return {
        "share": share(),
        **{value: share(value) for value in (*EDGES, *SHAPES)},
        "worst": round(float(max(beyond.max() for _, beyond in found)), 3),
        "flat": {str(grey): flat_error(upscale, grey) for grey in FLAT_GREYS},
    }


def measure_limits(model: CAEResNet) -> dict[str, float]:
    """Return the share of a network without limits, and what limits cost it on photographs."""
    limited, alone = checkpoint_upscale(model, "float32"), network_upscale(model.eval())
    limited_db, alone_db = (
        means(evaluate(upscale, data_folder() / "test" / "Set5", model.config.scale))["psnr_y"]
        for upscale in (limited, alone)
    )
    return {"alone": measure(alone)["share"], "cost": round(alone_db - limited_db, 3)}


def flat_error(upscale: Upscale, grey: int) -> int:
    """Return by how many grey levels the result of a flat picture is off, at most."""
    result = upscale(np.full((*FLAT_SIZE, 3), grey, np.uint8))
    return int(np.abs(result.astype(int) - grey).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="by default bicubic and the whole zoo")
    names = parser.parse_args().names
    about = results.header()
    upscalers = {} if names else {f"bicubic ×{scale}": bicubic(scale) for scale in (2, 3, 4)}
    models = {name: CAEResNet.from_pretrained(name) for name in names or zoo.names()}
    upscalers |= {name: checkpoint_upscale(model) for name, model in models.items()}
    found = {}
    for name, upscale in upscalers.items():
        found[name] = measure(upscale) | (measure_limits(models[name]) if name in models else {})
        results.show({name: found[name]})
    in_zoo = {name: figures for name, figures in found.items() if not Path(name).is_dir()}
    if in_zoo:
        with results.update("overshoot") as content:
            known = content.get("found", {}) | in_zoo
            content |= about | {"found": known}


if __name__ == "__main__":
    main()
