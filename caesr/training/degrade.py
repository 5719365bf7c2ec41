"""Degrade high-res crops as cameras, programs and chats do: blur, resizing, noise, sharpening and JPEG, twice over.

The second-order chain of Real-ESRGAN (Wang et al., ICCV-W 2021, section 3), all of it in torch on the device where the
pictures lie. Every picture of a batch draws a severity evenly from 0 to 1, and all that happens to it is scaled by it,
so that good photographs are as frequent as ruined ones. One in eight is reduced by bicubic and nothing else; one in
three has no noise, since most real files are blocky and quiet. What this leaves in the inputs is measured by
benchmarks/degradations.py. Pictures are (B, 3, H, W) in [0, 1]; strengths are drawn for each picture, sizes and kernels
for the batch.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

CLEAN = 1 / 8  # share of pictures that are only reduced
QUIET = 1 / 3  # share of pictures without noise
SIGMA = 4.0  # standard deviation of the strongest blur, in pixels of where it happens
NOISE = 30.0  # and of the strongest noise, in grey levels of 255
BEST, WORST = 95.0, 10.0  # quality of the mildest and of the strongest JPEG

# ITU-T T.81, annex K: the quantisation tables that nearly every encoder scales by its quality.
LUMA_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
CHROMA_TABLE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " + "99 " * 32
)


def degrade(hr: Tensor, scale: int, generator: torch.Generator) -> Tensor:
    """Run the chain: hr (B, 3, sH, sW) -> lr (B, 3, H, W), rounded to bytes as a file would be."""
    draw = Draw(len(hr), generator)
    height, width = (side // scale for side in hr.shape[-2:])
    severity = draw.uniform(0, 1)
    grain = severity * ~draw.chance(QUIET)
    x = draw.sometimes(0.6, hr, lambda x: blur(x, *draw.gaussian(SIGMA * severity)))
    x = resize(x, scaled((height * scale, width * scale), draw.factor(0.15, 1.2)), draw.kernel())
    x = draw.sometimes(0.9, x, lambda x: noise(x, draw.deviation(grain), draw))
    x = draw.sometimes(0.7, x, lambda x: jpeg(x, draw.quality(severity), draw.subsampled(), draw.offset()))
    x = draw.sometimes(0.4, x, lambda x: blur(x, *draw.gaussian(SIGMA / 2 * severity)))
    x = resize(x, scaled((height, width), draw.factor(0.4, 1.4)), draw.kernel())
    x = draw.sometimes(0.8, x, lambda x: noise(x, draw.deviation(0.8 * grain), draw))
    steps: list[Callable[[Tensor], Tensor]] = [  # a JPEG before the last resize is seen enlarged or reduced
        lambda x: draw.sometimes(0.85, x, lambda x: jpeg(x, draw.quality(severity), draw.subsampled(), draw.offset())),
        lambda x: resize(x, (height, width), draw.kernel()),
        lambda x: draw.sometimes(0.35, x, lambda x: sharpen(x, draw.uniform(0.2, 1.5))),
    ]
    for n in draw.order(len(steps)):
        x = steps[n](x)
    x = resize(x, (height, width), draw.kernel()).clamp(0, 1)
    clean = resize(hr, (height, width), "bicubic")
    return torch.where(draw.chance(CLEAN), clean, x).clamp(0, 1).mul(255).round().div(255)


def scaled(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Multiply a size, at least 8 pixels a side."""
    height, width = (max(8, round(side * factor)) for side in size)
    return height, width


class Draw:
    """Random strengths, one for each picture of a batch as (B, 1, 1, 1) unless said; all from one generator."""

    def __init__(self, batch: int, generator: torch.Generator):
        self.batch, self.generator = batch, generator

    def uniform(self, low: float, high: float) -> Tensor:
        """Draw evenly between two numbers."""
        x = torch.rand(self.batch, 1, 1, 1, generator=self.generator, device=self.generator.device)
        return low + (high - low) * x

    def chance(self, share: float) -> Tensor:
        """Draw booleans, so many of them true."""
        return self.uniform(0, 1) < share

    def sometimes(self, share: float, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Change a share of the pictures."""
        return torch.where(self.chance(share), change(x), x)

    def _one(self) -> float:
        return torch.rand(1, generator=self.generator, device=self.generator.device).item()

    def factor(self, low: float, high: float) -> float:
        """Draw the factor of a resize for the batch: 1 in one of four, else evenly in its logarithm."""
        keep, place = self._one(), self._one()
        return 1.0 if keep < 0.25 else low * (high / low) ** place

    def kernel(self) -> str:
        """Draw how the batch is resized."""
        return ("area", "bilinear", "bicubic", "nearest")[min(3, int(3.3 * self._one()))]

    def order(self, n: int) -> list[int]:
        """Draw an order of n steps for the batch."""
        return torch.randperm(n, generator=self.generator, device=self.generator.device).tolist()

    def gaussian(self, widest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a blur: its widths along two axes in pixels, and the angle of the first. Half of them are round."""
        along, across = (0.2 + self.uniform(0, 1) * widest for _ in range(2))
        return along, torch.where(self.chance(0.5), along, across), self.uniform(0, math.pi)

    def deviation(self, severity: Tensor) -> Tensor:
        """Draw the standard deviation of a noise, in [0, 1]."""
        return self.uniform(0.25, 1) * severity * NOISE / 255

    def quality(self, severity: Tensor) -> Tensor:
        """Draw the quality of a JPEG."""
        return BEST - (BEST - WORST) * severity * self.uniform(0.25, 1)

    def subsampled(self) -> Tensor:
        """Draw whether a JPEG halves its chroma."""
        return self.chance(0.7)

    def offset(self) -> tuple[int, int]:
        """Draw where the crop lies in the 16-pixel grid of the batch's JPEGs; half of them begin with it."""
        aligned, y, x = self._one(), self._one(), self._one()
        return (0, 0) if aligned < 0.5 else (int(16 * y), int(16 * x))


def resize(x: Tensor, size: tuple[int, int], kernel: str) -> Tensor:
    """Resize by one of the kernels that programs use; all but nearest filter what is made smaller."""
    if x.shape[-2:] == size:
        return x
    if kernel in ("area", "nearest"):
        return F.interpolate(x, size=size, mode="nearest-exact" if kernel == "nearest" else "area")
    return F.interpolate(x, size=size, mode=kernel, antialias=True)


def blur(x: Tensor, along: Tensor, across: Tensor, angle: Tensor, side: int = 15) -> Tensor:
    """Convolve each picture with a Gaussian of its own: two widths in pixels, (B, 1, 1, 1), and an angle."""
    b, c, h, w = x.shape
    along, across, angle = (t.view(b, 1, 1) for t in (along, across, angle))
    offset = torch.arange(side, device=x.device) - side // 2
    v, u = offset.view(1, side, 1), offset.view(1, 1, side)
    first, second = u * angle.cos() + v * angle.sin(), v * angle.cos() - u * angle.sin()
    kernel = torch.exp(-0.5 * ((first / along) ** 2 + (second / across) ** 2))
    kernel = (kernel / kernel.sum(dim=(1, 2), keepdim=True)).repeat_interleave(c, dim=0)[:, None]
    padded = F.pad(x, (side // 2,) * 4, mode="replicate").reshape(1, b * c, h + side - 1, w + side - 1)
    return F.conv2d(padded, kernel.to(x.dtype), groups=b * c).view(b, c, h, w)


def sharpen(x: Tensor, amount: Tensor, side: int = 5) -> Tensor:
    """Add what a blur of about 1.2 pixels takes away, so many times (B, 1, 1, 1), as an unsharp mask does."""
    window = torch.exp(-0.5 * ((torch.arange(side, device=x.device) - side // 2) / 1.2) ** 2)
    window = window / window.sum()
    b, c, h, w = x.shape
    flat = F.pad(x, (side // 2,) * 4, mode="replicate").reshape(b * c, 1, h + side - 1, w + side - 1)
    soft = F.conv2d(F.conv2d(flat, window.view(1, 1, side, 1)), window.view(1, 1, 1, side)).view(b, c, h, w)
    return (x + amount * (x - soft)).clamp(0, 1)


def noise(x: Tensor, deviation: Tensor, draw: Draw) -> Tensor:
    """Add noise of a deviation (B, 1, 1, 1): grey for four pictures in ten, a sensor's for half of them.

    The latter is stronger where the picture is bright: the variance of a count of photons is the count.
    """
    grey, photons = draw.chance(0.4), draw.chance(0.5)
    grain = torch.randn(x.shape, generator=draw.generator, device=x.device)
    grain = torch.where(grey, grain[:, :1], grain)
    strength = torch.where(photons, (2 * x.clamp(0, 1)).sqrt(), torch.ones_like(x[:, :1]))
    return (x + grain * deviation * strength).clamp(0, 1)


def jpeg(x: Tensor, quality: Tensor, subsampled: Tensor, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """Return what baseline JPEG makes of pictures: (B, 3, H, W) in [0, 1] -> the same.

    The lossy steps of ITU-T T.81 and JFIF: YCbCr, chroma halved or not, cosine transform of 8×8 blocks, quantisation by
    the tables of annex K scaled as libjpeg does. Entropy coding loses nothing and is left out.

    Args:
        quality: (B, 1, 1, 1), 1 to 100.
        subsampled: (B, 1, 1, 1), whether a picture is stored 4:2:0 and not 4:4:4.
        offset: rows and columns that the file had above and left of the crop, 0 to 15.
    """
    top, left = offset
    height, width = x.shape[-2:]
    x = F.pad(x, (left, -(left + width) % 16, top, -(top + height) % 16), mode="replicate") * 255
    r, g, b = x.split(1, dim=1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    chroma = torch.cat(((b - y) / 1.772, (r - y) / 1.402), dim=1)
    y = quantise(y - 128, LUMA_TABLE, quality) + 128
    halved = quantise(F.avg_pool2d(chroma, 2), CHROMA_TABLE, quality)
    whole = quantise(chroma, CHROMA_TABLE, quality)
    chroma = torch.where(subsampled, F.interpolate(halved, scale_factor=2, mode="bilinear"), whole)
    cb, cr = chroma.split(1, dim=1)
    x = torch.cat((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), dim=1)
    return x[..., top : top + height, left : left + width].round().clamp(0, 255) / 255


def quantise(x: Tensor, table: str, quality: Tensor) -> Tensor:
    """Round the cosine coefficients of 8×8 blocks to multiples of the scaled table: (B, C, H, W) -> the same."""
    b, c, h, w = x.shape
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(b, 1, 1, 1, 1, 1)
    steps = x.new_tensor([float(q) for q in table.split()]).view(1, 1, 1, 1, 8, 8)
    steps = ((steps * percent + 50) / 100).floor().clamp(1, 255)
    n = torch.arange(8, device=x.device, dtype=x.dtype)
    cosine = torch.cos((2 * n + 1) * n[:, None] * math.pi / 16) / 2  # (frequency, place)
    cosine[0] /= math.sqrt(2)
    blocks = x.reshape(b, c, h // 8, 8, w // 8, 8).transpose(3, 4)  # (B, C, rows, columns, 8, 8)
    coefficients = (cosine @ blocks @ cosine.T / steps).round() * steps
    return (cosine.T @ coefficients @ cosine).transpose(3, 4).reshape(b, c, h, w)
