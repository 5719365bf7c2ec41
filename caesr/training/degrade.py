"""From high_res to low_res as life does it: blur, resizing, noise and JPEG, twice over, each by chance.

The second-order chain of Real-ESRGAN (Wang et al., ICCV-W 2021, section 3), with gentler ranges, all of it in torch
on the device where the pictures lie. Pictures are (B, 3, H, W) in [0, 1]; chances are drawn for each picture of a
batch, sizes and interpolation for the batch.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# ITU-T T.81, annex K: the quantisation tables that nearly every encoder scales by its quality.
LUMA_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
CHROMA_TABLE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " + "99 " * 32
)


@dataclass(frozen=True)
class Stage:
    """One blur, resize, noise, JPEG: how likely each is and how strong it may be."""

    blur: float  # chance
    sigma: tuple[float, float]  # of the blur along its two axes, in pixels
    sizes: tuple[float, float]  # factor of the resize, 1 with one chance in three
    noise: float  # chance
    deviation: tuple[float, float]  # of the noise, in grey levels of 255
    quality: tuple[float, float]  # of the JPEG
    jpeg: float  # chance


FIRST = Stage(0.7, (0.2, 1.8), (0.5, 1.2), 0.5, (1, 12), (50, 95), 0.6)
SECOND = Stage(0.3, (0.2, 1.0), (0.7, 1.1), 0.5, (1, 10), (30, 95), 0.8)


def photo(hr: Tensor, scale: int, generator: torch.Generator) -> Tensor:
    """The chain: hr (B, 3, sH, sW) -> lr (B, 3, H, W), rounded to bytes as a file would be."""
    height, width = (side // scale for side in hr.shape[-2:])
    x = stage(hr, FIRST, generator)
    if uniform(1, 0, 1, generator).item() < 0.7:
        x = stage(x, SECOND, generator, size=(height, width))
    x = interpolate(x, (height, width), generator)
    return x.clamp(0, 1).mul(255).round().div(255)


def stage(x: Tensor, how: Stage, generator: torch.Generator, size: tuple[int, int] | None = None) -> Tensor:
    """Blur, resize (by chance, or to about `size`), noise and JPEG."""
    b, (height, width) = len(x), x.shape[-2:]
    x = choose(x, blur(x, how.sigma, generator), how.blur, generator)
    factor = 1.0 if uniform(1, 0, 1, generator).item() < 1 / 3 else uniform(1, *how.sizes, generator).item()
    height, width = (max(8, round(side * factor)) for side in size or (height, width))
    x = interpolate(x, (height, width), generator)
    deviation = uniform(b, *how.deviation, generator).view(b, 1, 1, 1) / 255
    x = choose(x, noise(x, deviation, generator), how.noise, generator).clamp(0, 1)
    return choose(x, jpeg(x, uniform(b, *how.quality, generator)), how.jpeg, generator)


def uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """n numbers, evenly distributed."""
    return low + (high - low) * torch.rand(n, generator=generator, device=generator.device)


def choose(x: Tensor, y: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """y with the given chance, else x, for each picture of the batch."""
    return torch.where(uniform(len(x), 0, 1, generator).view(-1, 1, 1, 1) < chance, y, x)


def blur(x: Tensor, sigma: tuple[float, float], generator: torch.Generator, side: int = 13) -> Tensor:
    """A Gaussian of its own for each picture: two widths in pixels and an angle."""
    b, c, h, w = x.shape
    wide, narrow, angle = (
        uniform(b, low, high, generator).view(b, 1, 1) for low, high in (sigma, sigma, (0.0, math.pi))
    )
    offset = torch.arange(side, device=x.device) - side // 2
    v, u = offset.view(1, side, 1), offset.view(1, 1, side)
    along, across = u * angle.cos() + v * angle.sin(), v * angle.cos() - u * angle.sin()
    kernel = torch.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    kernel = (kernel / kernel.sum(dim=(1, 2), keepdim=True)).repeat_interleave(c, dim=0)[:, None]
    padded = F.pad(x, (side // 2,) * 4, mode="replicate").reshape(1, b * c, h + side - 1, w + side - 1)
    return F.conv2d(padded, kernel.to(x.dtype), groups=b * c).view(b, c, h, w)


def interpolate(x: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Resize by one of the ways that programs do it."""
    if x.shape[-2:] == size:
        return x
    mode = ("area", "bilinear", "bicubic")[int(uniform(1, 0, 3, generator).item())]
    if mode == "area":
        return F.interpolate(x, size=size, mode="area")
    return F.interpolate(x, size=size, mode=mode, antialias=True)


def noise(x: Tensor, deviation: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise, grey for four pictures in ten, stronger where the picture is bright for half of them.

    The latter is a sensor's: the variance of a count of photons is the count.
    """
    grey = uniform(len(x), 0, 1, generator).view(-1, 1, 1, 1) < 0.4
    photons = uniform(len(x), 0, 1, generator).view(-1, 1, 1, 1) < 0.5
    grain = torch.randn(x.shape, generator=generator, device=x.device)
    grain = torch.where(grey, grain[:, :1], grain)
    return x + grain * deviation * torch.where(photons, (2 * x.clamp(0, 1)).sqrt(), torch.ones_like(x))


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """What baseline JPEG with 4:2:0 chroma makes of pictures: (B, 3, H, W) in [0, 1] -> the same.

    The lossy steps of ITU-T T.81 and JFIF: YCbCr, halved chroma, cosine transform of 8×8 blocks, quantisation by the
    tables of annex K scaled as libjpeg does. Entropy coding loses nothing and is left out.

    Args:
        quality: (B,), 1 to 100.
    """
    height, width = x.shape[-2:]
    x = F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate") * 255
    r, g, b = x.unbind(dim=1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = (b - y) / 1.772, (r - y) / 1.402
    y = quantise(y[:, None] - 128, LUMA_TABLE, quality) + 128
    chroma = quantise(F.avg_pool2d(torch.stack((cb, cr), dim=1), 2), CHROMA_TABLE, quality)
    cb, cr = F.interpolate(chroma, scale_factor=2, mode="bilinear").split(1, dim=1)
    x = torch.cat((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), dim=1)
    return x[..., :height, :width].round().clamp(0, 255) / 255


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
