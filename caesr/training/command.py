"""The command that trains, of `caesr train` and of `python -m caesr.training`."""

import argparse

from caesr.engine.device import choose_device
from caesr.training.recipe import read_recipe
from caesr.training.schedule import Span
from caesr.training.train import train


def run_train(options: argparse.Namespace) -> int:
    """Train a recipe, with the options that `add_arguments` added, and --device; return the exit code."""
    device = choose_device(options.device)
    recipe = read_recipe(options.recipe, device.type)
    length, cool_down = (minutes and Span(minutes=minutes) for minutes in (options.minutes, options.cool_down))
    train(recipe, options.out, device, resume=options.resume, source=options.source, length=length,
          cool_down=cool_down)  # fmt: skip
    return 0
