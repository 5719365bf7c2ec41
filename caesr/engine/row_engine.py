"""A network row by row: what a convolution will need again is kept, so that nothing is computed twice.

A picture goes through all layers in strips of a few rows, small enough to stay in the processor's cache. Every layer
makes its rows when they are asked for, from rows of the layer before, and those stay until nobody will ask for them
again: two rows before a 3×3 convolution, the delay of the way through the latent before a long skip (line buffers, as
in Alwani et al., "Fused-layer CNN accelerators", MICRO 2016). The sums are those of `CAEResNet.forward`.
"""

import math
from collections.abc import Callable, Iterable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.engine.tiles import Range
from caesr.model.caeresnet import Bicubic, CAEResNet, ResidualBlock, stages

Make = Callable[[int, int], Tensor]  # the first row, and the one behind the last -> (1, C, rows, W)
Finish = Callable[[Tensor, int, int, Tensor], None]  # the same rows not yet finished, which, and where they shall lie

NARROW = 2  # columns, up to which oneDNN's bfloat16 convolution of stride 2 reads memory that is not the input's (AMX)


def as_made(x: Tensor, _first: int, _last: int, out: Tensor) -> None:
    """Rows that are finished: they are only laid where they shall lie."""
    if out is not x:
        out.copy_(x)


def relu(x: Tensor, _first: int, _last: int, out: Tensor) -> None:
    """Rows that still want their ReLU."""
    if x.dtype == out.dtype:
        torch.clamp_min(x, 0, out=out)
    else:
        out.copy_(x.relu_())


class Rows:
    """The rows of a picture or of a layer's features, made from the top down.

    Args:
        height: of the whole.
        make: makes rows that follow on those it made last; the first time it may begin anywhere.
        step: rows are made in multiples of so many.
        strip: so many at once; more are made one strip after the other.
        finish: the last operation on what `make` makes. It lays the rows behind those that are held, in one pass over
            memory instead of two; it may be told to leave them in their place.
        dtype: of the finished rows; None: as they are made.
    """

    def __init__(
        self,
        height: int,
        make: Make,
        step: int = 1,
        strip: float = math.inf,
        finish: Finish = as_made,
        dtype: torch.dtype | None = None,
    ):
        self.height, self.make, self.step, self.finish, self.dtype = height, make, step, finish, dtype
        self.strip = max(step, strip // step * step) if math.isfinite(strip) else strip
        self.readers: list[Reader] = []
        self.first = 0  # of the rows that are held
        self.held: Tensor | None = None

    def reader(self) -> "Reader":
        """Somebody who will ask for rows, and for whom they are kept."""
        self.readers.append(Reader(self))
        return self.readers[-1]

    def get(self, first: int, last: int) -> Tensor:
        """Rows that are held, or follow on them."""
        if self.held is None:
            self.first = first // self.step * self.step
        held, end = self.held if self.held is not None and self.held.shape[2] else None, self.end
        behind = min(self.height, -(-last // self.step) * self.step)
        laid: Tensor | None = None  # the rows that are held, and room for those to come
        while end < behind:
            start, end = end, int(min(behind, end + self.strip))
            x = self.make(start, end)
            dtype = self.dtype or x.dtype
            if laid is None and held is None and end == behind and dtype == x.dtype:
                self.finish(x, start, end, x)  # all at once, with nothing before them: they lie well
                laid = x
                break
            if laid is None:
                shape = (1, x.shape[1], behind - self.first, x.shape[3])
                laid = torch.empty(shape, dtype=dtype, device=x.device, memory_format=torch.channels_last)
                if held is not None:
                    laid[:, :, : held.shape[2]] = held
            self.finish(x, start, end, laid[:, :, start - self.first : end - self.first])
        self.held = self.held if laid is None else laid
        assert self.held is not None
        return self.held[:, :, first - self.first : last - self.first]

    @property
    def end(self) -> int:
        """Behind the last row that has been made."""
        return self.first + (0 if self.held is None else self.held.shape[2])

    def release(self) -> None:
        """Let go of the rows that no reader will ask for."""
        first = min(reader.next for reader in self.readers)
        if self.held is not None and first > self.first:
            rest = self.held[:, :, first - self.first :]
            self.first, self.held = first, rest.clone()  # a view would keep all of them


class Reader:
    """One who asks for rows, from the top down."""

    def __init__(self, rows: Rows):
        self.rows, self.next = rows, 0

    @property
    def made(self) -> int:
        """Behind the last row that has been made."""
        return self.rows.end

    def __call__(self, first: int, last: int, then: int, edge: str = "constant") -> Tensor:
        """Rows, of which some may lie beyond the picture.

        Args:
            then: the first one that will be asked for the next time.
            edge: what lies beyond: "constant" for zeros, "replicate" for the outermost row.
        """
        height = self.rows.height
        start = min(max(0, first), height - 1)  # all of them may lie below the picture, of which one row is taken then
        end = max(start + 1, min(last, height))
        x = self.rows.get(start, end)
        self.next = min(then, height - 1)
        self.rows.release()
        if first < start or end < last:
            x = F.pad(x, (0, 0, max(0, start - first), last - end), mode=edge)
        return x[:, :, max(0, first - start) :]


def network(model: CAEResNet, picture: Rows, columns: Range, strip: float = math.inf) -> Rows:
    """What a network makes of a picture. Every layer computes in the type of its own weights.

    Args:
        picture: rows of (1, C, n, W), float32 in [0, 1].
        columns: of the result; others are left out.
        strip: so many rows of the picture go through the network at once.
    Returns:
        rows of (1, C, n, columns), float32, not clamped.
    """
    config = model.config
    pre, height = config.scale if config.upsampling == "pre" else 1, picture.height * config.scale
    shuffle = config.scale // pre
    enlarged = larger(picture, model.bicubic, strip) if pre > 1 else picture
    y = body(model, enlarged)
    read, own = y.reader(), enlarged.reader() if config.global_residual else None
    head = model.decoder[-1]
    assert isinstance(head, nn.ConvTranspose2d)  # which with a stride of one is a convolution
    weight = by_place(head.weight.transpose(0, 1).flip(-2, -1), shuffle)
    bias = None if head.bias is None else by_place(head.bias, shuffle)
    cubic = by_place(for_colours(model.bicubic.kernel, config.out_channels), shuffle) if own and shuffle > 1 else None

    def unshuffled(first: int, last: int) -> Tensor:
        """Rows as the head makes them: a pixel's places are channels."""
        x = F.conv2d(read(first - 1, last + 1, last - 1).to(weight.dtype), weight, bias, padding=(0, 1)).float()
        if own and cubic is not None:
            low = own(first - 2, last + 2, last - 2, "replicate")
            low = F.pad(low, (2, 2 + x.shape[-1] - low.shape[-1], 0, 0), mode="replicate")
            x += F.conv2d(low.contiguous(memory_format=torch.channels_last), cubic)
        elif own:
            low = own(first, last, last)
            x = x[..., : low.shape[-1]] + low
        return x

    def make(first: int, last: int) -> Tensor:
        shape, at_once = (1, config.out_channels, last - first, columns[1] - columns[0]), int(min(height, strip * pre))
        out = torch.empty(shape, device=weight.device, memory_format=torch.channels_last)
        for start in range(first // shuffle, last // shuffle, at_once):
            end = min(last // shuffle, start + at_once)
            rows = out[:, :, start * shuffle - first : end * shuffle - first]
            shuffle_into(rows, unshuffled(start, end), shuffle, columns)
        return out

    return Rows(height, make, shuffle)


def by_place(values: Tensor, scale: int) -> Tensor:
    """What makes C·s² channels before a pixel shuffle, its channels put in order of place, colours last.

    So the shuffle moves whole rows of s·C numbers, which is several times faster.
    """
    values = values.unflatten(0, (-1, scale, scale)).movedim(0, 2).flatten(0, 2)
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def for_colours(kernel: Tensor, colours: int) -> Tensor:
    """A kernel (s², 1, k, k) for one colour -> (C·s², C, k, k), which does the same to each of several."""
    return torch.einsum("oiyx,cd->coidyx", kernel, torch.eye(colours, device=kernel.device)).flatten(0, 1).flatten(1, 2)


def shuffle_into(out: Tensor, x: Tensor, scale: int, columns: Range) -> None:
    """The pixel shuffle of channels in order of place: (1, s·s·C, H, W) -> columns of (1, C, sH, sW)."""
    _, _, height, width = x.shape
    x = x.permute(0, 2, 3, 1).reshape(height, width, scale, -1).transpose(1, 2)
    if columns == (0, scale * width):  # all of them: at once to where they shall lie
        out.permute(0, 2, 3, 1).view(x.shape).copy_(x)
    else:
        out.copy_(x.reshape(1, scale * height, scale * width, -1).permute(0, 3, 1, 2)[..., slice(*columns)])


def prepared(model: CAEResNet, dtype: torch.dtype) -> CAEResNet:
    """A network whose layers compute in `dtype`, but for those that see or make the picture itself.

    bfloat16 tells 256 levels between a half and one apart: enough for features, and for what bicubic lacks.
    """
    if dtype == torch.float32:
        return model
    model = deepcopy(model)
    first, head = model.encoder[0], model.decoder[-1]
    for part in model.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            whole = part is first or (part is head and not model.config.global_residual)
            part.to(torch.float32 if whole else dtype)
    return model


def body(model: CAEResNet, picture: Rows) -> Rows:
    """All layers but the head: a row for every row of the picture, and perhaps some below it."""
    config, levels = model.config, []
    dtype = min((p.dtype for p in model.parameters()), key=lambda dtype: dtype.itemsize)  # of the features
    x = padded(picture, 2 ** (len(config.widths) - 1))
    for entry, _, *several in stages(model.encoder, config.encoder_blocks):
        x = blocks(convolution(x, entry, dtype), several)
        levels.append(x)
    for i, (entry, _, *several) in enumerate(stages(model.decoder, config.decoder_blocks[::-1])):
        skip = levels[-2 - i] if config.skips != "none" else None
        x = blocks(rising(x, entry, skip, model.fusion[i] if config.skips == "fuse" else None), several)
    return x


def larger(picture: Rows, bicubic: Bicubic, strip: float) -> Rows:
    """The bicubic enlargement of a picture."""
    read, s = picture.reader(), bicubic.scale

    def make(first: int, last: int) -> Tensor:
        return bicubic.inner(read(first // s - 2, last // s + 2, last // s - 2, "replicate"))

    return Rows(picture.height * s, make, s, strip * s)


def padded(picture: Rows, multiple: int) -> Rows:
    """A picture whose last row and column are repeated until height and width are multiples."""
    read = picture.reader()

    def make(first: int, last: int) -> Tensor:
        x = read(first, last, last, "replicate")
        right = -x.shape[-1] % multiple
        x = F.pad(x, (0, right, 0, 0), mode="replicate") if right else x
        return x.contiguous(memory_format=torch.channels_last)

    return Rows(-(-picture.height // multiple) * multiple, make)


def convolution(source: Rows, layer: nn.Module, dtype: torch.dtype) -> Rows:
    """A 3×3 convolution with its ReLU; what it makes is of type `dtype`."""
    assert isinstance(layer, nn.Conv2d)
    read, stride = source.reader(), layer.stride[0]

    def make(first: int, last: int) -> Tensor:
        x = read(first * stride - 1, (last - 1) * stride + 2, last * stride - 1).to(layer.weight.dtype)
        if stride > 1 and x.shape[-1] <= NARROW and layer.bias is not None:
            return F.conv2d(x.float(), layer.weight.float(), layer.bias.float(), stride, (0, 1))
        return F.conv2d(x, layer.weight, layer.bias, stride, (0, 1))

    return Rows(-(-source.height // stride), make, finish=relu, dtype=dtype)


def blocks(source: Rows, several: Iterable[nn.Module]) -> Rows:
    """Residual blocks, one after the other."""
    for block in several:
        assert isinstance(block, ResidualBlock)
        source = residual(source, block)
    return source


def residual(source: Rows, block: ResidualBlock) -> Rows:
    """A residual block."""
    read = convolution(source, block.conv1, block.conv2.weight.dtype).reader()
    skip = source.reader()

    def make(first: int, last: int) -> Tensor:
        return F.conv2d(read(first - 1, last + 1, last - 1), block.conv2.weight, block.conv2.bias, padding=(0, 1))

    def finish(x: Tensor, first: int, last: int, out: Tensor) -> None:
        torch.add(x, skip(first, last, last), out=out)

    return Rows(source.height, make, finish=finish)


def rising(source: Rows, layer: nn.Module, above: Rows | None, fuse: nn.Module | None) -> Rows:
    """A transposed convolution to twice the size with its ReLU, joined by the encoder's level of that size."""
    assert isinstance(layer, nn.ConvTranspose2d)
    read, skip = source.reader(), above.reader() if above else None

    def make(first: int, last: int) -> Tensor:
        x = read(first // 2, min(last // 2 + 1, source.height), last // 2)
        x = F.conv_transpose2d(x, layer.weight, layer.bias, 2, 1, 1)  # its last row wants one more below, mostly
        x = x[:, :, first % 2 : first % 2 + last - first]
        if skip is None or fuse is None:
            return x
        return fuse(torch.cat((x.relu_(), skip(first, last, last)), dim=1))

    def finish(x: Tensor, first: int, last: int, out: Tensor) -> None:
        if skip is None:
            relu(x, first, last, out)
        else:
            torch.add(x.relu_(), skip(first, last, last), out=out)

    return Rows(2 * source.height, make, finish=as_made if skip and fuse else finish)
