"""Measure which trains more low-res pixels a second on two cores: two runs of one thread each, or one of two threads.

    python -m benchmarks.measure.training_threads [zoo/recipes/NAME.toml ...] [--seconds 20] [--rounds 2]

Writes benchmarks/results/training_threads.json. Both arrangements take turns, so that whatever else the machine does
slows both alike. (Each is a set of processes that train for a given time, so this is not the loop of costs.py.)
"""

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks import ROOT, results
from caesr.training.recipe import read_recipe
from caesr.training.run import Run

RECIPES = [Path(f"zoo/recipes/caesr-{name}-x4.toml") for name in ("lite", "photo")]
ARRANGEMENTS = {"two runs of one thread": (2, 1), "one run of two threads": (1, 2)}  # processes, threads of each


def train_alone(file: Path, threads: int, seconds: float) -> None:
    """Train for so many seconds once a line comes in, and print the low-res pixels seen a second."""
    torch.set_num_threads(threads)
    recipe = replace(read_recipe(file), data=("train/bsds400",), start="")  # nothing that takes long to load
    run = Run(recipe, torch.device("cpu"))
    for _ in range(2):
        run.advance()
    print("ready", flush=True)
    sys.stdin.readline()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        run.advance()
        steps += 1
    print(steps * recipe.batch * recipe.patch**2 / (time.perf_counter() - began), flush=True)


def pixels_per_second(file: Path, processes: int, threads: int, seconds: float) -> float:
    """Return the low-res pixels a second that so many processes see together, training at the same time."""
    command = [sys.executable, "-m", "benchmarks.measure.training_threads", str(file.resolve())]
    command += ["--worker", str(threads), "--seconds", str(seconds)]
    workers = []
    for _ in range(processes):
        pipe = subprocess.PIPE
        workers.append(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))
    for process in workers:
        assert process.stdout
        process.stdout.readline()  # "ready"
    for process in workers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", type=Path, default=RECIPES)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--worker", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        train_alone(options.recipes[0], options.worker, options.seconds)
        return
    about = results.header()
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(options.rounds):
        for file in options.recipes:
            for name, (processes, threads) in ARRANGEMENTS.items():
                rate = pixels_per_second(file, processes, threads, options.seconds)
                found.setdefault(file.stem, {}).setdefault(name, []).append(rate)
    medians = {}
    for recipe, rates in found.items():
        medians[recipe] = {name: round(statistics.median(values)) for name, values in rates.items()}
    results.show(medians)
    results.write("training_threads", {"low-res pixels a second": medians, "measured": about})


if __name__ == "__main__":
    main()
