"""How should a fixed amount of work be split between full resolution and the latent?

Every candidate gets the same training time: one thread's, in steps counted out beforehand from steps
timed by the processor's clock, so that what else the machine does changes nothing. Then PSNR (×4) and milliseconds are
measured in one process, again by turns.

    python benchmarks/sweep.py --group split --minutes 3

Writes benchmarks/results/sweep-GROUP.json and prints the table of docs/decisions.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path

import torch
from quality import checkpoint_enlarger

from caesr import CAEResNet
from caesr.evaluation.evaluate import evaluate, means
from caesr.files.data import data_folder
from caesr.training.recipe import read_recipe
from caesr.training.train import COOLED, Run, Span, train
from zoo import history
from zoo.checkpoint_files import read_facts

RESULTS = Path(__file__).parent / "results"
SR = {"scale": 4, "skips": "fuse", "global_residual": True}


def net(widths: list[int], encoder: list[int], decoder: list[int], **more: object) -> dict:
    return SR | {"widths": widths, "encoder_blocks": encoder, "decoder_blocks": decoder} | more


LITE = {"model": net([32, 64], [3, 1], [3])}
GROUPS: dict[str, dict[str, dict]] = {
    "split": {  # about 150 kMAC an input pixel each; the share at full resolution falls down the list
        "plain 48": {"model": net([48], [3], [])},
        "plain 32": {"model": net([32], [7], [])},
        "48/64, 1+1+1": {"model": net([48, 64], [1, 1], [1])},
        "48/48, 1+2+1": {"model": net([48, 48], [1, 2], [1])},
        "48/96, 1+1+1": {"model": net([48, 96], [1, 1], [1])},
        "32/64, 3+1+3": {"model": net([32, 64], [3, 1], [3])},
        "32/64, 2+3+2": {"model": net([32, 64], [2, 3], [2])},
        "32/64, 1+5+1": {"model": net([32, 64], [1, 5], [1])},
        "32/64, 0+7+0": {"model": net([32, 64], [0, 7], [0])},
    },
    "optimiser": {  # the family that was chosen, by Muon and by Adam at several rates
        **{f"Muon {rate}": {"muon_rate": rate} | LITE for rate in (0.005, 0.01, 0.02)},
        **{f"Adam {rate}": {"muon_rate": 0, "adam_rate": rate} | LITE for rate in (0.001, 0.003, 0.006)},
    },
    "join": {  # how the encoder's levels join the decoder's
        skips: {"model": LITE["model"] | {"skips": skips}} for skips in ("none", "sum", "fuse")
    },
}


def toml(recipe: dict) -> str:
    """A recipe as TOML: every value here is written as JSON writes it."""
    tables = {k: v for k, v in recipe.items() if isinstance(v, dict)}
    lines = [f"{k} = {json.dumps(v)}" for k, v in recipe.items() if k not in tables]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def path(folder: Path, name: str, suffix: str = "") -> Path:
    """Where a candidate is trained, and the recipe and the log beside it."""
    return folder / (name.replace("/", "-").replace(" ", "") + suffix)


def count_steps(candidates: dict[str, dict], folder: Path, minutes: float) -> dict[str, int]:
    """How many steps of each candidate fit into so many minutes of one thread."""
    torch.set_num_threads(1)
    runs = {}
    for name, candidate in candidates.items():
        file = path(folder, name, ".toml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(toml({"data": ["train/bsds400"]} | candidate))
        runs[name] = Run(read_recipe(file), torch.device("cpu"))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(12):
        for name, run in runs.items():
            began = time.process_time()  # what other programs take does not count
            run.advance()
            times[name].append(time.process_time() - began)
    return {name: round(60 * minutes / statistics.median(values[2:])) for name, values in times.items()}


def train_all(candidates: dict[str, dict], steps: dict[str, int], jobs: int, folder: Path) -> None:
    """Train every candidate in a process of one thread, `jobs` at a time."""
    waiting = list(candidates)
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        running = [process for process in running if process.poll() is None]
        if waiting and len(running) < jobs:
            name = waiting.pop(0)
            out = path(folder, name)
            file = path(folder, name, ".toml")
            file.write_text(toml({"data": ["train/photos", "train/bsds400"]} | candidates[name]))
            command = [sys.executable, __file__, "--train", str(file), str(out), str(steps[name])]
            with path(folder, name, ".log").open("w") as log:
                process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    env=os.environ | {"OMP_NUM_THREADS": "1"},
                )
            running.append(process)
        time.sleep(0.5)


def train_one(file: Path, out: Path, steps: int) -> None:
    """Train a recipe for so many steps, the last 40 % of them cooling down."""
    cool_down = round(0.4 * steps)
    train(
        read_recipe(file),
        out,
        torch.device("cpu"),
        length=Span(steps=steps - cool_down),
        cool_down=Span(steps=cool_down),
    )


@torch.inference_mode()
def milliseconds(models: dict[str, CAEResNet], rounds: int = 15) -> dict[str, float]:
    """Median time of a 256×256 input on all cores, the models taking turns."""
    x = torch.rand(1, 3, 256, 256).contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            began = time.perf_counter()
            model(x)
            times[name].append(1e3 * (time.perf_counter() - began))
    return {name: statistics.median(values[2:]) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", choices=GROUPS, default="split")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("runs/sweep"))
    parser.add_argument("--only-measure", action="store_true", help="the candidates are trained already")
    parser.add_argument("--train", nargs=3, metavar=("RECIPE", "OUT", "STEPS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        recipe, out, steps_of_one = arguments.train
        train_one(Path(recipe), Path(out), int(steps_of_one))
        return
    candidates = GROUPS[arguments.group]
    folder = arguments.runs / arguments.group
    if not arguments.only_measure:
        threads = torch.get_num_threads()
        steps = count_steps(candidates, folder, arguments.minutes)
        torch.set_num_threads(threads)
        train_all(candidates, steps, arguments.jobs, folder)
    models = {name: CAEResNet.from_pretrained(path(folder, name) / COOLED) for name in candidates}
    speed = milliseconds(models)
    rows = []
    for name, model in models.items():
        row = {"name": name, "parameters": sum(p.numel() for p in model.parameters())}
        row |= {"milliseconds": round(speed[name], 1), "config": asdict(model.config)}
        row["steps"] = history.steps(read_facts(path(folder, name) / COOLED))
        for data in ("Set5", "Set14"):
            enlarge, scale = checkpoint_enlarger(path(folder, name) / COOLED)
            scores = evaluate(enlarge, data_folder() / "test" / data, scale)
            row[data] = round(means(scores)["psnr_y"], 3)
        rows.append(row)
    result = {"date": str(date.today()), "machine": platform.machine(), "threads": torch.get_num_threads()}
    result |= {
        "minutes": arguments.minutes,
        "command": " ".join(["python", *(word for word in sys.argv if word != "--only-measure")]),
        "rows": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"sweep-{arguments.group}.json").write_text(json.dumps(result, indent=1) + "\n")
    print("| network | parameters | ms | steps | Set5 | Set14 |\n|---|---|---|---|---|---|")
    for r in rows:
        print(
            f"| {r['name']} | {r['parameters']:,} | {r['milliseconds']} | {r['steps']} | {r['Set5']} | {r['Set14']} |"
        )


if __name__ == "__main__":
    main()
