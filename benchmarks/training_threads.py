"""Which trains more low-res pixels a second on two cores: two runs of one thread each, or one run of two threads?

    python benchmarks/training_threads.py [zoo/recipes/NAME.toml ...] [--seconds 20] [--rounds 2]

Writes results/training_threads.json. Both arrangements take turns, so that what else the machine does meets both.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch

from caesr.training.recipe import read_recipe
from caesr.training.train import Run

RESULTS = Path(__file__).parent / "results" / "training_threads.json"
ARRANGEMENTS = {"two runs of one thread": (2, 1), "one run of two threads": (1, 2)}  # processes, threads of each


def worker(file: Path, threads: int, seconds: float) -> None:
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
    """Train in so many processes at the same time; returns what they see together."""
    command = [sys.executable, __file__, str(file), "--worker", str(threads), "--seconds", str(seconds)]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for process in workers:
        assert process.stdout
        process.stdout.readline()
    for process in workers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [Path(f"zoo/recipes/caesr-{name}-x4.toml") for name in ("lite", "photo")]
    parser.add_argument("recipes", nargs="*", type=Path, default=default)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--worker", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.recipes[0], options.worker, options.seconds)
        return
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(options.rounds):
        for file in options.recipes:
            for name, (processes, threads) in ARRANGEMENTS.items():
                rate = pixels_per_second(file, processes, threads, options.seconds)
                found.setdefault(file.stem, {}).setdefault(name, []).append(rate)
    medians = {r: {name: round(statistics.median(v)) for name, v in rows.items()} for r, rows in found.items()}
    measured = {"date": str(date.today()), "torch": torch.__version__, "machine": platform.machine()}
    measured["command"] = "python benchmarks/training_threads.py"
    RESULTS.write_text(json.dumps({"low-res pixels a second": medians, "measured": measured}, indent=1) + "\n")
    print(json.dumps(medians, indent=1))


if __name__ == "__main__":
    main()
