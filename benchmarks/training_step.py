"""Where the time of a training step goes, part by part, and whether the student takes more than all the rest.

    python benchmarks/training_step.py [zoo/recipes/caesr-photo-x4.toml] [--device cpu] [--threads 1] [--steps 8]

Writes results/training_step.json. The parts are timed apart from each other, each the median of so many steps.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch

from caesr.training.degrade import degrade
from caesr.training.losses import LOSSES
from caesr.training.objective import MEASURE_EVERY
from caesr.training.pictures import seeded
from caesr.training.recipe import read_recipe
from caesr.training.train import Run, device_name

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "training_step.json"


def median_seconds(part: Callable[[], object], device: torch.device, steps: int) -> float:
    """Time a part of the step; on a GPU until the device has done it."""
    seconds = []
    for n in range(steps + 1):
        began = time.perf_counter()
        part()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds += [time.perf_counter() - began] if n else []  # the first one warms up
    return statistics.median(seconds)


def parts(run: Run, steps: int) -> dict[str, float]:
    """Return the milliseconds of each part of a step of `run`, and of a whole step."""
    recipe, device, objective = run.recipe, run.device, run.objective
    lr, hr = run.sample()
    generator = seeded(run.generator, 1, 1)
    count = iter(range(10**9))
    near = hr + 0.01 * torch.randn_like(hr)  # what a trained student makes of it

    def student() -> None:
        with torch.autocast(device.type, dtype=torch.bfloat16):
            output = run.model(lr).float()
        LOSSES["l1"](output, hr).backward()
        run.optimiser.zero_grad(set_to_none=True)

    def losses() -> None:
        step = MEASURE_EVERY * next(count) + 1  # the balance is measured in one step of MEASURE_EVERY
        objective.backward(near.clone().requires_grad_(), hr, step)

    def measure_balance() -> None:
        objective.backward(near.clone().requires_grad_(), hr, 0)

    def optimiser() -> None:
        for p in run.model.parameters():
            p.grad = torch.zeros_like(p)
        run.optimiser.step()

    found = {"crops": median_seconds(lambda: run.pictures.sample(recipe.batch, generator), device, steps)}
    if run.degraded:
        made = median_seconds(lambda: degrade(hr, recipe.model.scale, generator), device, steps)
        found["degradation"] = made / run.degraded.REUSE
    found["student"] = median_seconds(student, device, steps)
    often = median_seconds(losses, device, steps)
    balance = max(0.0, median_seconds(measure_balance, device, steps) - often) / MEASURE_EVERY
    found |= {"losses and adversary": often + balance, "optimizer": median_seconds(optimiser, device, steps)}
    found["sum"] = sum(found.values())
    found["share of the student"] = found["student"] / found["sum"]
    return {name: round(s if "share" in name else 1e3 * s, 3) for name, s in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [Path(f"zoo/recipes/caesr-{name}-x4.toml") for name in ("photo", "texture", "base")]
    parser.add_argument("recipes", nargs="*", type=Path, default=default)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for file in options.recipes:
        recipe = read_recipe(file, device.type)
        run = Run(recipe, device)
        found = parts(run, options.steps)
        results[f"{file.stem} on {device_name(device)}"] = found | {"batch": recipe.batch, "patch": recipe.patch}
        print(file.stem, json.dumps(found))
    results["measured"] = {"date": str(date.today()), "torch": torch.__version__}
    results["measured"]["command"] = "python benchmarks/training_step.py"
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
