"""The texture dial: a network between a faithful one and the texture network that was trained from it."""

from dataclasses import asdict

import torch

from caesr.model import CAEResNet


@torch.no_grad()
def blend(faithful: CAEResNet, texture: CAEResNet, amount: float) -> CAEResNet:
    """Interpolate the weights (network interpolation: Wang et al., ESRGAN, ECCV-W 2018, section 3.4).

    It works where one network began as the other: their weights still correspond.

    Args:
        amount: 0 for `faithful`, 1 for `texture`, anything between.
    Raises:
        ValueError: the networks are not of one architecture and scale, or the amount is out of bounds.
    """
    if faithful.config != texture.config:
        raise ValueError("Only networks of the same architecture and scale can be blended.")
    if not 0 <= amount <= 1:  # NaN fails too
        raise ValueError(f"A texture of {amount}: choose from 0 to 1.")
    mixed = CAEResNet(**asdict(faithful.config))
    pairs, other = faithful.state_dict(), texture.state_dict()
    mixed.load_state_dict({name: torch.lerp(tensor, other[name], amount) for name, tensor in pairs.items()})
    return mixed.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
