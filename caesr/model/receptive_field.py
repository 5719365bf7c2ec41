"""How far a network sees, by interval arithmetic from an output back to the inputs, along one axis."""

from torch import nn


def input_range(layer: nn.Module, first: int, last: int) -> tuple[int, int]:
    """The first and the last input that the outputs `first` to `last` of a layer look at.

    A module of modules is taken as a chain of them, as `nn.Sequential` is; what is no convolution looks at its own
    place only.
    """
    if isinstance(layer, nn.ConvTranspose2d):
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        return -((kernel - 1 - padding - first) // stride), (last + padding) // stride
    if isinstance(layer, nn.Conv2d):
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        return first * stride - padding, last * stride - padding + kernel - 1
    for child in reversed(list(layer.children())):
        first, last = input_range(child, first, last)
    return first, last


def bicubic_input_range(pixel: int, scale: int) -> tuple[int, int]:
    """The first and the last input that one pixel of a bicubic enlargement looks at."""
    below, between = divmod(2 * pixel + 1 - scale, 2 * scale)
    return (below - 1, below + 2) if between else (below, below)
