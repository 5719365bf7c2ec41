"""`caesr train` for a machine that has torch, numpy, pillow and safetensors, and nothing else.

    python -m caesr.training RECIPE --out OUT [--device cuda] [--minutes M] [--cool-down M] [--resume]

`caesr` itself needs what reads all kinds of pictures, too.
"""

import argparse
import sys

from caesr.training.arguments import add_arguments
from caesr.training.command import run_train
from zoo import ZooError


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m caesr.training", description=(__doc__ or "").splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--device", default="auto", help="cuda, mps or cpu (default: the first there is)")
    try:
        return run_train(parser.parse_args())
    except (OSError, RuntimeError, ValueError, ZooError) as error:  # their messages are for people
        print(f"caesr.training: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
