"""Random degradations of training crops: blur, resizing, noise, sharpening and JPEG, twice over.

The second-order chain of Real-ESRGAN (Wang et al., ICCV-W 2021, section 3), all of it in torch on the pictures' device.
Every picture of a batch draws a severity evenly from 0 to 1 that scales all that happens to it, so that good
photographs are as frequent as ruined ones. One in eight is only reduced by bicubic; one in three gets no noise, since
most real files are blocky and quiet. benchmarks/measure/degradations.py measures what this leaves in the inputs.
Pictures are (B, 3, H, W) in [0, 1]; strengths are drawn for each picture, sizes and resampling methods for the batch.
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

CLEAN_SHARE = 1 / 8  # pictures that are only reduced
NOISELESS_SHARE = 1 / 3  # pictures without noise
MAX_BLUR = 4.0  # standard deviation of the strongest blur, in pixels of the picture at that point
MAX_NOISE = 30.0  # standard deviation of the strongest noise, in grey levels of 255
BEST_QUALITY, WORST_QUALITY = 95.0, 10.0  # of the mildest and of the strongest JPEG
METHODS = ("area", "bilinear", "bicubic", "nearest")  # of resizing

# ITU-T T.81, annex K: the quantisation tables that nearly every encoder scales by its quality.
LUMA_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
CHROMA_TABLE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " + "99 " * 32
)


def degrade(
    high_res: Tensor, scale: int, generator: torch.Generator, host_generator: torch.Generator | None = None
) -> Tensor:
    """Apply the chain: (B, 3, sH, sW) -> (B, 3, H, W), rounded to bytes as in a file.

    Args:
        generator: on the pictures' device.
        host_generator: on the CPU, for what is drawn once for the batch: to ask a GPU would wait for it. None: the
            other one, which is on the CPU then.
    """
    draw = Draw(len(high_res), generator, host_generator)
    height, width = (side // scale for side in high_res.shape[-2:])
    severity = draw.uniform(0, 1)
    noise_severity = severity * ~draw.chance(NOISELESS_SHARE)

    def add_some_noise(x: Tensor, strength: float) -> Tensor:
        return add_noise(x, draw.uniform(0.25, 1) * (strength * noise_severity) * MAX_NOISE / 255, draw)

    def compress(x: Tensor) -> Tensor:
        quality = BEST_QUALITY - (BEST_QUALITY - WORST_QUALITY) * severity * draw.uniform(0.25, 1)
        return jpeg(x, quality, draw.chance(0.7), draw.grid_offset())

    x = draw.sometimes(0.6, high_res, lambda x: blur(x, *draw.gaussian(MAX_BLUR * severity)))
    x = resize(x, draw.size(height * scale, width * scale, (0.15, 1.2)), draw.method())
    x = draw.sometimes(0.9, x, lambda x: add_some_noise(x, 1))
    x = draw.sometimes(0.7, x, compress)
    x = draw.sometimes(0.4, x, lambda x: blur(x, *draw.gaussian(MAX_BLUR / 2 * severity)))
    x = resize(x, draw.size(height, width, (0.4, 1.4)), draw.method())
    x = draw.sometimes(0.8, x, lambda x: add_some_noise(x, 0.8))
    steps: list[Callable[[Tensor], Tensor]] = [  # the blocks of a JPEG before the last resize change their size
        lambda x: draw.sometimes(0.85, x, compress),
        lambda x: resize(x, (height, width), draw.method()),
        lambda x: draw.sometimes(0.35, x, lambda x: sharpen(x, draw.uniform(0.2, 1.5))),
    ]
    for n in torch.randperm(len(steps), generator=draw.host_generator).tolist():
        x = steps[n](x)
    x = resize(x, (height, width), draw.method()).clamp(0, 1)
    clean = resize(high_res, (height, width), "bicubic")
    return torch.where(draw.chance(CLEAN_SHARE), clean, x).clamp(0, 1).mul(255).round().div(255)


class Draw:
    """Random numbers: one for each of B pictures as (B, 1, 1, 1), or one for the whole batch."""

    def __init__(self, batch: int, generator: torch.Generator, host_generator: torch.Generator | None = None):
        self.batch, self.generator, self.host_generator = batch, generator, host_generator or generator

    def uniform(self, low: float, high: float) -> Tensor:
        """Draw numbers evenly between two bounds."""
        x = torch.rand(self.batch, 1, 1, 1, generator=self.generator, device=self.generator.device)
        return low + (high - low) * x

    def chance(self, share: float) -> Tensor:
        """Draw booleans that are true with a probability of `share`."""
        return self.uniform(0, 1) < share

    def sometimes(self, share: float, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Change each picture with a probability of `share`."""
        return torch.where(self.chance(share), change(x), x)

    def gaussian(self, widest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a blur: its widths along two axes in pixels, and the first axis's angle; half of the blurs are round."""
        along, across = (0.2 + self.uniform(0, 1) * widest for _ in range(2))
        return along, torch.where(self.chance(0.5), along, across), self.uniform(0, math.pi)

    def number(self) -> float:
        """Draw a number from 0 to 1 for the batch."""
        return torch.rand(1, generator=self.host_generator).item()

    def size(self, height: int, width: int, factors: tuple[float, float]) -> tuple[int, int]:
        """Draw the size of the resized batch: the same in a quarter of cases, else even in the factor's logarithm."""
        keep, position = self.number(), self.number()
        factor = 1.0 if keep < 0.25 else factors[0] * (factors[1] / factors[0]) ** position
        return max(8, round(height * factor)), max(8, round(width * factor))

    def method(self) -> str:
        """Draw one of `METHODS` for the batch; nearest is a third as frequent as the others."""
        return METHODS[min(3, int(3.3 * self.number()))]

    def grid_offset(self) -> tuple[int, int]:
        """Draw where the crops lie in the 16-pixel grid of the batch's JPEGs; half of them begin with it."""
        aligned, y, x = self.number(), self.number(), self.number()
        return (0, 0) if aligned < 0.5 else (int(16 * y), int(16 * x))


def resize(x: Tensor, size: tuple[int, int], method: str) -> Tensor:
    """Resize by one of `METHODS`; all but nearest filter what they reduce."""
    if x.shape[-2:] == size:
        return x
    if method in ("area", "nearest"):
        return F.interpolate(x, size=size, mode="nearest-exact" if method == "nearest" else "area")
    return F.interpolate(x, size=size, mode=method, antialias=True)


def blur(x: Tensor, along: Tensor, across: Tensor, angle: Tensor, side: int = 15) -> Tensor:
    """Convolve each picture with a Gaussian of its own: two widths in pixels and an angle, each (B, 1, 1, 1)."""
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
    """Apply an unsharp mask of about 1.2 pixels: add `amount` (B, 1, 1, 1) times what a blur takes away."""
    window = torch.exp(-0.5 * ((torch.arange(side, device=x.device) - side // 2) / 1.2) ** 2)
    window = window / window.sum()
    b, c, h, w = x.shape
    flat = F.pad(x, (side // 2,) * 4, mode="replicate").reshape(b * c, 1, h + side - 1, w + side - 1)
    soft = F.conv2d(F.conv2d(flat, window.view(1, 1, side, 1)), window.view(1, 1, 1, side)).view(b, c, h, w)
    return (x + amount * (x - soft)).clamp(0, 1)


def add_noise(x: Tensor, deviation: Tensor, draw: Draw) -> Tensor:
    """Add noise of a standard deviation (B, 1, 1, 1): grey for four pictures in ten, a sensor's for half of them.

    A sensor's noise is stronger where the picture is bright: the variance of a count of photons is the count.
    """
    is_grey, is_sensor = draw.chance(0.4), draw.chance(0.5)
    noise = torch.randn(x.shape, generator=draw.generator, device=x.device)
    noise = torch.where(is_grey, noise[:, :1], noise)
    strength = torch.where(is_sensor, (2 * x.clamp(0, 1)).sqrt(), torch.ones_like(x[:, :1]))
    return (x + noise * deviation * strength).clamp(0, 1)


def jpeg(x: Tensor, quality: Tensor, subsampled: Tensor, offset: tuple[int, int] = (0, 0)) -> Tensor:
    """Compress and decompress pictures as baseline JPEG: (B, 3, H, W) in [0, 1] -> the same.

    The lossy steps of ITU-T T.81 and JFIF: YCbCr, chroma halved or not, cosine transform of 8×8 blocks, quantisation by
    the tables of annex K scaled as libjpeg does. Entropy coding loses nothing and is left out.

    Args:
        quality: (B, 1, 1, 1), 1 to 100.
        subsampled: (B, 1, 1, 1), true for 4:2:0, false for 4:4:4.
        offset: rows and columns of the file above and left of the crop, 0 to 15.
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
    steps = ((table_on(table, x.device, x.dtype) * percent + 50) / 100).floor().clamp(1, 255)
    n = torch.arange(8, device=x.device, dtype=x.dtype)
    cosine = torch.cos((2 * n + 1) * n[:, None] * math.pi / 16) / 2  # (frequency, place)
    cosine[0] /= math.sqrt(2)
    blocks = x.reshape(b, c, h // 8, 8, w // 8, 8).transpose(3, 4)  # (B, C, rows, columns, 8, 8)
    coefficients = (cosine @ blocks @ cosine.T / steps).round() * steps
    return (cosine.T @ coefficients @ cosine).transpose(3, 4).reshape(b, c, h, w)


@cache
def table_on(table: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return a quantisation table on a device, copied there once: (1, 1, 1, 1, 8, 8)."""
    return torch.tensor([float(q) for q in table.split()], device=device, dtype=dtype).view(1, 1, 1, 1, 8, 8)
