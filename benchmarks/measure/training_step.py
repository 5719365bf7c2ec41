"""Measure where the time of a training step goes, part by part, and whether the student takes more than all the rest.

    python -m benchmarks.measure.training_step [zoo/recipes/NAME.toml ...] [--device cpu] [--threads 1] [--steps 8]

Writes benchmarks/results/training_step.json: milliseconds of each part, the median of so many steps. "student" is in
the precision that training chooses for the device; beside it stand the times of both.
"""

import argparse
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks import results
from benchmarks.costs import medians, time_in_turns
from caesr.engine.device import computes_bfloat16
from caesr.training.degrade import degrade
from caesr.training.losses import LOSSES
from caesr.training.objective import BALANCE_STEPS
from caesr.training.pictures import seed_generator
from caesr.training.precision import mixed_precision
from caesr.training.recipe import read_recipe
from caesr.training.run import Run, device_name

RECIPES = [Path(f"zoo/recipes/caesr-{name}-x4.toml") for name in ("photo", "texture", "base")]
PRECISIONS = {"student in float32": False, "student in bfloat16": True}  # whether autocast is on


def measure(run: Run, steps: int) -> dict[str, float]:
    """Return the milliseconds of each part of a step of `run`, and of a whole step."""
    _, hr = run.sample()
    near = hr + 0.01 * torch.randn_like(hr)  # what a trained student makes of it
    wait = torch.cuda.synchronize if run.device.type == "cuda" else None
    seconds = medians(time_in_turns(parts(run, hr, near), steps, wait=wait))
    balance = max(0.0, seconds.pop("balance") - seconds["losses and adversary"]) / BALANCE_STEPS
    seconds["losses and adversary"] += balance
    if "degradation" in seconds and run.degraded:
        seconds["degradation"] /= run.degraded.USES
    precisions = {name: round(1e3 * seconds.pop(name), 3) for name in PRECISIONS}
    total = sum(seconds.values())
    found = {name: round(1e3 * spent, 3) for name, spent in seconds.items()}
    found |= {"sum": round(1e3 * total, 3), "share of the student": round(seconds["student"] / total, 3)}
    return found | precisions


def parts(run: Run, hr: torch.Tensor, near: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Return the parts of a step; "balance" is one in which the norms of the gradients are measured, too."""
    recipe, objective = run.recipe, run.objective
    lr, _ = run.sample()
    generator, pixel_generator = seed_generator(run.generator, 1, 1), torch.Generator(hr.device)
    count = itertools.count()

    def crops() -> None:
        run.pictures.sample(recipe.batch, generator)

    def degradation() -> None:
        degrade(hr, recipe.model.scale, pixel_generator, generator)

    def student(precision: torch.autocast) -> None:
        with precision:
            output = run.model(lr).float()
        LOSSES["l1"](output, hr).backward()
        run.optimizer.zero_grad()

    def losses() -> None:
        step = BALANCE_STEPS * next(count) + 1  # the balance is measured in one step of BALANCE_STEPS
        objective.backward(near.clone().requires_grad_(), hr, step)

    def balance() -> None:
        objective.backward(near.clone().requires_grad_(), hr, 0)

    def optimizer() -> None:
        for p in run.model.parameters():
            p.grad = torch.zeros_like(p)
        run.optimizer.step()

    found: dict[str, Callable[[], object]] = {"crops": crops}
    if run.degraded:
        found["degradation"] = degradation
    found |= {
        "student": lambda: student(mixed_precision(run.device)),
        "losses and adversary": losses,
        "balance": balance,
        "optimizer": optimizer,
    }
    for name, is_half in PRECISIONS.items():
        found[name] = partial(student, torch.autocast(run.device.type, torch.bfloat16, enabled=is_half))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", type=Path, default=RECIPES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, about = torch.device(options.device), results.header()
    for file in options.recipes:
        recipe = read_recipe(file, device.type)
        found = measure(Run(recipe, device), options.steps) | {"batch": recipe.batch, "patch": recipe.patch}
        results.show({file.stem: found})
        native = "" if computes_bfloat16(device) else " without bfloat16"
        with results.update("training_step") as content:
            content[f"{file.stem} on {device_name(device)}{native}"] = found | {"measured": about}


if __name__ == "__main__":
    main()
