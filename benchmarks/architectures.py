"""Networks of peers, written after their papers and code: FSRCNN, Compact, EDSR-baseline, IMDN, RLFN.

They have the layers of the papers, so that a forward pass costs the same; only Compact is also loaded with released
weights (released.py). Every network takes (B, C, H, W) in [0, 1] and returns (B, C, sH, sW), not clamped.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.model.caeresnet import ResidualBlock


def conv(in_channels: int, out_channels: int, size: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps height and width."""
    return nn.Conv2d(in_channels, out_channels, size, padding=size // 2)


def leaky_relu() -> nn.LeakyReLU:
    """Return the activation of IMDN and RLFN; in place, as theirs is, which saves memory."""
    return nn.LeakyReLU(0.05, inplace=True)


def shuffle(channels: int, scale: int, out_channels: int = 3) -> nn.Sequential:
    """Return a 3×3 convolution and a pixel shuffle: (B, channels, H, W) -> (B, out_channels, sH, sW)."""
    return nn.Sequential(conv(channels, out_channels * scale**2), nn.PixelShuffle(scale))


class FSRCNN(nn.Sequential):
    """FSRCNN(d, s, m) of Dong, Loy and Tang, ECCV 2016 (arXiv 1608.00367), section 3.2: luma only, C = 1.

    OpenCV's super-resolution module offers networks of this class. The paper counts 12,464 weights, without biases
    and PReLU.
    """

    def __init__(self, d: int = 56, s: int = 12, m: int = 4, scale: int = 4):
        layers: list[nn.Module] = [conv(1, d, 5), nn.PReLU(d), conv(d, s, 1), nn.PReLU(s)]
        for _ in range(m):
            layers += [conv(s, s), nn.PReLU(s)]
        layers += [conv(s, d, 1), nn.PReLU(d)]
        super().__init__(*layers, nn.ConvTranspose2d(d, 1, 9, scale, padding=4, output_padding=scale - 1))


class Compact(nn.Module):
    """SRVGGNetCompact, the network of Real-ESRGAN's small models.

    A plain stack of 3×3 convolutions with PReLU and a pixel shuffle; the input, upscaled by repetition, is added.
    """

    def __init__(self, channels: int = 64, blocks: int = 32, scale: int = 4, colours: int = 3):
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = [conv(colours, channels), nn.PReLU(channels)]
        for _ in range(blocks):
            layers += [conv(channels, channels), nn.PReLU(channels)]
        self.body = nn.Sequential(*layers, conv(channels, colours * scale**2))

    def forward(self, x: Tensor) -> Tensor:
        repeated = F.interpolate(x, scale_factor=self.scale, mode="nearest")
        return F.pixel_shuffle(self.body(x), self.scale) + repeated


class EDSRBaseline(nn.Module):
    """The baseline of EDSR, Lim et al., CVPRW 2017 (arXiv 1707.02921), section 3: 1,518K parameters at ×4."""

    def __init__(self, channels: int = 64, blocks: int = 16):
        super().__init__()
        self.head = conv(3, channels)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)), conv(channels, channels))
        self.tail = nn.Sequential(shuffle(channels, 2, channels), shuffle(channels, 2, channels), conv(channels, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))


class IMDB(nn.Module):
    """IMDN's block (section 3.2): three times a quarter of the channels is set aside and the rest refined further.

    Attention by each channel's mean plus deviation (CCA) and a 1×1 convolution follow; the input is added.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.kept = channels // 4
        rest = channels - self.kept
        self.refine = nn.ModuleList(nn.Sequential(conv(c, channels), leaky_relu()) for c in (channels, rest, rest))
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
        self.gather = nn.Sequential(conv(blocks * channels, channels, 1), leaky_relu())
        self.smooth = conv(channels, channels)
        self.tail = shuffle(channels, scale)

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
        self.refine = nn.Sequential(*(layer for _ in range(3) for layer in (conv(channels, channels), leaky_relu())))
        self.fuse = nn.Sequential(conv(channels, channels, 1), ESA(channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(x + self.refine(x))


class RLFN(nn.Module):
    """Kong et al., CVPRW 2022 (arXiv 2205.07514), section 3.1: 543K parameters at ×4 (RLFN-S, 48 channels: 470K)."""

    def __init__(self, channels: int = 52, blocks: int = 6, scale: int = 4):
        super().__init__()
        self.head = conv(3, channels)
        self.body = nn.Sequential(*(RLFB(channels) for _ in range(blocks)), conv(channels, channels))
        self.tail = shuffle(channels, scale)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(x + self.body(x))
