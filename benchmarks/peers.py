"""Peers that spandrel does not have, written after their papers, so that their cost can be measured here.

Only what a forward pass costs is asked of them: the weights are random, the layers those of the papers.
Every network takes (B, C, H, W) in [0, 1] to (B, C, sH, sW).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.model.caeresnet import ResidualBlock


def conv(entry: int, out: int, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps height and width."""
    return nn.Conv2d(entry, out, size, padding=size // 2)


def leaky() -> nn.LeakyReLU:
    """The activation of IMDN and RLFN; in place, as theirs is, which saves memory."""
    return nn.LeakyReLU(0.05, inplace=True)


def shuffled(channels: int, scale: int, out: int = 3) -> nn.Sequential:
    """3×3 convolution and pixel shuffle: (B, channels, H, W) -> (B, out, sH, sW)."""
    return nn.Sequential(conv(channels, out * scale**2), nn.PixelShuffle(scale))


class FSRCNN(nn.Sequential):
    """FSRCNN(d, s, m) of Dong, Loy and Tang, ECCV 2016 (arXiv 1608.00367), section 3.2: luma only, C = 1.

    What OpenCV's super-resolution module offers is of this class. The paper counts 12,464 weights, biases and
    PReLU left out.
    """

    def __init__(self, d: int = 56, s: int = 12, m: int = 4, scale: int = 4):
        layers: list[nn.Module] = [conv(1, d, 5), nn.PReLU(d), conv(d, s, 1), nn.PReLU(s)]
        for _ in range(m):
            layers += [conv(s, s), nn.PReLU(s)]
        layers += [conv(s, d, 1), nn.PReLU(d)]
        super().__init__(*layers, nn.ConvTranspose2d(d, 1, 9, scale, padding=4, output_padding=scale - 1))


class EDSRBaseline(nn.Module):
    """The baseline of EDSR, Lim et al., CVPRW 2017 (arXiv 1707.02921), section 3: 1,518K parameters at ×4."""

    def __init__(self, channels: int = 64, blocks: int = 16):
        super().__init__()
        self.head = conv(3, channels)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)), conv(channels, channels))
        self.tail = nn.Sequential(shuffled(channels, 2, channels), shuffled(channels, 2, channels), conv(channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))


class IMDB(nn.Module):
    """IMDN's block (section 3.2): three times a quarter of the channels is set aside, the rest refined further;
    then attention by each channel's mean plus deviation (CCA), 1×1 convolution, and the input added."""

    def __init__(self, channels: int):
        super().__init__()
        self.kept = channels // 4
        rest = channels - self.kept
        self.refine = nn.ModuleList(nn.Sequential(conv(c, channels), leaky()) for c in (channels, rest, rest))
        self.last = conv(rest, self.kept)
        self.attention = nn.Sequential(
            conv(channels, channels // 16, 1), nn.ReLU(), conv(channels // 16, channels, 1), nn.Sigmoid()
        )
        self.fuse = conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        distilled, rest = [], x
        for step in self.refine:
            y = step(rest)
            distilled.append(y[:, : self.kept])
            rest = y[:, self.kept :]
        y = torch.cat([*distilled, self.last(rest)], dim=1)
        deviation, mean = torch.std_mean(y, dim=(2, 3), correction=0, keepdim=True)
        return x + self.fuse(y * self.attention(deviation + mean))


class IMDN(nn.Module):
    """Hui et al., ACM MM 2019 (arXiv 1909.11856), section 3.1: 715K parameters at ×4."""

    def __init__(self, channels: int = 64, blocks: int = 6, scale: int = 4):
        super().__init__()
        self.head = conv(3, channels)
        self.blocks = nn.ModuleList(IMDB(channels) for _ in range(blocks))
        self.gather = nn.Sequential(conv(blocks * channels, channels, 1), leaky())
        self.smooth = conv(channels, channels)
        self.tail = shuffled(channels, scale)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        levels = [x]
        for block in self.blocks:
            levels.append(block(levels[-1]))
        return self.tail(x + self.smooth(self.gather(torch.cat(levels[1:], dim=1))))


class ESA(nn.Module):
    """Enhanced spatial attention as RLFN trims it (section 3.2): one 3×3 convolution at about a sixth of the size."""

    def __init__(self, channels: int, inner: int = 16):
        super().__init__()
        self.squeeze, self.skip = conv(channels, inner, 1), conv(inner, inner, 1)
        self.reduce = nn.Conv2d(inner, inner, 3, stride=2)
        self.look = conv(inner, inner)
        self.expand = conv(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.squeeze(x)
        y = self.look(F.max_pool2d(self.reduce(squeezed), 7, stride=3))
        y = F.interpolate(y, x.shape[-2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.expand(y + self.skip(squeezed)))


class RLFB(nn.Module):
    """RLFN's block (section 3.2): three 3×3 convolutions, the input added, 1×1 convolution and ESA."""

    def __init__(self, channels: int):
        super().__init__()
        self.refine = nn.Sequential(*(layer for _ in range(3) for layer in (conv(channels, channels), leaky())))
        self.fuse = nn.Sequential(conv(channels, channels, 1), ESA(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(x + self.refine(x))


class RLFN(nn.Module):
    """Kong et al., CVPRW 2022 (arXiv 2205.07514), section 3.1: 543K parameters at ×4 (RLFN-S, 48 channels: 470K)."""

    def __init__(self, channels: int = 52, blocks: int = 6, scale: int = 4):
        super().__init__()
        self.head = conv(3, channels)
        self.body = nn.Sequential(*(RLFB(channels) for _ in range(blocks)), conv(channels, channels))
        self.tail = shuffled(channels, scale)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))
