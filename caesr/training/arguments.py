"""The arguments of `caesr train` and of `python -m caesr.training`; without torch, so that help comes at once."""

import argparse
import math
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all arguments but --device."""
    parser.add_argument("recipe", type=Path, help="zoo/recipes/NAME.toml")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--resume", action="store_true", help="go on where OUT stopped")
    parser.add_argument("--continue", dest="source", metavar="MODEL", help="go on from a checkpoint, into OUT")
    parser.add_argument("--minutes", type=read_minutes, help="of constant rates (default: until Ctrl-C or SIGTERM)")
    parser.add_argument(
        "--cool-down", type=read_minutes, metavar="MINUTES",
        help="then let the rates fall to zero and write the checkpoint to publish into OUT/cooled; "
        "without --minutes at once",
    )  # fmt: skip


def read_minutes(text: str) -> float:
    """Read a number of minutes, from 0 up.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not minutes >= 0:
        raise argparse.ArgumentTypeError(f"{text}: give a number from 0 up")
    return minutes
