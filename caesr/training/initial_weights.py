"""The weights before the first step: bicubic interpolation, or another checkpoint's."""

import torch
from torch import nn

from caesr.model.caeresnet import CAEResNet, ResidualBlock
from zoo.messages import Message


@torch.no_grad()
def initialise_as_identity(model: CAEResNet) -> None:
    """Make an untrained network return its input exactly, or the bicubic interpolation of it.

    With a global residual the head starts at zero. Without one (the article's network) the input's channels pass
    through the first channels of every layer: the blocks add nothing yet, the strided convolution sorts the four pixels
    of a 2×2 square into four groups of channels, the transposed one sorts them back. All other channels keep their
    random weights and are free to learn.

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
    carried = channels  # channels that carry the input at the current level
    straight = [(c, c, 1, 1) for c in range(channels)]
    for layer in model.encoder:
        if isinstance(layer, nn.Conv2d) and layer.stride == (1, 1):
            _copy_channels(layer, straight)
        elif isinstance(layer, nn.Conv2d):
            _copy_channels(layer, [(deep, shallow, y, x) for shallow, deep, y, x in _square_to_channels(carried)])
            carried *= 4
    for layer in body:
        if isinstance(layer, nn.ConvTranspose2d):
            carried //= 4
            _copy_channels(layer, _square_to_channels(carried))
    _copy_channels(head, straight)


def _square_to_channels(n: int) -> list[tuple[int, int, int, int]]:
    """Assign n channels of a 2×2 square to 4n channels: (one of n, one of 4n, kernel row, kernel column)."""
    return [(c, n * (2 * y + x) + c, 1 + y, 1 + x) for c in range(n) for y in (0, 1) for x in (0, 1)]


def _copy_channels(layer: nn.Module, routes: list[tuple[int, int, int, int]]) -> None:
    """Let some outputs of a convolution copy one input each: (output, input, kernel row, kernel column)."""
    assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    assert layer.bias is not None
    weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else layer.weight
    outputs = sorted({route[0] for route in routes})
    if outputs[-1] >= weight.shape[0] or max(route[1] for route in routes) >= weight.shape[1]:
        raise ValueError(Message("A level has too few channels to carry the picture through."))
    weight[outputs] = 0
    layer.bias[outputs] = 0
    for output, source, y, x in routes:
        weight[output, source, y, x] = 1


@torch.no_grad()
def copy_fitting_weights(source: CAEResNet, model: CAEResNet) -> list[str]:
    """Copy every tensor of `source` that fits into `model`; return the names of all others (a new head's)."""
    own, given = model.state_dict(), source.state_dict()
    fitting = {name: t for name, t in given.items() if name in own and own[name].shape == t.shape}
    model.load_state_dict(own | fitting)
    return sorted(own.keys() - fitting.keys())
