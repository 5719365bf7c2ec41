"""Receptive fields: interval arithmetic along one axis, from outputs `start` to `stop` back to their inputs."""

from torch import nn


def input_range(layer: nn.Module, start: int, stop: int) -> tuple[int, int]:
    """Return the range of inputs that a range of a layer's outputs depends on.

    A module with children is taken as a chain of them, as `nn.Sequential` is; anything else that is no convolution
    works on each pixel alone.
    """
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        if isinstance(layer, nn.ConvTranspose2d):
            return -((kernel - 1 - padding - start) // stride), (stop - 1 + padding) // stride + 1
        return start * stride - padding, (stop - 1) * stride - padding + kernel
    for child in reversed(list(layer.children())):
        start, stop = input_range(child, start, stop)
    return start, stop


def bicubic_input_range(start: int, stop: int, scale: int) -> tuple[int, int]:
    """Return the range of inputs that a range of outputs of a bicubic upscaling depends on.

    An output depends on four inputs, or on one alone if it lies in the middle of it.
    """
    ranges = []
    for output in range(start, stop):
        below, offset = divmod(2 * output + 1 - scale, 2 * scale)
        ranges.append((below - 1, below + 3) if offset else (below, below + 1))
    return min(low for low, _ in ranges), max(high for _, high in ranges)
