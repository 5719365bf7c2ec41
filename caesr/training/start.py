"""What the weights are before the first step."""

import torch
from torch import Tensor, nn

from caesr.model import CAEResNet, ResidualBlock


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
    for block in (m for m in model.modules() if isinstance(m, ResidualBlock)):
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()
    head, channels = model.decoder[-1], model.config.in_channels
    if model.config.global_residual:
        head.weight.mul_(0)
        head.bias.zero_()
        return
    carried = 1  # pixels of the full resolution that one position carries, as groups of channels
    for layer in model.encoder:
        if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1):
            _carry(layer.weight, layer.bias, [(c, c, 1, 1) for c in range(channels)])
        elif isinstance(layer, nn.Conv2d):
            n = carried * channels
            places = [(n * (2 * y + x) + c, c, 1 + y, 1 + x) for c in range(n) for y in (0, 1) for x in (0, 1)]
            _carry(layer.weight, layer.bias, places)
            carried *= 4
    for layer in list(model.decoder)[:-1]:
        if isinstance(layer, nn.ConvTranspose2d):
            carried //= 4
            n = carried * channels
            places = [(c, n * (2 * y + x) + c, 1 + y, 1 + x) for c in range(n) for y in (0, 1) for x in (0, 1)]
            _carry(layer.weight.transpose(0, 1), layer.bias, places)
    _carry(head.weight.transpose(0, 1), head.bias, [(c, c, 1, 1) for c in range(channels)])


def _carry(weight: Tensor, bias: Tensor, places: list[tuple[int, int, int, int]]) -> None:
    """Let the given outputs of a convolution copy one tap each, and nothing else."""
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
