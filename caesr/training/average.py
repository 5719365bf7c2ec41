"""Average two checkpoints of one run's trajectory: steadier weights than either ("model soup", Wortsman et al. 2022).

    python -m caesr.training.average EARLIER LATER --out FOLDER [--share 0.5]

LATER must have been trained on from EARLIER, so that their weights correspond; the result keeps LATER's history.
"""

import argparse
import sys
from pathlib import Path

from caesr.model.caeresnet import CAEResNet
from caesr.model.family import blend
from zoo.checkpoint_files import read_facts


def average(earlier: Path, later: Path, out: Path, share: float = 0.5) -> None:
    """Write a checkpoint of averaged weights; `share` is the later one's.

    Raises:
        CheckpointError: one of them is missing or damaged.
        ValueError: they are different networks, or the share is not from 0 to 1.
    """
    net = blend(CAEResNet.from_pretrained(earlier), CAEResNet.from_pretrained(later), share)
    net.save_pretrained(out, **read_facts(later), averaged=share)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m caesr.training.average", description=__doc__.splitlines()[0])
    parser.add_argument("earlier", type=Path)
    parser.add_argument("later", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the later one (default: 0.5)")
    options = parser.parse_args()
    try:
        average(options.earlier, options.later, options.out, options.share)
    except ValueError as error:
        print(f"average: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
