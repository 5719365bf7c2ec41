"""Count the units of each checkpoint that no input reaches: zero at every pixel of ten pictures of B100.

    python -m benchmarks.measure.dead_units [FOLDER ...]

A unit is a channel between the two convolutions of a residual block. The pictures are those of $CAESR_DATA/test. Writes
benchmarks/results/dead_units.json for the checkpoints of the zoo; for FOLDERs, which are checkpoints too, it prints.
"""

import argparse
from pathlib import Path

import torch

import zoo
from benchmarks import results
from benchmarks.pictures import FEW, read_rgb
from caesr import CAEResNet
from caesr.files.data import data_folder
from caesr.imaging.resize import resize
from caesr.training.hidden_units import HiddenUnits


def count(source: str | Path) -> dict[str, int]:
    """Return how many units and blocks a checkpoint has, and how many are dead; a block if all of its units are."""
    model = CAEResNet.from_pretrained(source)
    hidden = HiddenUnits(model)
    dead: dict[str, torch.Tensor] = {}
    for file in sorted((data_folder() / "test" / "B100").glob("*.png"))[:FEW]:
        high_res = torch.from_numpy(read_rgb(file)).permute(2, 0, 1)
        low_res = resize(high_res, 1 / model.config.scale).float().div(255)[None]
        for name, found in hidden.inspect(low_res).items():
            dead[name] = dead.get(name, found) & found
    return {
        "units": sum(found.numel() for found in dead.values()),
        "dead": sum(int(found.sum()) for found in dead.values()),
        "blocks": len(dead),
        "dead_blocks": sum(bool(found.all()) for found in dead.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.folders:
        for folder in options.folders:
            results.show({"checkpoint": str(folder)} | count(folder))
        return
    about, rows = results.header(), []
    for name in zoo.names():
        rows.append({"checkpoint": name} | count(name))
        results.show(rows[-1])
    results.write("dead_units", about | {"found": rows})


if __name__ == "__main__":
    main()
