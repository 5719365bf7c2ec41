"""What the weights are before the first step."""

import torch
from torch import nn

from caesr.model.caeresnet import CAEResNet, ResidualBlock


@torch.no_grad()
def identity(model: CAEResNet) -> None:
    """Begin where bicubic ends: the untrained network gives back its (enlarged) input exactly.

    With a global residual the head starts at zero. Without one (the article's network) the input's
    channels ride through the first channels of every layer: the blocks add nothing yet, the strided
    convolution lays the four pixels of a 2×2 square into four groups of channels, the transposed one
    lays them back. All other channels keep their random weights and are free to learn.

    Raises:
        ValueError: a level has too few channels for that.
    """
    *body, head = model.decoder
    silent: list[nn.Module] = [m.conv2 for m in model.modules() if isinstance(m, ResidualBlock)]
    if model.config.global_residual:
        silent.append(head)
    for layer in silent:
        for parameter in layer.parameters():
            parameter.zero_()
    if model.config.global_residual:
        return
    channels = model.config.in_channels
    carried = 1  # pixels of the full resolution that one position carries, as groups of channels
    straight = [(c, c, 1, 1) for c in range(channels)]
    for layer in model.encoder:
        if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1):
            _carry(layer, straight)
        elif isinstance(layer, nn.Conv2d):
            _carry(layer, [(wide, narrow, y, x) for narrow, wide, y, x in _square(carried * channels)])
            carried *= 4
    for layer in body:
        if isinstance(layer, nn.ConvTranspose2d):
            carried //= 4
            _carry(layer, _square(carried * channels))
    _carry(head, straight)


def _square(n: int) -> list[tuple[int, int, int, int]]:
    """How n channels of a 2×2 square lie in 4n channels: (one of n, one of 4n, kernel row, column)."""
    return [(c, n * (2 * y + x) + c, 1 + y, 1 + x) for c in range(n) for y in (0, 1) for x in (0, 1)]


def _carry(layer: nn.Module, places: list[tuple[int, int, int, int]]) -> None:
    """Let some outputs of a convolution copy one input each, and nothing else: (out, in, row, column)."""
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    assert layer.bias is not None
    weight, bias = layer.weight, layer.bias
    if isinstance(layer, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1)
    rows = sorted({place[0] for place in places})
    if rows[-1] >= weight.shape[0] or max(place[1] for place in places) >= weight.shape[1]:
        raise ValueError("A level has too few channels to carry the picture through.")
    for row in rows:
        weight[row] = 0
        bias[row] = 0
    for out, into, y, x in places:
        weight[out, into, y, x] = 1


@torch.no_grad()
def warm(model: CAEResNet, source: CAEResNet) -> list[str]:
    """Copy every tensor of `source` that fits; returns the names of those that do not (the new head's)."""
    own, given = model.state_dict(), source.state_dict()
    fitting = {name: t for name, t in given.items() if name in own and own[name].shape == t.shape}
    model.load_state_dict(own | fitting)
    return sorted(own.keys() - fitting.keys())
