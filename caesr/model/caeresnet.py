"""CAEResNet: a convolutional autoencoder of residual blocks. The whole network, in this one file.

With nothing said it is the network of the founding article, layer for layer:

    (B, in, H, W) ─ conv, ReLU, block ── conv ↓2, ReLU, block ── conv ↑2, ReLU, block ─ conv ─ (B, out, H, W)
                        width 64               width 128                width 64

Grown by its `Config` it is the super-resolution family of the zoo: more blocks a level, long skips
between the levels, the features of every level fused before a pixel-shuffle head, and the bicubic
enlargement of the input as a global residual. Every operator is a convolution with a finite window:
no pooling or normalisation over the picture, so that a tile gives what the whole picture gives.
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
from zoo.publish import upload


@dataclass(frozen=True)
class Config:
    """What a CAEResNet is made of. The defaults are the article's network.

    Raises:
        ValueError: a field is out of its bounds; the message names the field.
    """

    in_channels: int = 3
    out_channels: int = 3
    scale: int = 1  # 1-4: how many times larger the output is than the input
    upsampling: str = "post"  # "post": pixel shuffle at the end; "pre": bicubic before the first layer
    widths: tuple[int, ...] = (64, 128)  # channels of each level, full resolution first
    encoder_blocks: tuple[int, ...] = (1, 1)  # residual blocks of each level; the last is the latent
    decoder_blocks: tuple[int, ...] = (1,)  # residual blocks of each level but the latent
    skips: str = "none"  # how the encoder's levels join the decoder's: "none", "sum", "fuse" (1×1 conv)
    global_residual: bool = False  # the network predicts what bicubic enlargement lacks

    def __post_init__(self) -> None:
        for name in ("widths", "encoder_blocks", "decoder_blocks"):  # lists, when read from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))
        levels = len(self.widths)
        checks = {
            "in_channels": whole(1, self.in_channels, 64),
            "out_channels": whole(1, self.out_channels, 64),
            "scale": whole(1, self.scale, 4),
            "upsampling": self.upsampling in ("pre", "post"),
            "widths": 1 <= levels <= 5 and all(whole(1, w, 1024) for w in self.widths),
            "encoder_blocks": len(self.encoder_blocks) == levels and all(whole(0, n, 64) for n in self.encoder_blocks),
            "decoder_blocks": len(self.decoder_blocks) == levels - 1
            and all(whole(0, n, 64) for n in self.decoder_blocks),
            "skips": self.skips in ("none", "sum", "fuse"),
            "global_residual": self.global_residual is False
            or (self.global_residual is True and self.in_channels == self.out_channels),
        }
        for name, good in checks.items():
            if not good:
                raise ValueError(f"CAEResNet: {name}={reprlib.repr(getattr(self, name))} is out of bounds.")


def whole(least: int, value: Any, most: int) -> bool:
    """Whether a value, perhaps of a stranger's file, is a whole number within bounds; 2.0 and true are none."""
    return type(value) is int and least <= value <= most


class ResidualBlock(nn.Module):
    """conv3×3, ReLU, conv3×3, plus the input: (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.relu(self.conv1(x)))


class Bicubic(nn.Module):
    """Bicubic enlargement by an integer as one fixed convolution: (B, C, H, W) -> (B, C, sH, sW).

    The same numbers as `caesr.imaging.resize` away from the border (Keys 1981, a = -1/2). A convolution,
    unlike `F.interpolate`, gives a pixel the same value wherever in the picture its tile begins.
    """

    def __init__(self, scale: int):
        super().__init__()
        self.scale = scale
        self.kernel: Tensor  # (s², 1, 5, 5)
        self.register_buffer("kernel", upscale_kernel(scale), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(F.pad(x, (0, 0, 2, 2), mode="replicate"))

    def inner(self, x: Tensor) -> Tensor:
        """Enlarge all but the two uppermost and the two lowest rows: (B, C, H + 4, W) -> (B, C, sH, sW)."""
        b, c, h, w = x.shape
        h -= 4
        x = F.pad(x.reshape(b * c, 1, h + 4, w), (2, 2, 0, 0), mode="replicate")
        with torch.autocast(x.device.type, enabled=False):  # in bf16 it would round the picture itself
            x = F.pixel_shuffle(F.conv2d(x, self.kernel.to(x.dtype)), self.scale)
        return x.view(b, c, h * self.scale, w * self.scale)


class CAEResNet(nn.Module):
    """The network. `CAEResNet(3, 3)` is the article's; keyword arguments are the fields of `Config`.

    Raises:
        ValueError: a field of the config is out of its bounds.
    """

    bicubic: Bicubic

    def __init__(self, in_channels: int = 3, out_channels: int = 3, **growth: Any):
        super().__init__()
        self.config = config = Config(in_channels, out_channels, **growth)
        widths = config.widths
        pre = config.upsampling == "pre"
        shuffle = 1 if pre else config.scale

        encoder: list[nn.Module] = []
        for level, (width, blocks) in enumerate(zip(widths, config.encoder_blocks, strict=True)):
            entry = in_channels if level == 0 else widths[level - 1]
            encoder += [nn.Conv2d(entry, width, 3, stride=1 if level == 0 else 2, padding=1)]
            encoder += [nn.ReLU(inplace=True)]
            encoder += [ResidualBlock(width) for _ in range(blocks)]

        decoder: list[nn.Module] = []
        for level in reversed(range(len(widths) - 1)):
            below, width = widths[level + 1], widths[level]
            decoder += [nn.ConvTranspose2d(below, width, 3, stride=2, padding=1, output_padding=1)]
            decoder += [nn.ReLU(inplace=True)]
            decoder += [ResidualBlock(width) for _ in range(config.decoder_blocks[level])]
        decoder += [nn.ConvTranspose2d(widths[0], out_channels * shuffle**2, 3, padding=1)]

        self.encoder = nn.Sequential(*encoder)
        self.decoder = nn.Sequential(*decoder)
        if config.skips == "fuse":  # one 1×1 convolution a level, deepest first
            self.fusion = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in reversed(widths[:-1]))
        self.shuffle = nn.PixelShuffle(shuffle)
        if config.scale > 1 and (pre or config.global_residual):
            self.bicubic = Bicubic(config.scale)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge x: (B, C, H, W) in [0, 1], any H and W >= 1 -> (B, C, sH, sW), not clamped."""
        size = [side * self.config.scale for side in x.shape[-2:]]
        if self.config.upsampling == "pre" and self.config.scale > 1:
            x = self.bicubic(x)
        x = pad_to_multiple(x, 2 ** (len(self.config.widths) - 1))
        y = self.shuffle(self.decode(*self.encode(x)))
        if self.config.global_residual:
            y = y + (self.bicubic(x) if self.shuffle.upscale_factor > 1 else x)
        return y[..., : size[0], : size[1]]

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """x: (B, C, H, W) -> the latent (B, Cₙ, H/2ⁿ, W/2ⁿ), and how each level above it ended."""
        levels: list[Tensor] = []
        for stage in stages(self.encoder, self.config.encoder_blocks):
            x = stage(x)
            levels.append(x)
        return levels.pop(), levels

    def decode(self, x: Tensor, levels: list[Tensor]) -> Tensor:
        """The latent and the levels above it -> what the pixel shuffle spreads: (B, out·s², H, W)."""
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
        """The network of a checkpoint: a folder, or whatever name the zoo knows (`zoo.fetch`).

        Raises:
            CheckpointError: the checkpoint is missing, broken or of another architecture.
        """
        return checkpoint.load(source, cls)

    def save_pretrained(self, folder: str | Path, **facts: Any) -> None:
        """Write config.json and model.safetensors; `facts` (how it was trained) go into the latter's header."""
        checkpoint.save(Path(folder), asdict(self.config), self.state_dict(), facts)

    def push_to_hub(self, repo_id: str, *, private: bool = False, **facts: Any) -> str:
        """Upload what `save_pretrained` writes to a repository of the Hub; returns the commit.

        Raises:
            ZooError: there is no token, or the Hub refuses.
        """
        with TemporaryDirectory() as folder:
            self.save_pretrained(folder, **facts)
            return upload(Path(folder), repo_id, private=private, only=FILES)

    @property
    def stride(self) -> int:
        """Tiles must start at multiples of this many input pixels, to meet the strides as the whole does."""
        stride = 2 ** (len(self.config.widths) - 1)
        pre = self.config.scale if self.config.upsampling == "pre" else 1
        return stride // math.gcd(stride, pre)

    @property
    def halo(self) -> int:
        """How many input pixels beyond a tile, on each side, can change the tile's output."""
        return max(max(-first, last) for first, last in self._reaches())

    @property
    def receptive_field(self) -> int:
        """The side, in input pixels, of the largest window that one output pixel looks at."""
        return max(last - first + 1 for first, last in self._reaches())

    def _reaches(self) -> Iterator[tuple[int, int]]:
        """For every phase of the output: the first and last input pixel seen, from the pixel's own place."""
        pre = self.config.scale if self.config.upsampling == "pre" else 1
        for output in range(self.stride * self.config.scale):
            first = last = output // self.shuffle.upscale_factor
            first, last = input_range(self.decoder, first, last)  # the longest way through; skips see less
            first, last = input_range(self.encoder, first, last)
            if pre > 1:
                seen = [bicubic_input_range(pixel, pre) for pixel in range(first, last + 1)]
                first, last = min(low for low, _ in seen), max(high for _, high in seen)
            own = output // self.config.scale
            yield first - own, last - own


def stages(layers: nn.Sequential, blocks: tuple[int, ...]) -> Iterator[nn.Sequential]:
    """Cut a flat Sequential into its levels: an entry convolution, its ReLU, and so many blocks each."""
    start = 0
    for n in blocks:
        yield nn.Sequential(*list(layers)[start : start + 2 + n])
        start += 2 + n


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until H and W are multiples: (B, C, H, W) -> (B, C, H', W')."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, bottom), mode="replicate") if bottom or right else x
