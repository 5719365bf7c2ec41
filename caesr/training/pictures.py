"""Training pictures, decoded once and resident on the device as bytes; random crops are cut and degraded there."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.imaging.resize import resize
from caesr.training.degrade import degrade

SUFFIXES = {".webp", ".png", ".jpg", ".jpeg"}


class Pictures:
    """Pairs of high-res and low-res pictures, resident as bytes; a batch of random crops is one gather.

    Args:
        high: (N·s², 3) uint8, the high-res pixels of all pictures, end to end.
        low: (N, 3) uint8, the low-res pixels likewise.
        sizes: (height, width) of each low-res picture.
        scale: high-res pixels per low-res pixel, s.
        patch: side of a crop, in low-res pixels.
    """

    def __init__(self, high: Tensor, low: Tensor, sizes: Sequence[tuple[int, int]], scale: int, patch: int):
        self.high, self.low, self.scale, self.patch, self.device = high, low, scale, patch, low.device
        self.height, self.width = torch.tensor(sizes, device=low.device).unbind(1)
        self.area = self.height * self.width
        self.start = self.area.cumsum(0) - self.area

    @classmethod
    def read(cls, files: Sequence[Path], scale: int, patch: int, device: torch.device) -> "Pictures":
        """Decode files and reduce each by `scale`; those smaller than a patch are left out.

        Raises:
            ValueError: no picture is as large as a patch.
        """
        high, low, sizes = [], [], []
        with ThreadPoolExecutor() as pool:
            for image in pool.map(decode, files):
                height, width = (side // scale for side in image.shape[:2])
                if min(height, width) < patch:
                    continue
                hr = image[: height * scale, : width * scale].to(device)
                lr = resize(hr.permute(2, 0, 1), 1 / scale).permute(1, 2, 0) if scale > 1 else hr
                high.append(hr.reshape(-1, 3))
                low.append(lr.reshape(-1, 3))
                sizes.append((height, width))
        if not sizes:
            side = patch * scale
            raise ValueError(f"None of {len(files)} training pictures is {side}x{side} or larger.")
        return cls(torch.cat(high), torch.cat(low), sizes, scale, patch)

    def __len__(self) -> int:
        return len(self.area)

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Cut random pairs, each flipped and rotated at random, every place equally likely.

        Returns:
            lr (B, 3, p, p) and hr (B, 3, s·p, s·p), float32 in [0, 1], channels_last.
        """

        def random(n: int) -> Tensor:
            return torch.rand(n, batch, generator=generator, device=self.device, dtype=torch.float64)

        place, down, across = random(3)
        which = torch.searchsorted(self.start + self.area, (place * self.area.sum()).long(), right=True)
        height, width = self.height[which], self.width[which]
        top = (down * (height - self.patch + 1)).long()
        left = (across * (width - self.patch + 1)).long()
        turns = random(3) < 0.5
        s, start = self.scale, self.start[which]
        lr = crop(self.low, start, width, top, left, self.patch, turns)
        hr = crop(self.high, start * s**2, width * s, top * s, left * s, self.patch * s, turns)
        return lr, hr


class DegradedPictures:
    """Crops whose low_res went through `degrade`, each made once and used `REUSE` times within a window of steps.

    The windows and what is drawn within them depend on the seed and on the number of the step alone, so that a run that
    goes on finds the same crops. A crop appears in several of its eight symmetries.
    """

    WINDOW, REUSE = 128, 8  # steps; uses of a crop, on average

    def __init__(self, pictures: Pictures, batch: int, seed: int):
        self.source, self.batch, self.seed = pictures, batch, seed
        self.generator = torch.Generator(pictures.device)
        self.window, self.pool = -1, pictures

    def sample(self, step: int) -> tuple[Tensor, Tensor]:
        """Return lr (B, 3, p, p) and hr (B, 3, s·p, s·p) of a step, float32 in [0, 1]."""
        if step // self.WINDOW != self.window:
            self.window = step // self.WINDOW
            self.pool = self.make(self.WINDOW // self.REUSE, seeded(self.generator, self.seed, ~self.window))
        return self.pool.sample(self.batch, seeded(self.generator, self.seed, step))

    def make(self, batches: int, generator: torch.Generator) -> Pictures:
        """Degrade so many new batches of crops."""
        high: list[Tensor] = []
        low: list[Tensor] = []
        for _ in range(batches):
            _, hr = self.source.sample(self.batch, generator)
            lr = degrade(hr, self.source.scale, generator)
            for x, pixels in ((hr, high), (lr, low)):
                pixels.append(x.permute(0, 2, 3, 1).mul(255).round().byte().reshape(-1, 3))
        side = self.source.patch
        sizes = [(side, side)] * (batches * self.batch)
        return Pictures(torch.cat(high), torch.cat(low), sizes, self.source.scale, side)


def seeded(generator: torch.Generator, seed: int, number: int) -> torch.Generator:
    """Set a generator to a state that depends on two integers alone."""
    return generator.manual_seed((seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9) % 2**63)


def crop(pixels: Tensor, start: Tensor, width: Tensor, top: Tensor, left: Tensor, side: int, turns: Tensor) -> Tensor:
    """Gather square crops (B, 3, side, side) in [0, 1] from pictures laid end to end in (N, 3) bytes.

    `turns` (3, B): mirror vertically, mirror horizontally, transpose: the eight symmetries of a square.
    """
    steps = torch.arange(side, device=pixels.device).expand(len(start), side)
    upside_down, mirrored, transposed = turns[:, :, None]
    row = torch.where(upside_down, side - 1 - steps, steps) + top[:, None]
    column = torch.where(mirrored, side - 1 - steps, steps) + left[:, None]
    row, column = row * width[:, None], column + start[:, None]
    upright = row[:, :, None] + column[:, None, :]
    turned = row[:, None, :] + column[:, :, None]
    index = torch.where(transposed[:, :, None], turned, upright)  # (B, side, side)
    return pixels[index].permute(0, 3, 1, 2).float().div_(255)


def decode(file: Path) -> Tensor:
    """A picture file as (H, W, 3) uint8."""
    with Image.open(file) as image:
        return torch.from_numpy(np.array(image.convert("RGB")))


def find(folders: Sequence[Path]) -> list[Path]:
    """The picture files of the folders, in order.

    Raises:
        FileNotFoundError: a folder is missing or holds no picture.
    """
    files: list[Path] = []
    for folder in folders:
        here = sorted(f for f in folder.glob("*") if f.suffix.lower() in SUFFIXES)
        if not here:
            raise FileNotFoundError(f"No training pictures in {folder}. Set CAESR_DATA to the folder that holds them.")
        files += here
    return files


def hold_out(files: Sequence[Path], every: int = 50) -> tuple[list[Path], list[Path]]:
    """Split into pictures to train on and pictures to validate with, never two tiles of one photograph.

    Tiles are named PHOTOGRAPH_TOP_LEFT; every `every`-th photograph is held out.
    """
    photographs = sorted({f.stem.split("_")[0] for f in files})
    held = set(photographs[every - 1 :: every])
    train = [f for f in files if f.stem.split("_")[0] not in held]
    return train, [f for f in files if f.stem.split("_")[0] in held]
