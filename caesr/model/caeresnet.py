"""CAEResNet: a convolutional autoencoder of residual blocks. The whole network, in this one file.

The default `Config` is the network of the founding article, layer for layer:

    (B, in, H, W) ─ conv, ReLU, block ── conv ↓2, ReLU, block ── conv ↑2, ReLU, block ─ conv ─ (B, out, H, W)
                        width 64               width 128                width 64

Other configs are the super-resolution networks of the zoo: more blocks a level, long skips that fuse the features of
every level into the decoder, a pixel-shuffle head, and the bicubically upscaled input as a global residual. Every
operator is a convolution with a finite window: no pooling or normalisation over the picture, so that a tile gives what
the whole picture gives.
"""

import math
import reprlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.imaging.resize import upscale_kernel
from caesr.model import checkpoint
from caesr.model.receptive_field import bicubic_input_range, input_range
from zoo.checkpoint_files import FILES
from zoo.messages import Message
from zoo.publish import upload


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of a CAEResNet. The defaults are the article's.

    Raises:
        ValueError: a field is out of bounds; the message names the field.
    """

    in_channels: int = 3
    out_channels: int = 3
    scale: int = 1  # 1-4: how many times larger the output is than the input
    upsampling: str = "post"  # "post": pixel shuffle at the end; "pre": bicubic before the first layer
    widths: tuple[int, ...] = (64, 128)  # channels of each level, full resolution first
    encoder_blocks: tuple[int, ...] = (1, 1)  # residual blocks of each level; the last is the latent
    decoder_blocks: tuple[int, ...] = (1,)  # residual blocks of each level but the latent
    skips: str = "none"  # how the encoder's levels join the decoder's: "none", "sum", "fuse" (1×1 conv)
    global_residual: bool = False  # the network predicts what bicubic upscaling lacks

    def __post_init__(self) -> None:
        for name in ("widths", "encoder_blocks", "decoder_blocks"):  # lists, when read from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
        levels, keeps_channels = len(self.widths), self.in_channels == self.out_channels
        checks = {
            "in_channels": are_integers(1, 64, self.in_channels),
            "out_channels": are_integers(1, 64, self.out_channels),
            "scale": are_integers(1, 4, self.scale),
            "upsampling": self.upsampling in ("pre", "post"),
            "widths": 1 <= levels <= 5 and are_integers(1, 1024, *self.widths),
            "encoder_blocks": len(self.encoder_blocks) == levels and are_integers(0, 64, *self.encoder_blocks),
            "decoder_blocks": len(self.decoder_blocks) == levels - 1 and are_integers(0, 64, *self.decoder_blocks),
            "skips": self.skips in ("none", "sum", "fuse"),
            "global_residual": self.global_residual is False or (self.global_residual is True and keeps_channels),
        }
        for name, is_valid in checks.items():
            if not is_valid:
                value = reprlib.repr(getattr(self, name))  # shortened
                raise ValueError(Message("CAEResNet: {field}={value} is out of bounds.", field=name, value=value))

    @property
    def pre_scale(self) -> int:
        """Return the factor by which bicubic upscales the input before the first layer."""
        return self.scale if self.upsampling == "pre" else 1


def are_integers(least: int, most: int, *values: object) -> bool:
    """Check that values, read from any file, are of type int and within bounds; 2.0 and True are not."""
    return all(type(value) is int and least <= value <= most for value in values)


class ResidualBlock(nn.Module):
    """3×3 convolution, ReLU, 3×3 convolution, plus the input: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.relu(self.conv1(x)))


class Bicubic(nn.Module):
    """Bicubic upscaling by an integer as one fixed convolution: (B, C, H, W) -> (B, C, sH, sW).

    The same numbers as `caesr.imaging.resize` away from the border (Keys 1981, a = -1/2). A convolution, unlike
    `F.interpolate`, gives a pixel the same value wherever in the picture its tile starts.
    """

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale
        self.kernel: Tensor  # (s², 1, 5, 5)
        self.register_buffer("kernel", upscale_kernel(scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.upscale_padded(F.pad(x, (0, 0, 2, 2), mode="replicate"))

    def upscale_padded(self, x: Tensor) -> Tensor:
        """Upscale all but the two uppermost and the two lowest rows: (B, C, H + 4, W) -> (B, C, sH, sW)."""
        b, c, h, w = x.shape
        x = F.pad(x.reshape(b * c, 1, h, w), (2, 2, 0, 0), mode="replicate")
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 would round the picture itself
            x = F.pixel_shuffle(F.conv2d(x, self.kernel.to(x.dtype)), self.scale)
        return x.view(b, c, (h - 4) * self.scale, w * self.scale)


class CAEResNet(nn.Module):
    """The network. `CAEResNet(3, 3)` is the article's; keyword arguments are the fields of `Config`.

    Raises:
        ValueError: a field of the config is out of bounds.
    """

    bicubic: Bicubic

    def __init__(self, in_channels: int = 3, out_channels: int = 3, **fields: Any):
        super().__init__()
        self.config = config = Config(in_channels, out_channels, **fields)
        shuffle = config.scale // config.pre_scale

        encoder: list[nn.Module] = []
        channels = in_channels
        for level, (width, blocks) in enumerate(zip(config.widths, config.encoder_blocks, strict=True)):
            encoder += [nn.Conv2d(channels, width, 3, stride=1 if level == 0 else 2, padding=1), nn.ReLU(inplace=True)]
            encoder += [ResidualBlock(width) for _ in range(blocks)]
            channels = width

        decoder: list[nn.Module] = []
        for width, blocks in zip(reversed(config.widths[:-1]), reversed(config.decoder_blocks), strict=True):
            decoder += [nn.ConvTranspose2d(channels, width, 3, stride=2, padding=1, output_padding=1)]
            decoder += [nn.ReLU(inplace=True)]
            decoder += [ResidualBlock(width) for _ in range(blocks)]
            channels = width
        decoder += [nn.ConvTranspose2d(channels, out_channels * shuffle**2, 3, padding=1)]

        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder)
        if config.skips == "fuse":  # one 1×1 convolution a level, deepest first
            self.fusion = nn.ModuleList(nn.Conv2d(2 * width, width, 1) for width in reversed(config.widths[:-1]))
        self.shuffle = nn.PixelShuffle(shuffle)
        if config.scale > 1 and (config.upsampling == "pre" or config.global_residual):
            self.bicubic = Bicubic(config.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Upscale x: (B, C, H, W) in [0, 1], any H and W >= 1 -> (B, C, sH, sW), not clamped."""
        (height, width), scale = x.shape[-2:], self.config.scale
        if self.config.pre_scale > 1:
            x = self.bicubic(x)
        x = pad_to_multiple(x, 2 ** (len(self.config.widths) - 1))
        y = self.shuffle(self.decode(*self.encode(x)))
        if self.config.global_residual:
            y = y + (self.bicubic(x) if self.shuffle.upscale_factor > 1 else x)
        return y[..., : height * scale, : width * scale]

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the latent (B, Cₙ, H/2ⁿ, W/2ⁿ) of x: (B, C, H, W), and the features of each level above it."""
        levels: list[Tensor] = []
        for stage in stages(self.encoder, self.config.encoder_blocks):
            x = stage(x)
            levels.append(x)
        return levels.pop(), levels

    def decode(self, x: Tensor, levels: list[Tensor]) -> Tensor:
        """Return what the pixel shuffle takes, (B, out·s², H, W), from the latent and the features of the levels."""
        for i, stage in enumerate(stages(self.decoder, self.config.decoder_blocks[::-1])):
            x, skip = stage[:2](x), levels[-1 - i]
            if self.config.skips == "sum":
                x = x + skip
            elif self.config.skips == "fuse":
                x = self.fusion[i](torch.cat((x, skip), dim=1))
            x = stage[2:](x)
        return self.decoder[-1](x)

    @classmethod
    def from_pretrained(cls, source: str | Path) -> "CAEResNet":
        """Load a checkpoint from a folder, or from any name that `zoo.fetch` takes; in eval mode on the CPU.

        Raises:
            CheckpointError: the checkpoint is missing, damaged or of another architecture.
            ZooError: the zoo does not have it.
        """
        return checkpoint.load(source, cls)

    def save_pretrained(self, folder: str | Path, **facts: Any) -> None:
        """Write config.json and model.safetensors, with `facts` (such as how it was trained) in its header."""
        checkpoint.save(Path(folder), asdict(self.config), self.state_dict(), facts)

    def push_to_hub(self, repo_id: str, *, private: bool = False, **facts: Any) -> str:
        """Upload what `save_pretrained` writes to a repository of the Hub, and return the commit.

        Raises:
            ZooError: there is no token, or the Hub refuses.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, **facts)
            return upload(Path(folder), repo_id, private=private, only=FILES)

    @property
    def stride(self) -> int:
        """Return of how many input pixels a tile's start must be a multiple, to meet the strides as the whole does."""
        stride = 2 ** (len(self.config.widths) - 1)
        return stride // math.gcd(stride, self.config.pre_scale)

    @property
    def halo(self) -> int:
        """Return how many input pixels beyond a tile, on each side, can change the tile's output."""
        return max(max(-start, stop - 1) for start, stop in self._input_ranges())

    @property
    def receptive_field(self) -> int:
        """Return the side, in input pixels, of the largest window that an output pixel depends on."""
        return max(stop - start for start, stop in self._input_ranges())

    def _input_ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the range of input pixels that an output pixel depends on, relative to its own, for every phase."""
        for output in range(self.stride * self.config.scale):
            start = output // self.shuffle.upscale_factor
            start, stop = input_range(self.decoder, start, start + 1)  # the longest path; skips see less
            start, stop = input_range(self.encoder, start, stop)
            if self.config.pre_scale > 1:
                start, stop = bicubic_input_range(start, stop, self.config.pre_scale)
            own = output // self.config.scale
            yield start - own, stop - own


def stages(layers: nn.Sequential, blocks: tuple[int, ...]) -> Iterator[nn.Sequential]:
    """Cut a flat Sequential into its levels: a convolution, its ReLU, and as many residual blocks as `blocks` says."""
    start = 0
    for count in blocks:
        stop = start + 2 + count
        yield nn.Sequential(*list(layers)[start:stop])
        start = stop


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until H and W are multiples: (B, C, H, W) -> (B, C, H', W')."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x
