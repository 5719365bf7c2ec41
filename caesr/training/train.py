"""The training loop: a recipe in, a checkpoint folder out. Stops and goes on at any time."""

import csv
import json
import math
import signal
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import MISSING, asdict, fields
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from caesr import checkpoint
from caesr.metrics import on_luma
from caesr.model import CAEResNet
from caesr.training import start
from caesr.training.degrade import photo
from caesr.training.losses import LOSSES, psnr
from caesr.training.objective import Objective
from caesr.training.optimiser import make_optimiser
from caesr.training.pictures import Pictures, find, hold_out
from caesr.training.recipe import Recipe, data_folder

RESUME, LOG = "resume.safetensors", "log.csv"
SAVE_EVERY = 120  # seconds of training
LENGTH = ("minutes", "steps")  # of a recipe: may change when a run goes on


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


class Run:
    """One run of a recipe: model, its running mean, optimizer, pictures, and how far it has come.

    Args:
        again: a checkpoint that this recipe made: its weights are the first, and what is known of it is kept.
    """

    def __init__(
        self, recipe: Recipe, out: Path, device: torch.device, compile: bool = False, again: str | Path | None = None
    ):
        self.recipe, self.out, self.device = recipe, out, device
        self.step, self.seconds = 0, 0.0
        self.before: dict = {}  # facts of the run whose weights were the first
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator(device).manual_seed(recipe.seed)
        model = CAEResNet(**asdict(recipe.model))
        start.identity(model)
        if again:
            self._take_up(model, again)
        elif recipe.start:
            start.warm(model, checkpoint.load(recipe.start))
        model = model.to(device)
        self.model: CAEResNet = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.mean = deepcopy(self.model).eval()
        self.objective = Objective(recipe, device)
        self.optimiser = make_optimiser(self.model, recipe.muon_rate, recipe.adam_rate)
        files, held_out = hold_out(find([data_folder() / folder for folder in recipe.data]))
        self.pictures = Pictures(files, recipe.model.scale, recipe.patch, device)
        self.validation = Pictures(held_out[:12], recipe.model.scale, recipe.patch, device)
        self.forward: Callable[[Tensor], Tensor] = self._compiled() if compile else self.model

    def _take_up(self, model: CAEResNet, again: str | Path) -> None:
        """Begin with the weights of an earlier run of the same recipe."""
        earlier, self.before = checkpoint.load(again), checkpoint.read_facts(checkpoint.folder_of(again))
        if earlier.config != model.config:
            raise TrainingError(f"{again} is another network than {self.recipe.name}'s: it cannot be trained again.")
        model.load_state_dict(earlier.state_dict())

    @property
    def progress(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        if self.recipe.steps:
            return min(1.0, self.step / self.recipe.steps)
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def _compiled(self) -> Callable[[Tensor], Tensor]:
        """The model as torch.compile makes it; the model itself, said aloud, where that does not work."""
        try:
            compiled = torch.compile(self.model)
            lr, _ = self.pictures.sample(self.recipe.batch, torch.Generator(self.device))
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                compiled(lr).float().mean().backward()
            return compiled
        except Exception as error:  # a missing compiler shows in many ways
            print(f"torch.compile does not work here ({error}): training goes on without it.")
            return self.model
        finally:
            self.optimiser.zero_grad(set_to_none=True)

    def advance(self) -> Tensor:
        """One step of the optimizer; returns the loss, still on the device."""
        recipe = self.recipe
        cosine = 0.5 * (1 + math.cos(math.pi * self.progress))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * cosine * min(1.0, (self.step + 1) / recipe.warmup)
        lr, hr = self.pictures.sample(recipe.batch, self.generator)
        if recipe.degrade == "photo":
            lr = photo(hr, recipe.model.scale, self.generator)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            output = self.forward(lr).float()
        self.optimiser.zero_grad(set_to_none=True)
        pixel_loss = self._pixel_loss()
        if pixel_loss:
            loss = pixel_loss(output, hr)
            loss.backward()
        else:
            loss = self.objective.backward(output, hr, lambda: self.run_mean(lr))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self.optimiser.step()
        keep = min(recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)
        if self.objective.adversary and not pixel_loss:
            self.objective.adversary.learn(output, hr)
        self.step += 1
        return loss.detach()

    def _pixel_loss(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """What alone is minimised at the beginning and at the end of the schedule; None between them."""
        if self.progress >= 1 - self.recipe.finish:
            return psnr
        return LOSSES[next(iter(self.recipe.loss))] if self.progress < self.recipe.pixel_first else None

    @torch.no_grad()
    def run_mean(self, lr: Tensor) -> Tensor:
        """What the running mean of the weights makes of a batch."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            return self.mean(lr).float()

    @torch.no_grad()
    def validate(self) -> float:
        """Mean PSNR on Y over crops of photographs that are never trained on, always the same ones."""
        lr, hr = self.validation.sample(24, torch.Generator(self.device).manual_seed(0))
        output = self.mean(lr).clamp(0, 1).mul(255).round()
        pairs = zip(output.split(1), hr.mul(255).split(1), strict=True)
        values = [on_luma(x, y, self.recipe.model.scale)[0] for x, y in pairs]
        return sum(values) / len(values)

    def save(self) -> None:
        """Write the checkpoint so far, and all that is needed to go on, each file atomically."""
        recipe = self.recipe
        facts = {
            "name": recipe.name,
            "base_model": recipe.start,
            "batch": recipe.batch,
            "patch": recipe.patch,
        }
        facts |= {"steps": self.step, "seconds": round(self.seconds), "device": device_name(self.device)}
        facts |= {"before": self.before} if self.before else {}
        checkpoint.save(self.mean, self.out, **facts)
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"mean.{name}": t for name, t in self.mean.state_dict().items()}
        for name, p in self.model.named_parameters():
            tensors |= {f"state.{name}.{key}": t for key, t in self.optimiser.state[p].items()}
        if self.objective.adversary:
            tensors |= {f"adversary.{name}": t for name, t in self.objective.adversary.state().items()}
        tensors |= {"generator": self.generator.get_state()}
        metadata = {"step": str(self.step), "seconds": repr(self.seconds), "recipe": self._recipe_json()}
        metadata |= {"before": json.dumps(self.before)}
        contiguous = {name: t.contiguous() for name, t in tensors.items()}
        checkpoint.save_tensors(self.out / RESUME, contiguous, metadata)

    def resume(self) -> None:
        """Take up what `save` wrote.

        Raises:
            TrainingError: it is another recipe's.
        """
        file = self.out / RESUME
        metadata = checkpoint.read_header(file)["__metadata__"]
        before, now = json.loads(metadata["recipe"]), json.loads(self._recipe_json())
        if self._defaults() | before != now:
            raise TrainingError(f"{file} belongs to another recipe. Choose another --out, or leave --resume off.")
        tensors = load_file(file, device=str(self.device))
        for prefix, model in (("model.", self.model), ("mean.", self.mean)):
            model.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        for name, p in self.model.named_parameters():
            prefix = f"state.{name}."
            state = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            if "step" in state:
                state["step"] = state["step"].cpu()
            self.optimiser.state[p] = state
        if self.objective.adversary:
            prefix = "adversary."
            state = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            self.objective.adversary.load(state)
        self.generator.set_state(tensors["generator"].cpu())
        self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])
        self.before = json.loads(metadata.get("before", "{}"))

    @staticmethod
    def _defaults() -> dict[str, object]:
        """What a run began with that is older than a field of Recipe."""
        return {f.name: f.default for f in fields(Recipe) if f.default is not MISSING and f.name not in LENGTH}

    def _recipe_json(self) -> str:
        """What must agree for a resume: all but the length."""
        return json.dumps({k: v for k, v in asdict(self.recipe).items() if k not in LENGTH})


def train(
    recipe: Recipe,
    out: Path,
    device: torch.device,
    resume: bool = False,
    pause_after: float | None = None,
    checks: int = 20,
    again: str | Path | None = None,
) -> Path:
    """Train a recipe to its end, or until `pause_after` minutes, Ctrl-C or SIGTERM; then save.

    Args:
        out: becomes a checkpoint folder, with log.csv and the state to resume from beside the weights.
        checks: how often in the whole schedule the validation pictures are measured.
        again: a checkpoint of this recipe, to be trained once more through the whole schedule.
    Raises:
        TrainingError: the loss is no longer a number, there is nothing to resume, or `again` is another network.
        FileNotFoundError: the training pictures are missing.
    """
    if resume and not (out / RESUME).exists():  # before the pictures are read
        raise TrainingError(f"{out / RESUME} does not exist: there is nothing to resume.")
    out.mkdir(parents=True, exist_ok=True)
    run = Run(recipe, out, device, compile=device.type == "cuda", again=again)
    if resume:
        run.resume()
    stop = _Stop()
    began, saved, checked = time.monotonic(), time.monotonic(), int(run.progress * checks)
    resumed_at, mean_loss, psnr = run.seconds, math.nan, math.nan
    with stop, (out / LOG).open("a" if resume else "w", newline="") as stream:
        log = csv.writer(stream)
        if not resume:
            log.writerow(["step", "seconds", "loss", "psnr_y"])
        while run.progress < 1 and not stop.asked:
            loss = run.advance()
            now = time.monotonic()
            run.seconds = resumed_at + now - began
            if run.step % 20 == 0 or math.isnan(mean_loss):  # not at every step: reading it waits for a GPU
                value = loss.item()
                if not math.isfinite(value):
                    raise TrainingError(
                        f"The loss became {value} at step {run.step}. {out / RESUME} holds the last good "
                        "state: resume it with lower rates, or start again."
                    )
                mean_loss = value if math.isnan(mean_loss) else 0.95 * mean_loss + 0.05 * value
                if sys.stdout.isatty():
                    _show(run, mean_loss, psnr)
            if int(run.progress * checks) > checked or run.progress >= 1:
                checked, psnr = int(run.progress * checks), run.validate()
                log.writerow([run.step, round(run.seconds, 1), f"{mean_loss:.6f}", f"{psnr:.3f}"])
                stream.flush()
                _show(run, mean_loss, psnr)
            if now - saved > SAVE_EVERY:
                run.save()
                saved = time.monotonic()
            if pause_after is not None and now - began > 60 * pause_after:
                break
        run.save()
    print(f"\n{out}: step {run.step}, {run.seconds / 60:.1f} minutes, {100 * run.progress:.0f} % of the recipe")
    return out


class _Stop:
    """While active, Ctrl-C and SIGTERM ask the loop to finish its step and save."""

    asked = False

    def __enter__(self) -> "_Stop":
        def ask(*_: object) -> None:
            self.asked = True

        self.before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def _show(run: Run, loss: float, psnr: float) -> None:
    done = run.progress
    left = run.seconds / max(done, 1e-9) * (1 - done)
    line = ("█" * round(20 * done)).ljust(20, "·") + f" {100 * done:3.0f} %  step {run.step}  loss {loss:.5f}"
    line += f"  psnr {psnr:.2f} dB  {left / 60:.1f} min left"
    print(f"\r{line}", end="" if sys.stdout.isatty() else "\n", flush=True)


def device_name(device: torch.device) -> str:
    """What a card says of the machine: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return "one CPU thread" if threads == 1 else f"{threads} CPU threads"
