"""Row-by-row execution of a CAEResNet: nothing is computed twice, and features stay in the processor's cache.

A picture goes through all layers in bands of a few rows. Every layer makes its rows on demand, from rows of the layer
before, which are kept while they are needed: two rows before a 3×3 convolution, the delay of the path through the
latent before a long skip. The sums are those of `CAEResNet.forward`.
"""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.engine.row_buffer import RowBuffer, copy_rows
from caesr.engine.tiles import Range, round_up
from caesr.model.caeresnet import Bicubic, CAEResNet, ResidualBlock, stages

NARROW = 2  # columns, up to which oneDNN's bfloat16 convolution of stride 2 reads memory that is not the input's (AMX)


def with_precision(model: CAEResNet, dtype: torch.dtype) -> CAEResNet:
    """Return a network whose layers compute in `dtype`, except those that see or make the picture itself.

    bfloat16 tells 128 levels between a half and one apart: enough for features, and for what bicubic lacks. float16
    tells 1024. Called as a module the network converts between the two where they meet; then the first layer's features
    are added to those of the first residual block before they are rounded, which halves the 8-bit values that differ
    from float32's.
    """
    if dtype == torch.float32:
        return model
    model = deepcopy(model)
    first, head = model.encoder[0], model.decoder[-1]
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            exact = layer is first or (layer is head and not model.config.global_residual)
            layer.to(torch.float32 if exact else dtype)
    block = model.encoder[2] if model.config.encoder_blocks[0] else None
    if isinstance(block, ResidualBlock):
        block.conv1.register_forward_pre_hook(lambda _layer, inputs: (inputs[0].to(dtype),))
    (block or first).register_forward_hook(lambda _layer, _inputs, features: features.to(dtype))
    head.register_forward_pre_hook(lambda layer, inputs: (inputs[0].to(layer.weight.dtype),))
    return model


def apply_network(model: CAEResNet, picture: RowBuffer, columns: Range, band: float = math.inf) -> RowBuffer:
    """Return a network's output as rows. Every layer computes in the dtype of its own weights.

    Args:
        picture: rows (1, C, n, W), float32 in [0, 1].
        columns: of the output; others are left out.
        band: how many rows of the picture go through the network at once.
    Returns:
        rows (1, C, n, columns), float32, not clamped.
    """
    config = model.config
    pre, height = config.pre_scale, picture.height * config.scale
    shuffle = config.scale // pre
    upscaled = bicubic_upsample(picture, model.bicubic, band) if pre > 1 else picture
    features, residual = trunk(model, upscaled).cursor(), upscaled.cursor() if config.global_residual else None
    head = model.decoder[-1]
    assert isinstance(head, nn.ConvTranspose2d)  # which with a stride of one is a convolution
    weight = phase_major(head.weight.transpose(0, 1).flip(-2, -1), shuffle)
    bias = None if head.bias is None else phase_major(head.bias, shuffle)
    bicubic: Tensor | None = None
    if residual and shuffle > 1:
        bicubic = phase_major(per_channel_kernel(model.bicubic.kernel, config.out_channels), shuffle)

    def make_unshuffled(start: int, stop: int) -> Tensor:
        """Make rows as the head has them, the phases of a pixel as channels."""
        x = features.read(start - 1, stop + 1, keep=2).to(weight.dtype)
        x = F.conv2d(x, weight, bias, padding=(0, 1)).float()
        if residual and bicubic is not None:
            low_res = residual.read(start - 2, stop + 2, keep=4, edge="replicate")
            low_res = F.pad(low_res, (2, 2 + x.shape[-1] - low_res.shape[-1], 0, 0), mode="replicate")
            x += F.conv2d(low_res.contiguous(memory_format=torch.channels_last), bicubic)
        elif residual:
            low_res = residual.read(start, stop)
            x = x[..., : low_res.shape[-1]] + low_res
        return x

    def make(start: int, stop: int) -> Tensor:
        shape = 1, config.out_channels, stop - start, columns[1] - columns[0]
        out = torch.empty(shape, device=weight.device, memory_format=torch.channels_last)
        band_rows = int(min(height, band * pre))
        for top in range(start // shuffle, stop // shuffle, band_rows):
            bottom = min(stop // shuffle, top + band_rows)
            rows = out[:, :, top * shuffle - start : bottom * shuffle - start]
            shuffle_into(rows, make_unshuffled(top, bottom), shuffle, columns)
        return out

    return RowBuffer(height, make, shuffle)


def trunk(model: CAEResNet, picture: RowBuffer) -> RowBuffer:
    """Apply all layers but the head: one row of features for every row of the padded picture."""
    config = model.config
    dtype = min((p.dtype for p in model.parameters()), key=lambda dtype: dtype.itemsize)  # of the features
    x = pad_to_multiple(picture, 2 ** (len(config.widths) - 1))
    levels: list[RowBuffer] = []
    for entry, _, *residual_blocks in stages(model.encoder, config.encoder_blocks):
        x = convolve(x, entry, dtype)
        for block in residual_blocks:
            x = add_residual(x, block)
        levels.append(x)
    for i, (entry, _, *residual_blocks) in enumerate(stages(model.decoder, config.decoder_blocks[::-1])):
        skip = levels[-2 - i] if config.skips != "none" else None
        x = upsample(x, entry, skip, model.fusion[i] if config.skips == "fuse" else None)
        for block in residual_blocks:
            x = add_residual(x, block)
    return x


def bicubic_upsample(picture: RowBuffer, bicubic: Bicubic, band: float) -> RowBuffer:
    """Upsample a picture by bicubic."""
    source, scale = picture.cursor(), bicubic.scale

    def make(start: int, stop: int) -> Tensor:
        return bicubic.upscale_padded(source.read(start // scale - 2, stop // scale + 2, keep=4, edge="replicate"))

    return RowBuffer(picture.height * scale, make, scale, band * scale)


def pad_to_multiple(picture: RowBuffer, multiple: int) -> RowBuffer:
    """Repeat the last row and column of a picture until height and width are multiples."""
    source = picture.cursor()

    def make(start: int, stop: int) -> Tensor:
        x = source.read(start, stop, edge="replicate")
        right = -x.shape[-1] % multiple
        x = F.pad(x, (0, right, 0, 0), mode="replicate") if right else x
        return x.contiguous(memory_format=torch.channels_last)

    return RowBuffer(round_up(picture.height, multiple), make)


def convolve(x: RowBuffer, layer: nn.Module, dtype: torch.dtype) -> RowBuffer:
    """Apply a 3×3 convolution and its ReLU; the result is of type `dtype`."""
    assert isinstance(layer, nn.Conv2d)
    source, stride = x.cursor(), layer.stride[0]

    def make(start: int, stop: int) -> Tensor:
        rows = source.read(start * stride - 1, (stop - 1) * stride + 2, keep=3 - stride).to(layer.weight.dtype)
        if stride > 1 and rows.shape[-1] <= NARROW and layer.bias is not None:
            return F.conv2d(rows.float(), layer.weight.float(), layer.bias.float(), stride, (0, 1))
        return F.conv2d(rows, layer.weight, layer.bias, stride, (0, 1))

    return RowBuffer(-(-x.height // stride), make, finish=relu_rows, dtype=dtype)


def add_residual(x: RowBuffer, block: nn.Module) -> RowBuffer:
    """Apply a residual block."""
    assert isinstance(block, ResidualBlock)
    conv2, skip = block.conv2, x.cursor()
    source = convolve(x, block.conv1, conv2.weight.dtype).cursor()

    def make(start: int, stop: int) -> Tensor:
        return F.conv2d(source.read(start - 1, stop + 1, keep=2), conv2.weight, conv2.bias, padding=(0, 1))

    def finish(rows: Tensor, start: int, stop: int, out: Tensor) -> None:
        torch.add(rows, skip.read(start, stop), out=out)

    return RowBuffer(x.height, make, finish=finish)


def upsample(x: RowBuffer, layer: nn.Module, above: RowBuffer | None, fusion: nn.Module | None) -> RowBuffer:
    """Apply a transposed convolution to twice the size and its ReLU, and join the encoder's level of that size."""
    assert isinstance(layer, nn.ConvTranspose2d)
    source, skip = x.cursor(), above.cursor() if above else None

    def make(start: int, stop: int) -> Tensor:
        rows = source.read(start // 2, min(stop // 2 + 1, x.height), keep=1)
        rows = F.conv_transpose2d(rows, layer.weight, layer.bias, 2, 1, 1)  # its last row mostly lacks the one below
        rows = rows[:, :, start % 2 : start % 2 + stop - start]
        if skip is None or fusion is None:
            return rows
        return fusion(torch.cat((rows.relu_(), skip.read(start, stop)), dim=1))

    def finish(rows: Tensor, start: int, stop: int, out: Tensor) -> None:
        if skip is None:
            relu_rows(rows, start, stop, out)
        else:
            torch.add(rows.relu_(), skip.read(start, stop), out=out)

    return RowBuffer(2 * x.height, make, finish=copy_rows if skip and fusion else finish)


def relu_rows(x: Tensor, _start: int, _stop: int, out: Tensor) -> None:
    """Write the ReLU of rows."""
    if x.dtype == out.dtype:
        torch.clamp_min(x, 0, out=out)
    else:
        out.copy_(x.relu_())


def phase_major(values: Tensor, scale: int) -> Tensor:
    """Reorder C·s² channels that a pixel shuffle will spread: by phase (place within a pixel) first, colour last.

    The shuffle then moves whole rows of s·C numbers, which is several times faster.
    """
    values = values.unflatten(0, (-1, scale, scale)).movedim(0, 2).flatten(0, 2)
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def per_channel_kernel(kernel: Tensor, channels: int) -> Tensor:
    """Repeat a kernel (s², 1, k, k) of one channel for each of several: (C·s², C, k, k)."""
    identity = torch.eye(channels, device=kernel.device)
    return torch.einsum("oiyx,cd->coidyx", kernel, identity).flatten(0, 1).flatten(1, 2)


def shuffle_into(out: Tensor, x: Tensor, scale: int, columns: Range) -> None:
    """Write the pixel shuffle of phase-major channels: (1, s·s·C, H, W) -> columns of (1, C, sH, sW)."""
    _, _, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(height, width, scale, -1).transpose(1, 2)
    if columns == (0, scale * width):  # all of them: in one copy
        out.permute(0, 2, 3, 1).view(x.shape).copy_(x)
    else:
        out.copy_(x.reshape(1, scale * height, scale * width, -1).permute(0, 3, 1, 2)[..., slice(*columns)])
