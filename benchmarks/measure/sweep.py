"""Measure how a fixed amount of training time is best spent: full resolution or latent, optimiser, skips.

    python -m benchmarks.measure.sweep --group split --minutes 3

Every candidate is trained for as many steps as fit into the same processor time of one thread, so that what else the
machine does changes nothing. Then PSNR (×4) and milliseconds are measured, in turns. The pictures are those of
$CAESR_DATA. Writes benchmarks/results/sweep-GROUP.json, for docs/decisions.md.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import ROOT, results
from benchmarks.costs import Call, medians, time_in_turns
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.evaluate import evaluate, means
from caesr.files.data import data_folder
from caesr.training.recipe import read_recipe
from caesr.training.run import Run
from caesr.training.schedule import Span
from caesr.training.train import COOLED, train
from zoo import history
from zoo.checkpoint_files import read_facts

Recipe = dict[str, Any]  # the fields of a recipe that differ from the defaults


def network(widths: list[int], encoder: list[int], decoder: list[int], skips: str = "fuse") -> Recipe:
    """Return the recipe of a network at ×4."""
    model = {"scale": 4, "global_residual": True, "skips": skips, "widths": widths}
    return {"model": model | {"encoder_blocks": encoder, "decoder_blocks": decoder}}


LITE = network([32, 64], [3, 1], [3])
GROUPS: dict[str, dict[str, Recipe]] = {
    "split": {  # about 150 kMAC an input pixel each; the share at full resolution falls down the list
        "plain 48": network([48], [3], []),
        "plain 32": network([32], [7], []),
        "48/64, 1+1+1": network([48, 64], [1, 1], [1]),
        "48/48, 1+2+1": network([48, 48], [1, 2], [1]),
        "48/96, 1+1+1": network([48, 96], [1, 1], [1]),
        "32/64, 3+1+3": LITE,
        "32/64, 2+3+2": network([32, 64], [2, 3], [2]),
        "32/64, 1+5+1": network([32, 64], [1, 5], [1]),
        "32/64, 0+7+0": network([32, 64], [0, 7], [0]),
    },
    "optimiser": {  # lite by Muon and by Adam at several rates
        **{f"Muon {rate}": {"muon_rate": rate} | LITE for rate in (0.005, 0.01, 0.02)},
        **{f"Adam {rate}": {"muon_rate": 0, "adam_rate": rate} | LITE for rate in (0.001, 0.003, 0.006)},
    },
    "join": {skips: network([32, 64], [3, 1], [3], skips) for skips in ("none", "sum", "fuse")},
}


def write_recipe(file: Path, recipe: Recipe, data: list[str]) -> None:
    """Write a recipe as TOML; every value here is written as JSON writes it."""
    top = {"data": data} | {name: value for name, value in recipe.items() if name != "model"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in top.items()]
    lines += ["[model]", *(f"{name} = {json.dumps(value)}" for name, value in recipe["model"].items())]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def candidate_path(folder: Path, name: str, suffix: str = "") -> Path:
    """Return where a candidate is trained, or the recipe or log beside it."""
    return folder / (name.replace("/", "-").replace(" ", "") + suffix)


def count_steps(candidates: dict[str, Recipe], folder: Path, minutes: float) -> dict[str, int]:
    """Return how many steps of each candidate fit into so many minutes of one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    calls: dict[str, Call] = {}
    for name, recipe in candidates.items():
        file = candidate_path(folder, name, ".toml")
        write_recipe(file, recipe, ["train/bsds400"])
        calls[name] = Run(read_recipe(file), torch.device("cpu")).advance
    seconds = medians(time_in_turns(calls, rounds=10, clock=time.process_time))
    torch.set_num_threads(threads)
    return {name: round(60 * minutes / spent) for name, spent in seconds.items()}


def train_all(candidates: dict[str, Recipe], steps: dict[str, int], jobs: int, folder: Path) -> None:
    """Train every candidate in a process of one thread, `jobs` at a time."""
    waiting = list(candidates)
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        running = [process for process in running if process.poll() is None]
        if waiting and len(running) < jobs:
            name = waiting.pop(0)
            file, out = candidate_path(folder, name, ".toml"), candidate_path(folder, name)
            write_recipe(file, candidates[name], ["train/photos", "train/bsds400"])
            command = [sys.executable, "-m", "benchmarks.measure.sweep", "--train", str(file), str(out)]
            command.append(str(steps[name]))
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            with candidate_path(folder, name, ".log").open("w") as log:
                running.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment))
        time.sleep(0.5)


def train_one(file: Path, out: Path, steps: int) -> None:
    """Train a recipe for so many steps, the last 40 % of them cooling down."""
    cool_down = round(0.4 * steps)
    constant, falling = Span(steps=steps - cool_down), Span(steps=cool_down)
    train(read_recipe(file), out, torch.device("cpu"), length=constant, cool_down=falling)


@torch.inference_mode()
def milliseconds(models: dict[str, CAEResNet]) -> dict[str, float]:
    """Return the median time of a 256×256 input on all cores."""
    x = torch.rand(1, 3, 256, 256).contiguous(memory_format=torch.channels_last)
    seconds = medians(time_in_turns({name: partial(model, x) for name, model in models.items()}))
    return {name: round(1e3 * spent, 1) for name, spent in seconds.items()}


def measure(candidates: dict[str, Recipe], folder: Path) -> list[dict[str, Any]]:
    """Return a row for each trained candidate: parameters, milliseconds, steps, and PSNR on Set5 and Set14."""
    models = {name: CAEResNet.from_pretrained(candidate_path(folder, name) / COOLED) for name in candidates}
    speed, rows = milliseconds(models), []
    for name, model in models.items():
        row = {
            "name": name,
            "parameters": sum(p.numel() for p in model.parameters()),
            "milliseconds": speed[name],
            "config": asdict(model.config),
            "steps": history.count_steps(read_facts(candidate_path(folder, name) / COOLED)),
        }
        for data in ("Set5", "Set14"):
            upscale = checkpoint_upscale(model, "float32")
            row[data] = round(means(evaluate(upscale, data_folder() / "test" / data, model.config.scale))["psnr_y"], 3)
        results.show(row)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--group", choices=GROUPS, default="split")
    parser.add_argument("--minutes", type=float, default=3, help="of training, of one thread")
    parser.add_argument("--jobs", type=int, default=2, help="candidates that are trained at the same time")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "sweep", help="folder of the trainings")
    parser.add_argument("--train", nargs=3, metavar=("RECIPE", "OUT", "STEPS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        recipe, out, steps_of_one = options.train
        train_one(Path(recipe), Path(out), int(steps_of_one))
        return
    about = results.header() | {"threads": torch.get_num_threads(), "minutes": options.minutes}
    candidates, folder = GROUPS[options.group], options.runs / options.group
    train_all(candidates, count_steps(candidates, folder, options.minutes), options.jobs, folder)
    results.write(f"sweep-{options.group}", about | {"rows": measure(candidates, folder)})


if __name__ == "__main__":
    main()
