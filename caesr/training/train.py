"""The training loop: a recipe in, a checkpoint folder out. Stops and goes on at any time.

The rates follow a trapezoid: they rise over the recipe's warm-up, stay constant for as long as one lets them, and fall
to zero over a cool-down, which branches off: what it writes lies in OUT/cooled, and the weights in OUT are still there
to go on from (Hägele et al., "Scaling laws and compute-optimal training beyond fixed training durations", 2024).
"""

import csv
import json
import math
import signal
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

import zoo
from caesr.files.data import data_folder
from caesr.imaging.metrics import on_luma
from caesr.model.caeresnet import CAEResNet
from caesr.model.checkpoint import save_tensors
from caesr.training import start
from caesr.training.losses import LOSSES
from caesr.training.objective import Objective
from caesr.training.optimiser import make_optimiser
from caesr.training.pictures import DegradedPictures, Pictures, find, hold_out, seeded
from caesr.training.recipe import Recipe
from zoo import history
from zoo.checkpoint_files import read_facts, read_header

RESUME, LOG, COOLED = "resume.safetensors", "log.csv", "cooled"
SAVE_SECONDS = 120  # between two saves
CHECKS = 20  # validations in a call of known length
CHECK_SECONDS = 300  # between two validations in an open-ended call


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Span:
    """How long something lasts, in minutes or in steps; with neither it never ends."""

    minutes: float | None = None
    steps: int | None = None

    def done(self, steps: int, seconds: float) -> float:
        """Return how much of it is over, from 0 to 1."""
        if self.steps is not None:
            return min(1.0, steps / self.steps) if self.steps else 1.0
        if self.minutes is not None:
            return min(1.0, seconds / (60 * self.minutes)) if self.minutes else 1.0
        return 0.0


@dataclass(frozen=True)
class CoolDown:
    """A cool-down: the step and second of the run at which it began, and how long it lasts."""

    step: int
    seconds: float
    span: Span


class Run:
    """One run of a recipe: model, its running mean, optimizer, pictures, and how far it has come.

    Args:
        source: a checkpoint of the same network to go on from: its weights, what is known of its training and, where
            its folder holds them, the state of its optimizer and adversary.
    Raises:
        TrainingError: `source` is another network.
        FileNotFoundError: the pictures or the features are missing.
    """

    def __init__(self, recipe: Recipe, device: torch.device, compile: bool = False, source: str | Path | None = None):
        self.recipe, self.device = recipe, device
        self.seconds = 0.0
        self.cool_down: CoolDown | None = None
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator(device)
        model = CAEResNet(**asdict(recipe.model))
        start.identity(model)
        folder = zoo.fetch(str(source or recipe.start)) if source or recipe.start else None
        self.past: dict = {}  # what the checkpoint that this run continues says of itself
        self.base_model = ""
        if folder:
            self._take_weights(model, folder, whole=bool(source))
        self.step = self.began = history.steps(self.past)  # crops are drawn by the step: no continuation repeats them
        self.fresh = self.step  # the step at which the optimizer and the running mean began
        model = model.to(device)
        self.model: CAEResNet = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.mean = deepcopy(self.model).eval()
        self.objective = Objective(recipe, device)
        self.optimiser = make_optimiser(self.model, recipe.muon_rate, recipe.adam_rate)
        if source and folder and (folder / RESUME).exists():
            self._restore(folder / RESUME)
        files, held_out = hold_out(find([data_folder() / name for name in recipe.data]))
        self.pictures = Pictures.read(files, recipe.model.scale, recipe.patch, device)
        self.validation = Pictures.read(held_out[:12], recipe.model.scale, recipe.patch, device)
        self.degraded: DegradedPictures | None = None
        if recipe.degrade == "photo":
            self.degraded = DegradedPictures(self.pictures, recipe.batch, recipe.seed)
            self.validation = DegradedPictures(self.validation, 24, 0).make(4, seeded(self.generator, 0, 0))
        self.forward: Callable[[Tensor], Tensor] = self._compiled() if compile else self.model

    def _take_weights(self, model: CAEResNet, folder: Path, whole: bool) -> None:
        """Begin with another checkpoint's weights: all of them, or those that fit."""
        earlier, facts = CAEResNet.from_pretrained(folder), read_facts(folder)
        if whole and earlier.config != model.config:
            raise TrainingError(f"{folder} is another network than {self.recipe.name}'s: it cannot be continued.")
        start.warm(model, earlier)
        if whole or facts.get("name") == self.recipe.name:  # an earlier stage of the same checkpoint
            self.past, self.base_model = facts, facts.get("base_model", "")
        else:
            self.base_model = facts.get("name", self.recipe.start)

    def _compiled(self) -> Callable[[Tensor], Tensor]:
        """The model as torch.compile makes it; the model itself, said aloud, where that does not work."""
        try:
            compiled = torch.compile(self.model)
            side = self.recipe.patch
            lr = torch.rand(self.recipe.batch, 3, side, side, device=self.device)
            lr = lr.to(memory_format=torch.channels_last)
            with torch.autocast(self.device.type, dtype=torch.bfloat16):
                compiled(lr).float().mean().backward()
            return compiled
        except Exception as error:  # a missing compiler shows in many ways
            print(f"torch.compile does not work here ({error}): training goes on without it.")
            return self.model
        finally:
            self.optimiser.zero_grad(set_to_none=True)

    @property
    def rate(self) -> float:
        """The share of the recipe's rates that the next step takes: the trapezoid."""
        rate = min(1.0, (self.step - self.fresh + 1) / max(1, self.recipe.warmup))
        if self.cool_down:
            rate *= 1 - self.cool_down.span.done(self.step - self.cool_down.step, self.seconds - self.cool_down.seconds)
        return rate

    def advance(self) -> Tensor:
        """Take one step of the optimizer; returns the loss, still on the device."""
        recipe = self.recipe
        rate = self.rate
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * rate
        lr, hr = self.sample()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            output = self.forward(lr).float()
        self.optimiser.zero_grad(set_to_none=True)
        if self.cool_down and recipe.cool_down_loss:
            loss = LOSSES[recipe.cool_down_loss](output, hr)
            loss.backward()
        else:
            loss = self.objective.backward(output, hr, self.step)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        self.optimiser.step()
        age = self.step - self.fresh
        keep = min(recipe.ema, (1 + age) / (10 + age))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.model.parameters()), 1 - keep)
        self.step += 1
        return loss.detach()

    def sample(self) -> tuple[Tensor, Tensor]:
        """Return the step's lr (B, 3, p, p) and hr (B, 3, s·p, s·p), which depend on seed and step alone."""
        if self.degraded:
            return self.degraded.sample(self.step)
        return self.pictures.sample(self.recipe.batch, seeded(self.generator, self.recipe.seed, self.step))

    @torch.no_grad()
    def validate(self) -> float:
        """Return the mean PSNR on Y over crops of photographs that are never trained on, always the same ones.

        They are degraded as the recipe's training pictures are.
        """
        lr, hr = self.validation.sample(48, torch.Generator(self.device).manual_seed(0))
        output = self.mean(lr).clamp(0, 1).mul(255).round()
        pairs = zip(output.split(1), hr.mul(255).split(1), strict=True)
        values = [on_luma(x, y, self.recipe.model.scale)[0] for x, y in pairs]
        return sum(values) / len(values)

    def save(self, folder: Path) -> None:
        """Write the checkpoint so far, and all that is needed to go on, each file atomically."""
        self.mean.save_pretrained(folder, **self.facts())
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"mean.{name}": t for name, t in self.mean.state_dict().items()}
        for name, p in self.model.named_parameters():
            tensors |= {f"state.{name}.{key}": t for key, t in self.optimiser.state[p].items()}
        tensors |= {f"objective.{name}": t for name, t in self.objective.state().items()}
        metadata = {"step": str(self.step), "began": str(self.began), "seconds": repr(self.seconds)}
        metadata |= {"fresh": str(self.fresh), "past": json.dumps(self.past), "base_model": self.base_model}
        metadata |= {"recipe": self._recipe_json()}
        metadata |= {"cool_down": json.dumps(self.cool_down and asdict(self.cool_down))}
        contiguous = {name: t.contiguous() for name, t in tensors.items()}
        save_tensors(folder / RESUME, contiguous, metadata)

    def facts(self) -> dict:
        """Return what the checkpoint says of itself: the stages of its training, this run's last."""
        stage = history.Stage(
            batch=self.recipe.batch,
            patch=self.recipe.patch,
            device=device_name(self.device),
            steps=self.step - self.began,
            seconds=round(self.seconds),
            degrade=self.recipe.degrade,
            loss=self.recipe.loss,
        )
        return {"name": self.recipe.name, "base_model": self.base_model, "stages": history.add(self.past, stage)}

    def resume(self, folder: Path) -> None:
        """Restore what `save` wrote.

        Raises:
            TrainingError: it is another recipe's.
        """
        file = folder / RESUME
        metadata = read_header(file)["__metadata__"]
        if metadata["recipe"] != self._recipe_json():
            raise TrainingError(f"{file} belongs to another recipe. Choose another --out, or leave --resume off.")
        self._restore(file)
        self.step, self.began = int(metadata["step"]), int(metadata["began"])
        self.seconds, self.past, self.base_model = (
            float(metadata["seconds"]), json.loads(metadata["past"]), metadata["base_model"],
        )  # fmt: skip
        cool_down = json.loads(metadata["cool_down"])
        self.cool_down = CoolDown(**cool_down | {"span": Span(**cool_down["span"])}) if cool_down else None

    def _restore(self, file: Path) -> None:
        """Take weights, their mean, and the state of optimizer and objective from what `save` wrote."""
        self.fresh = int(read_header(file)["__metadata__"].get("fresh", "0"))
        tensors = load_file(file, device=str(self.device))

        def below(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}

        self.model.load_state_dict(below("model."))
        self.mean.load_state_dict(below("mean."))
        for name, p in self.model.named_parameters():
            state = below(f"state.{name}.")
            if "step" in state:
                state["step"] = state["step"].cpu()
            self.optimiser.state[p] = state
        if objective := below("objective."):
            self.objective.load(objective)

    def _recipe_json(self) -> str:
        """What must agree for a resume."""
        return json.dumps(asdict(self.recipe))


def train(
    recipe: Recipe,
    out: Path,
    device: torch.device,
    *,
    resume: bool = False,
    source: str | Path | None = None,
    length: Span | None = None,
    cool_down: Span | None = None,
) -> Path:
    """Train a recipe at constant rates, then cool down if asked to; Ctrl-C and SIGTERM finish the step and save.

    Args:
        out: becomes a checkpoint folder with log.csv and the state to resume from; after a cool-down out/cooled is one.
        resume: go on where `out` stopped; within the cool-down, if one was stopped that began there.
        source: a checkpoint of the same network to go on from.
        length: of the constant rates in this call; by default without end, or nothing where there is a `cool_down`.
    Returns:
        The folder of the checkpoint: `out`, or out/cooled.
    Raises:
        TrainingError: the loss is no longer a number, there is nothing to resume, or `source` is another network.
        FileNotFoundError: the training pictures or features are missing.
    """
    if resume and source:
        raise TrainingError("Either resume what is in --out, or continue another checkpoint: not both.")
    if resume and not (out / RESUME).exists():  # before the pictures are read
        raise TrainingError(f"{out / RESUME} does not exist: there is nothing to resume.")
    out.mkdir(parents=True, exist_ok=True)  # before the pictures are read, in case it cannot be
    run = Run(recipe, device, compile=device.type == "cuda", source=source)
    if resume:
        run.resume(out)
    with _Stop() as stop:
        if length or not cool_down:
            _loop(run, out, length or Span(), stop, go_on=resume)
        if not cool_down or stop.asked:
            return out
        cooled = out / COOLED
        go_on = resume and _began_at(cooled) == run.step
        if go_on:
            run.resume(cooled)
        elif not (out / RESUME).exists():
            run.save(out)  # the weights that it branches off from
        run.cool_down = run.cool_down or CoolDown(run.step, run.seconds, cool_down)
        _loop(run, cooled, run.cool_down.span, stop, go_on=go_on)
    return cooled


def _began_at(cooled: Path) -> int | None:
    """The step at which the unfinished cool-down in a folder began; None if there is none."""
    if not (cooled / RESUME).exists():
        return None
    return json.loads(read_header(cooled / RESUME)["__metadata__"]["cool_down"])["step"]


def _loop(run: Run, out: Path, span: Span, stop: "_Stop", go_on: bool) -> None:
    """Step, validate, log and save until `span` is over or somebody asks to stop; then save."""
    out.mkdir(parents=True, exist_ok=True)
    step, seconds = run.step, run.seconds
    if run.cool_down:
        step, seconds = run.cool_down.step, run.cool_down.seconds
    began, resumed_at = time.monotonic(), run.seconds
    saved = checked = began
    mean_loss = psnr = math.nan

    def done() -> float:
        return span.done(run.step - step, run.seconds - seconds)

    part = int(CHECKS * done())
    with (out / LOG).open("a" if go_on else "w", newline="") as stream:
        log = csv.writer(stream)
        if not go_on:
            log.writerow(["step", "seconds", "loss", "psnr_y"])
        while done() < 1 and not stop.asked:
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
            if int(CHECKS * done()) > part or now - checked > CHECK_SECONDS:
                part, checked, psnr = int(CHECKS * done()), now, run.validate()
                log.writerow([run.step, round(run.seconds, 1), f"{mean_loss:.6f}", f"{psnr:.3f}"])
                stream.flush()
                _show(run, mean_loss, psnr)
            if now - saved > SAVE_SECONDS:
                run.save(out)
                saved = time.monotonic()
        run.save(out)
    print(f"{out}: step {run.step}, {run.seconds / 60:.1f} minutes of this run", flush=True)


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
    line = f"step {run.step}  {run.seconds / 60:.1f} min  rate {run.rate:.2f}  loss {loss:.5f}  psnr {psnr:.2f} dB"
    print(line, flush=True)


def device_name(device: torch.device) -> str:
    """What a card says of the machine: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return "one CPU thread" if threads == 1 else f"{threads} CPU threads"
