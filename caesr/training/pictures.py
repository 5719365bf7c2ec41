"""Training pictures in device memory as bytes, and random crops of them, reduced or degraded; drawings among them."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.imaging.resize import copy_to, resize
from caesr.training.degrade import degrade
from caesr.training.drawings import draw_pair
from zoo.messages import Message

SUFFIXES = {".webp", ".png", ".jpg", ".jpeg"}


class Pictures:
    """Pairs of high-res and low-res pictures; a batch of random crops is one gather.

    Args:
        high_res: (N·s², 3) uint8, the pixels of all high-res pictures end to end.
        low_res: (N, 3) uint8, likewise.
        sizes: (height, width) of each low-res picture.
        scale: high-res pixels per low-res pixel, s.
        patch: side of a crop, in low-res pixels.
    """

    def __init__(self, high_res: Tensor, low_res: Tensor, sizes: Sequence[tuple[int, int]], scale: int, patch: int):
        self.high_res, self.low_res, self.scale, self.patch = high_res, low_res, scale, patch
        self.device = low_res.device
        self.height, self.width = torch.tensor(sizes).unbind(1)  # on the CPU, where crops are drawn
        area = self.height * self.width
        self.stop = area.cumsum(0)  # each picture's pixels are low_res[start:stop]
        self.start = self.stop - area

    @classmethod
    def read(cls, files: Sequence[Path], scale: int, patch: int, device: torch.device) -> "Pictures":
        """Decode files and reduce each by `scale`; those smaller than a patch are left out.

        Raises:
            ValueError: no picture is as large as a patch.
        """
        high_res, low_res, sizes = [], [], []
        with ThreadPoolExecutor() as pool:
            for image in pool.map(decode_rgb, files):
                height, width = (side // scale for side in image.shape[:2])
                if min(height, width) < patch:
                    continue
                high = image[: height * scale, : width * scale].to(device)
                low = resize(high.permute(2, 0, 1), 1 / scale).permute(1, 2, 0) if scale > 1 else high
                high_res.append(high.reshape(-1, 3))
                low_res.append(low.reshape(-1, 3))
                sizes.append((height, width))
        if not sizes:
            text = "None of {count} training pictures is {side}x{side} or larger."
            raise ValueError(Message(text, count=len(files), side=patch * scale))
        return cls(torch.cat(high_res), torch.cat(low_res), sizes, scale, patch)

    def sample(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Cut random pairs, each flipped and rotated at random, every position equally likely.

        Args:
            generator: on the CPU, whatever the device: MPS has no float64.
        Returns:
            low_res (B, 3, p, p) and high_res (B, 3, s·p, s·p), float32 in [0, 1], channels_last.
        """

        def draw() -> Tensor:
            return torch.rand(3, batch, generator=generator, dtype=torch.float64)

        position, down, across = draw()
        which = torch.searchsorted(self.stop, (position * self.stop[-1]).long(), right=True)
        start, height, width = self.start[which], self.height[which], self.width[which]
        top = (down * (height - self.patch + 1)).long()
        left = (across * (width - self.patch + 1)).long()
        places = copy_to(torch.stack((start, width, top, left, *(draw() < 0.5))), self.device)  # (7, B) int64
        (start, width, top, left), flips, s = places[:4], places[4:].bool(), self.scale
        low_res = gather_crops(self.low_res, start, width, top, left, self.patch, flips)
        high_res = gather_crops(self.high_res, start * s**2, width * s, top * s, left * s, self.patch * s, flips)
        return low_res, high_res


class Mixture:
    """Photographs, and drawings (caesr/training/drawings.py) in a share of the crops; new drawings in every window.

    The windows and all that is drawn in them depend on the seed and the step alone, so that a resumed run finds the
    same crops.
    """

    WINDOW, DRAWINGS = 512, 64  # steps; drawings made in a window, each with sides of two patches

    def __init__(self, photographs: Pictures, share: float, batch: int, seed: int):
        self.photographs, self.share, self.batch, self.seed = photographs, share, batch, seed
        self.device, self.scale, self.patch = photographs.device, photographs.scale, photographs.patch
        self.window, self.drawings = -1, photographs

    def sample(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor, int]:
        """Return low_res (B, 3, p, p), high_res (B, 3, s·p, s·p) and how many crops, the last ones, are drawings."""
        count = int(self.batch * self.share + random.Random(step).random())  # noqa: S311 # not for secrets
        pairs = [self.photographs.sample(self.batch - count, generator)]
        if count:
            if step // self.WINDOW != self.window:
                self.window = step // self.WINDOW
                self.drawings = self.draw()
            pairs.append(self.drawings.sample(count, generator))
        low_res, high_res = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        return low_res, high_res, count

    def draw(self) -> Pictures:
        """Make the drawings of the window."""
        side = 2 * self.patch
        pairs = []
        for n in range(self.DRAWINGS):
            pairs.append(draw_pair(np.random.default_rng((self.seed, self.window, n)), side, self.scale))
        low_res, high_res = (
            torch.from_numpy(np.concatenate(pictures).reshape(-1, 3)).to(self.device)
            for pictures in zip(*pairs, strict=True)
        )
        return Pictures(high_res, low_res, [(side, side)] * self.DRAWINGS, self.scale, self.patch)


class DegradedPictures:
    """Crops whose low_res went through `degrade`: each is made once and used several times in a window of steps.

    The windows and all that is drawn in them depend on the seed and the step alone, so that a resumed run finds the
    same crops. Crops appear in several of their eight symmetries. Half of the drawings keep their own low_res.
    """

    WINDOW, USES = 128, 8  # steps; uses of a crop, on average
    CLEAN_DRAWINGS = 1 / 2

    def __init__(self, pictures: Mixture, seed: int):
        self.source, self.batch, self.seed = pictures, pictures.batch, seed
        self.window, self.pool = -1, pictures.photographs
        # MPS cannot do all that degrading takes.
        self.workplace = torch.device("cpu") if pictures.device.type == "mps" else pictures.device
        self.generator = torch.Generator()
        self.pixel_generator = self.generator if self.workplace.type == "cpu" else torch.Generator(self.workplace)

    def sample(self, step: int) -> tuple[Tensor, Tensor]:
        """Return low_res (B, 3, p, p) and high_res (B, 3, s·p, s·p) of a step, float32 in [0, 1]."""
        return self.pool_of(step).sample(self.batch, seed_generator(self.generator, self.seed, step))

    def pool_of(self, step: int) -> Pictures:
        """Return the degraded crops of the step's window."""
        if step // self.WINDOW != self.window:
            self.window = step // self.WINDOW
            steps = range(self.window * self.WINDOW, (self.window + 1) * self.WINDOW, self.USES)
            self.pool = self.make(steps, self.seed, ~self.window)
        return self.pool

    def make(self, steps: range, seed: int, number: int) -> Pictures:
        """Degrade the batches of crops of some steps; what is drawn depends on two integers alone."""
        generator, pixel_generator = (
            seed_generator(one, seed, number) for one in (self.generator, self.pixel_generator)
        )
        high_res, low_res, side, device = [], [], self.source.patch, self.source.device
        for step in steps:
            low, high, drawings = self.source.sample(step, generator)
            low, high = low.to(self.workplace), high.to(self.workplace)
            degraded = degrade(high, self.source.scale, pixel_generator, generator)
            if drawings:
                draw = torch.rand(drawings, 1, 1, 1, generator=pixel_generator, device=self.workplace)
                clean = draw < self.CLEAN_DRAWINGS
                degraded[-drawings:] = torch.where(clean, low[-drawings:], degraded[-drawings:])
            high_res.append(to_pixels(high).to(device))
            low_res.append(to_pixels(degraded).to(device))
        sizes = [(side, side)] * (len(steps) * self.batch)
        return Pictures(torch.cat(high_res), torch.cat(low_res), sizes, self.source.scale, side)


def to_pixels(x: Tensor) -> Tensor:
    """Lay pictures end to end as bytes: (B, 3, H, W) in [0, 1] -> (B·H·W, 3) uint8."""
    return x.permute(0, 2, 3, 1).mul(255).round().byte().reshape(-1, 3)


def seed_generator(generator: torch.Generator, seed: int, number: int) -> torch.Generator:
    """Set a generator to a state that depends on two integers alone; return it."""
    return generator.manual_seed((seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9) % 2**63)


def gather_crops(
    pixels: Tensor, start: Tensor, width: Tensor, top: Tensor, left: Tensor, side: int, flips: Tensor
) -> Tensor:
    """Gather square crops (B, 3, side, side) in [0, 1] from pictures laid end to end in (N, 3) bytes.

    `start` and `width` (B,) belong to the picture of each crop, `top` and `left` (B,) are its position there; `flips`
    (3, B): mirror vertically, mirror horizontally, transpose: the eight symmetries of a square.
    """
    steps = torch.arange(side, device=pixels.device).expand(len(start), side)
    vertical, horizontal, transposed = flips[:, :, None]
    row = torch.where(vertical, side - 1 - steps, steps) + top[:, None]
    column = torch.where(horizontal, side - 1 - steps, steps) + left[:, None]
    row, column = row * width[:, None], column + start[:, None]
    upright = row[:, :, None] + column[:, None, :]
    turned = row[:, None, :] + column[:, :, None]
    index = torch.where(transposed[:, :, None], turned, upright)  # (B, side, side)
    return pixels[index].permute(0, 3, 1, 2).float().div_(255)


def decode_rgb(file: Path) -> Tensor:
    """Decode a picture file: (H, W, 3) uint8."""
    with Image.open(file) as image:
        return torch.from_numpy(np.array(image.convert("RGB")))


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """Return the picture files of folders, sorted in each.

    Raises:
        FileNotFoundError: a folder is missing or holds no picture.
    """
    files: list[Path] = []
    for folder in folders:
        found = sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES)
        if not found:
            text = "No training pictures in {folder}. Set CAESR_DATA to the folder that holds them."
            raise FileNotFoundError(Message(text, folder=folder))
        files += found
    return files


def hold_out(files: Sequence[Path], every: int = 50) -> tuple[list[Path], list[Path]]:
    """Split files for training and for validation, so that all tiles of a photograph are on one side.

    Tiles are named PHOTOGRAPH_TOP_LEFT; every `every`-th photograph is held out.
    """
    photographs = sorted({file.stem.split("_")[0] for file in files})
    held = set(photographs[every - 1 :: every])
    train = [file for file in files if file.stem.split("_")[0] not in held]
    return train, [file for file in files if file.stem.split("_")[0] in held]
