"""EngineSpec: what an Upscaler is made of, in a form that travels to another process."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import zoo
from caesr.engine.device import choose_device, choose_precision
from caesr.engine.plan import Planner, choose_passes
from caesr.engine.upscaler import Upscaler
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import blend
from caesr.options import UpscaleOptions
from caesr.page.zero_gpu import GPU_BYTES, HAS_ZERO_GPU
from zoo.messages import Message

Folders = tuple[Path, ...]


@dataclass(frozen=True)
class EngineSpec:
    """The networks' folders and how they are used.

    Args:
        folders: of the checkpoints, one for each native scale.
        blended: the folders of the texture networks if `options` blend them in, one for each of `folders`.
    """

    folders: Folders
    blended: Folders
    options: UpscaleOptions

    @property
    def weights(self) -> tuple[Folders, Folders, float]:
        """What decides the networks' weights: the arguments of `load_networks`."""
        texture = (self.options.texture or 0) / 100 if self.blended else 0.0
        return self.folders, self.blended, texture

    def upscaler(self, networks: Sequence[CAEResNet], device: str | None = None) -> Upscaler:
        """Return the Upscaler, in the process that has the device.

        Args:
            device: instead of the options'.
        """
        return Upscaler.from_options(self.options, networks, device)

    def planner(self, networks: Sequence[CAEResNet]) -> Planner:
        """Return what plans an upscaling, in a process that may have no device."""
        models = {network.config.scale: network for network in sorted(networks, key=lambda m: m.config.scale)}
        choices = self.options.tile, self.options.ensemble
        if HAS_ZERO_GPU:
            return Planner(models, torch.device("cuda"), torch.float16, *choices, GPU_BYTES)
        device = choose_device(self.options.device)
        return Planner(models, device, choose_precision(self.options.precision, device), *choices)

    def kind_of_work(self, networks: Sequence[CAEResNet], scale: float) -> Hashable:
        """Return what the time for a pixel depends on: not the tile, nor how much texture is blended in.

        Raises:
            ValueError: the scale cannot be had.
        """
        passes = choose_passes([network.config.scale for network in networks], scale)
        return self.folders, self.options.ensemble, self.options.true_to_input, passes


def find_folders(model: str, blends: bool) -> tuple[Folders, Folders]:
    """Return the folders of a family or checkpoint; or those of base, and those of texture to blend in.

    Raises:
        ZooError, CheckpointError: as `zoo.fetch_family`; or the model is a path. The library takes folders, but
            strangers must not probe what lies on this server.
    """
    if Path(model).is_dir():
        message = "{model} names no family, checkpoint or repository. Choose one of the zoo, or owner/repo."
        raise zoo.ZooError(Message(message, model=model))
    if not blends:
        return tuple(zoo.fetch_family(model)), ()
    base, texture = zip(*zoo.fetch_blend(), strict=True)
    return base, texture


def load_networks(folders: Folders, blended: Folders, texture: float) -> list[CAEResNet]:
    """Load the networks of folders, with the share `texture`, 0 to 1, of those of `blended` in them.

    Raises:
        CheckpointError: a folder holds no sound checkpoint.
    """
    networks = [CAEResNet.from_pretrained(folder) for folder in folders]
    if not blended:
        return networks
    textures = [CAEResNet.from_pretrained(folder) for folder in blended]
    return [blend(faithful, other, texture) for faithful, other in zip(networks, textures, strict=True)]
