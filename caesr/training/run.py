"""A training run: model, optimizer and data of a recipe, one step of it, and its state on disk."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

import zoo
from caesr.files.data import data_folder
from caesr.imaging.metrics import psnr_ssim_y
from caesr.model.caeresnet import CAEResNet
from caesr.model.checkpoint import save_tensors
from caesr.training.hidden_units import HiddenUnits
from caesr.training.initial_weights import copy_fitting_weights, initialise_as_identity
from caesr.training.objective import Objective
from caesr.training.optimizer import make_optimizer
from caesr.training.pictures import DegradedPictures, Mixture, Pictures, find_pictures, hold_out, seed_generator
from caesr.training.precision import mixed_precision
from caesr.training.recipe import Recipe
from caesr.training.resume_file import RESUME, add_prefix, read_cool_down, read_metadata, strip_prefix
from caesr.training.schedule import Phase
from zoo import history
from zoo.checkpoint_files import read_facts
from zoo.messages import Message

INSPECT_STEPS, INSPECT_BATCHES = 100, 4  # between two inspections of the hidden units, and of what each looks at


class TrainingError(RuntimeError):
    """A reason why training cannot go on; the message says what to do."""


class Run:
    """A run of a recipe: model, running mean of its weights, optimizer, pictures and progress.

    Args:
        source: a checkpoint of the same network to continue: its weights, its history and, if its folder has a resume
            file, the state of its optimizer and adversary.
    Raises:
        TrainingError: `source` is another network.
        FileNotFoundError: the pictures or the features are missing.
    """

    def __init__(self, recipe: Recipe, device: torch.device, source: str | Path | None = None):
        self.recipe, self.device = recipe, device
        self.seconds = 0.0
        self.cool_down: Phase | None = None
        self.past: dict = {}  # facts of the checkpoint whose history this run continues
        self.base_model = ""
        torch.manual_seed(recipe.seed)
        self.generator = torch.Generator()
        model = CAEResNet(**asdict(recipe.model))
        initialise_as_identity(model)
        folder = zoo.fetch(str(source or recipe.start)) if source or recipe.start else None
        if folder:
            self._copy_weights(model, folder, must_match=bool(source))
        self.step = self.first_step = history.count_steps(self.past)  # crops depend on it: no continuation repeats them
        self.optimizer_step = self.step  # the step at which the optimizer began
        model = model.to(device)
        self.model: CAEResNet = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self.forward: Callable[[Tensor], Tensor] = self.model  # or the compiled model
        self.ema_model = deepcopy(self.model).eval()  # the running mean of the weights
        self.hidden_units = HiddenUnits(self.model)
        self.objective = Objective(recipe, device)
        self.measures = ("psnr_y", "lpips") if self.objective.perceptual else ("psnr_y",)
        self.optimizer = make_optimizer(self.model, recipe.muon_rate, recipe.adam_rate)
        if source and folder and (folder / RESUME).exists():
            self._load_tensors(folder)
        files, held_out = hold_out(find_pictures([data_folder() / name for name in recipe.data]))
        photographs = Pictures.read(files, recipe.model.scale, recipe.patch, device)
        self.pictures = Mixture(photographs, recipe.drawings, recipe.batch, recipe.seed)
        self.validation = Pictures.read(held_out[:12], recipe.model.scale, recipe.patch, device)
        self.degraded: DegradedPictures | None = None
        if recipe.degrade == "photo":
            self.degraded = DegradedPictures(self.pictures, recipe.seed)
            validation = DegradedPictures(Mixture(self.validation, 0, 24, 0), 0)
            self.validation = validation.make(range(4), 0, 0)

    def _copy_weights(self, model: CAEResNet, folder: Path, must_match: bool) -> None:
        """Copy another checkpoint's weights: all of them if it must match, else those that fit."""
        earlier, facts = CAEResNet.from_pretrained(folder), read_facts(folder)
        if must_match and earlier.config != model.config:
            text = "{folder} is another network than {recipe}'s: it cannot be continued."
            raise TrainingError(Message(text, folder=folder, recipe=self.recipe.name))
        copy_fitting_weights(earlier, model)
        if must_match or facts.get("name") == self.recipe.name:  # an earlier stage of the same checkpoint
            self.past, self.base_model = facts, facts.get("base_model", "")
        else:
            self.base_model = facts.get("name", self.recipe.start)

    @property
    def pixels(self) -> int:
        """The low-res pixels seen so far, over all stages."""
        own = (self.step - self.first_step) * self.recipe.batch * self.recipe.patch**2
        return own + sum(stage.pixels for stage in history.read_stages(self.past))

    @property
    def rate_factor(self) -> float:
        """The share of the recipe's rates that the next step uses."""
        factor = min(1.0, (self.step - self.optimizer_step + 1) / max(1, self.recipe.warmup))
        return factor * (1 - self.cool_down.fraction_done(self.step, self.seconds)) if self.cool_down else factor

    def advance(self) -> Tensor:
        """Take one step of the optimizer; return the loss, a scalar on the device."""
        recipe, factor = self.recipe, self.rate_factor
        if not self.hidden_units.means or self.step % INSPECT_STEPS == 0:
            self.inspect()
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        low_res, high_res = self.sample()
        with mixed_precision(self.device):
            output = self.forward(low_res).float()
        self.optimizer.zero_grad()
        if self.cool_down and recipe.cool_down_loss:
            loss = self.objective.pixel_loss(recipe.cool_down_loss, output, high_res)
            loss.backward()
        else:
            loss = self.objective.backward(output, high_res, self.step)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), recipe.clip)
        with self.hidden_units.centred():
            self.optimizer.step()
        decay = min(recipe.ema, (1 + self.step) / (10 + self.step))  # a shorter memory at first, not in a continuation
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema_model.parameters()), list(self.model.parameters()), 1 - decay)
        self.step += 1
        return loss.detach()

    def inspect(self) -> None:
        """Measure what the hidden units take in, and revive those that are dead while the rates are constant.

        What it looks at is what the run is trained on, drawings and degradations included: a unit may be there for them
        alone. The crops depend on seed and step alone.
        """
        generator = seed_generator(torch.Generator(), ~self.recipe.seed, self.step)
        if self.degraded:
            low_res = self.degraded.pool_of(self.step).sample(INSPECT_BATCHES * self.recipe.batch, generator)[0]
        else:
            batches = [self.pictures.sample(self.step, generator)[0] for _ in range(INSPECT_BATCHES)]
            low_res = torch.cat(batches)
        dead = self.hidden_units.inspect(low_res)
        if not self.cool_down:
            self.hidden_units.revive(dead, self.ema_model, generator)

    def sample(self) -> tuple[Tensor, Tensor]:
        """Return low_res (B, 3, p, p) and high_res (B, 3, s·p, s·p) of the step; they depend on seed and step alone."""
        if self.degraded:
            return self.degraded.sample(self.step)
        return self.pictures.sample(self.step, seed_generator(self.generator, self.recipe.seed, self.step))[:2]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the mean PSNR on Y in dB over 48 fixed crops of held-out photographs, degraded as the recipe says.

        With a perceptual loss their LPIPS is returned, too, on the features that the loss looks at.
        """
        low_res, high_res = self.validation.sample(48, torch.Generator().manual_seed(0))
        output = self.ema_model(low_res).clamp(0, 1).mul(255).round().div(255)
        found = dict.fromkeys(self.measures, 0.0)
        for x, y in zip(output.split(1), high_res.split(1), strict=True):
            pair = (255 * x).cpu(), (255 * y).cpu()  # MPS has no float64
            found["psnr_y"] += psnr_ssim_y(*pair, self.recipe.model.scale)[0] / len(output)
            if self.objective.perceptual:
                found["lpips"] += self.objective.perceptual(x, y).item() / len(output)
        return found

    def facts(self) -> dict:
        """Return what the checkpoint says of its training: its name, its base model and all stages so far."""
        stage = history.Stage(
            batch=self.recipe.batch,
            patch=self.recipe.patch,
            device=device_name(self.device),
            steps=self.step - self.first_step,
            seconds=round(self.seconds),
            degrade=self.recipe.degrade,
            loss=self.recipe.loss,
            drawings=self.recipe.drawings,
            features=self.recipe.features if self.objective.perceptual else "",
            colours=self.recipe.colours,
        )
        stages = history.append_stage(self.past, stage)
        return {"name": self.recipe.name, "base_model": self.base_model, "stages": stages}

    def save(self, folder: Path) -> None:
        """Write the checkpoint and the state to resume from, each file atomically."""
        self.ema_model.save_pretrained(folder, **self.facts())
        tensors = add_prefix("model.", self.model.state_dict()) | add_prefix("mean.", self.ema_model.state_dict())
        for name, p in self.model.named_parameters():
            tensors |= add_prefix(f"state.{name}.", self.optimizer.state[p])
        tensors |= add_prefix("centre.", self.hidden_units.means)
        tensors |= add_prefix("objective.", self.objective.state_dict())
        metadata = {
            "step": str(self.step),
            "began": str(self.first_step),
            "seconds": repr(self.seconds),
            "fresh": str(self.optimizer_step),
            "past": json.dumps(self.past),
            "base_model": self.base_model,
            "recipe": json.dumps(asdict(self.recipe)),
            "cool_down": json.dumps(self.cool_down and asdict(self.cool_down)),
        }
        save_tensors(folder / RESUME, {name: t.contiguous() for name, t in tensors.items()}, metadata)

    def resume(self, folder: Path) -> None:
        """Restore what `save` wrote.

        Raises:
            TrainingError: the state is another recipe's.
        """
        metadata = read_metadata(folder)
        saved = json.loads(metadata["recipe"]) | {"drawings": self.recipe.drawings}  # which may have changed
        if saved != json.loads(json.dumps(asdict(self.recipe))):
            text = "{file} belongs to another recipe. Choose another --out, or leave --resume off."
            raise TrainingError(Message(text, file=folder / RESUME))
        self._load_tensors(folder)
        self.step, self.first_step = int(metadata["step"]), int(metadata["began"])
        self.seconds, self.base_model = float(metadata["seconds"]), metadata["base_model"]
        self.past = json.loads(metadata["past"])
        self.cool_down = read_cool_down(folder)

    def _load_tensors(self, folder: Path) -> None:
        """Restore weights, their running mean, and the state of optimizer and objective."""
        self.optimizer_step = int(read_metadata(folder).get("fresh", "0"))
        tensors = load_file(folder / RESUME, device=str(self.device))
        self.model.load_state_dict(strip_prefix("model.", tensors))
        self.ema_model.load_state_dict(strip_prefix("mean.", tensors))
        for name, p in self.model.named_parameters():
            state = strip_prefix(f"state.{name}.", tensors)
            if "step" in state:
                state["step"] = state["step"].cpu()
            self.optimizer.state[p] = state
        self.hidden_units.means = strip_prefix("centre.", tensors)
        if objective := strip_prefix("objective.", tensors):
            self.objective.load_state_dict(objective)


def device_name(device: torch.device) -> str:
    """Return the device as cards name it: the GPU's name, or the number of CPU threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return "one CPU thread" if threads == 1 else f"{threads} CPU threads"
