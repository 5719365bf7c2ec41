"""Families of checkpoints: every scale of one, or base and texture blended by the texture dial."""

from dataclasses import asdict
from pathlib import Path

import torch

import zoo
from caesr.model.caeresnet import CAEResNet
from zoo.messages import Message


def load_family(name: str | Path) -> list[CAEResNet]:
    """Load what an `Upscaler` needs: every scale of a family, or one checkpoint, folder or repository.

    Raises:
        ZooError, CheckpointError: as `zoo.fetch` and `CAEResNet.from_pretrained`.
    """
    return [CAEResNet.from_pretrained(folder) for folder in zoo.fetch_family(str(name))]


def load_blend(amount: float) -> list[CAEResNet]:
    """Load base and texture in every scale that both have, their weights blended.

    Args:
        amount: 0 for base, 1 for texture, anything between.
    Raises:
        ZooError, CheckpointError: as `load_family`, or base and texture share no scale.
        ValueError: the amount is out of bounds.
    """
    load = CAEResNet.from_pretrained
    return [blend(load(faithful), load(texture), amount) for faithful, texture in zoo.fetch_blend()]


@torch.no_grad()
def blend(faithful: CAEResNet, texture: CAEResNet, amount: float) -> CAEResNet:
    """Interpolate the weights of two networks, of which one was trained from the other.

    Network interpolation: Wang et al., ESRGAN, ECCV-W 2018, section 3.4.

    Args:
        amount: 0 for `faithful`, 1 for `texture`, anything between.
    Raises:
        ValueError: the networks are not of one architecture and scale, or the amount is out of bounds.
    """
    if faithful.config != texture.config:
        raise ValueError(Message("Only networks of the same architecture and scale can be blended."))
    if not 0 <= amount <= 1:  # NaN fails too
        raise ValueError(Message("A texture of {amount}: choose from 0 to 1.", amount=amount))
    blended = CAEResNet(**asdict(faithful.config))
    others = texture.state_dict()
    weights = {name: torch.lerp(tensor, others[name], amount) for name, tensor in faithful.state_dict().items()}
    blended.load_state_dict(weights)
    return blended.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
