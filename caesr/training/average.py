"""Average two checkpoints that grew from the same weights, for steadier ones than either.

They are a "model soup" (Wortsman et al., ICML 2022).

    python -m caesr.training.average EARLIER LATER --out FOLDER [--share 0.5]

LATER must have been trained on from EARLIER, or both from the same weights, so that these correspond; the result keeps
LATER's history.
"""

import argparse
import sys
from pathlib import Path

from caesr.model.caeresnet import CAEResNet
from caesr.model.family import blend
from zoo.checkpoint_files import read_facts


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m caesr.training.average", description=__doc__.splitlines()[0])
    parser.add_argument("earlier", type=Path)
    parser.add_argument("later", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of the later one, 0 to 1 (default: 0.5)")
    options = parser.parse_args()
    try:
        earlier, later = (CAEResNet.from_pretrained(folder) for folder in (options.earlier, options.later))
        model = blend(earlier, later, options.share)
        model.save_pretrained(options.out, **read_facts(options.later), averaged=options.share)
    except ValueError as error:
        print(f"average: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
