"""Upscaler: picture in, larger picture out. Page, API, command line and evaluation all come through here."""

import itertools
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.enlargement import Enlargement, Fetch
from caesr.layers import bleed, check_picture, from_layers, pil_array, to_layers
from caesr.model import CAEResNet
from caesr.tiles import Range, Window, cuts, halved, scaled

SMALLEST_TILE = 32
LARGEST_SCALE = 8.0

log = logging.getLogger("caesr.upscale")

Picture = TypeVar("Picture", np.ndarray, Image.Image)


@dataclass(frozen=True)
class Progress:
    """How far an enlargement has come."""

    done: int  # tiles
    total: int
    seconds_left: float
    tile: int  # side in low-res pixels
    strip: np.ndarray | None = None  # of `Upscaler.strips`: the rows of the result that this tile completes
    result: np.ndarray | None = None


class Upscaler:
    """Enlarges pictures with a checkpoint, or with a family of them: one a native scale.

    Args:
        model: a network, or several of different `scale`, all with three channels in and out.
        device: "auto" (CUDA, else MPS, else CPU) or a torch device.
        tile: side of a tile in low-res pixels, or "auto" (`choose_tile`).
        ensemble: average what the network makes of the picture's eight symmetries: eight times the work
            (Timofte et al., CVPR 2016, section 3.7).
        true_to_input: correct the result until it gives the input when it is reduced again.
    Raises:
        ValueError: a model that does not take and give RGB, a device that is not there, a tile below 32.
    """

    def __init__(
        self,
        model: CAEResNet | Sequence[CAEResNet],
        device: str | torch.device = "auto",
        tile: int | str = "auto",
        ensemble: bool = False,
        true_to_input: bool = False,
    ):
        models = [model] if isinstance(model, CAEResNet) else list(model)
        if not models or any((m.config.in_channels, m.config.out_channels) != (3, 3) for m in models):
            raise ValueError("An Upscaler needs networks with three channels in and three out.")
        if tile != "auto" and (not isinstance(tile, int) or tile < SMALLEST_TILE):
            raise ValueError(f"tile={tile!r}: give 'auto' or a whole number from {SMALLEST_TILE} up.")
        self.device = choose_device(device)
        self.tile, self.symmetries, self.true_to_input = tile, 8 if ensemble else 1, true_to_input
        self.models: dict[int, CAEResNet] = {}
        for m in sorted(models, key=lambda m: m.config.scale):
            m = m.eval().to(self.device)
            self.models[m.config.scale] = m.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it

    def __call__(self, image: Picture, scale: float = 4.0) -> Picture:
        """Enlarge an image.

        Args:
            image: (H, W) or (H, W, C) array, uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB,
                4 RGB and alpha. Or a PIL image.
            scale: 1.0 to 8.0, any number.
        Returns:
            The same kind: (round(H·scale), round(W·scale), C), same dtype; or a PIL image.
        Raises:
            ValueError: the image or the scale is not as above.
        """
        if isinstance(image, Image.Image):
            return Image.fromarray(self(pil_array(image), scale))
        *_, last = self.stream(image, scale)
        assert last.result is not None
        return last.result

    def stream(self, image: np.ndarray, scale: float = 4.0) -> Iterator[Progress]:
        """`__call__` as a generator: yields after every tile, at last with the result.

        Closing the generator cancels: nothing runs on, nothing is kept.
        """
        check_picture(image)
        self.route(scale)  # before memory is asked for
        size = round(image.shape[0] * scale), round(image.shape[1] * scale)
        check_memory(size, image[0, 0].nbytes)
        result, done = np.empty((*size, *image.shape[2:]), image.dtype), 0
        for progress in self.strips(image, scale):
            if progress.strip is not None:
                result[done : done + len(progress.strip)] = progress.strip
                done += len(progress.strip)
            yield replace(progress, strip=None)
        yield replace(progress, strip=None, result=result)

    def strips(self, image: np.ndarray, scale: float = 4.0) -> Iterator[Progress]:
        """As `stream`, but the result comes in strips from the top down, and nobody holds the whole of it.

        Args:
            image: an array as `__call__` takes it.
            scale: likewise.
        """
        route = self.route(scale)
        colour, alpha = self._layers(image, route, scale)
        windows = self.windows(image.shape[0], image.shape[1], scale)
        clock = _Clock(sum(map(len, windows)) * (2 if isinstance(alpha, Enlargement) else 1), self.tile_side(route))
        for row in windows:
            rows = row[0][0]
            strip = np.empty((rows[1] - rows[0], round(image.shape[1] * scale), *image.shape[2:]), image.dtype)
            for _, columns in row:
                y, grey = self._window(colour, rows, columns, clock), None
                if isinstance(alpha, Enlargement):
                    yield clock.tick()
                    grey = self._window(alpha, rows, columns, clock).mean(dim=0, keepdim=True)
                elif alpha is not None:
                    grey = torch.full_like(y[:1], alpha)
                strip[:, slice(*columns)] = from_layers(y, grey, like=image)
                yield clock.tick(strip if columns is row[-1][1] else None)

    def _layers(
        self, image: np.ndarray, route: Sequence[CAEResNet], scale: float
    ) -> tuple[Enlargement, Enlargement | float | None]:
        """The enlargements of colour and of alpha; of alpha its only value, or None where there is none."""

        def enlargement(fetch: Fetch) -> Enlargement:
            size = image.shape[0], image.shape[1]
            return Enlargement(fetch, size, route, scale, self._run, self.symmetries, self.true_to_input)

        def window(layer: int, rows: Range, columns: Range) -> Tensor:
            found = to_layers(image[slice(*rows), slice(*columns)])[layer]
            assert found is not None
            return found.expand(3, -1, -1).to(self.device)

        check_picture(image)
        if image.ndim == 2 or image.shape[2] in (1, 3):
            return enlargement(partial(window, 0)), None
        stored = image[:, :, -1]
        if (stored == stored[0, 0]).all():
            return enlargement(partial(window, 0)), float(stored[0, 0]) / float(np.iinfo(image.dtype).max)
        if stored.all():
            return enlargement(partial(window, 0)), enlargement(partial(window, 1))
        filled = bleed(*to_layers(image))  # type: ignore[arg-type]  # there is an alpha
        return (
            enlargement(lambda rows, columns: filled[:, slice(*rows), slice(*columns)].to(self.device)),
            enlargement(partial(window, 1)),
        )

    def route(self, scale: float) -> list[CAEResNet]:
        """The model of each pass: one if its native scale reaches `scale`, else two that do together.

        Raises:
            ValueError: the scale is out of bounds, or beyond what two passes of these models reach.
        """
        return [self.models[native] for native in passes(self.models, scale)]

    def windows(self, height: int, width: int, scale: float) -> list[list[Window]]:
        """The tiles of a picture of this size as windows of the result: rows of them, from the top down."""
        route = self.route(scale)
        side, stride = self.tile_side(route), route[0].stride
        rows, columns = (
            [scaled(cut, scale, length, round(length * scale)) for cut in cuts(length, side, stride)]
            for length in (height, width)
        )
        return [[(row, column) for column in columns if column[0] < column[1]] for row in rows if row[0] < row[1]]

    def count_tiles(self, height: int, width: int, scale: float) -> int:
        """How many tiles a picture of this size takes at this scale."""
        return sum(map(len, self.windows(height, width, scale)))

    def memory(self, height: int, width: int, scale: float, pixel: int) -> float:
        """About how many bytes `strips` takes for a picture of this size: the picture, its strips, a tile's features.

        Args:
            pixel: bytes of one of its pixels.
        """
        route = self.route(scale)
        side = self.tile_side(route)
        strip = 3 * min(side, height) * width * scale**2 * pixel  # made, waiting, being written
        halo = 2 * route[0].halo
        features = max(
            working_set(model) * math.prod(min(side * before + halo, length * before) for length in (height, width))
            for model, before in zip(route, (1, route[0].config.scale), strict=False)
        )
        return height * width * pixel + strip + features

    def tile_side(self, route: Sequence[CAEResNet]) -> int:
        """The side of a tile in pixels of the picture, such that no pass of the route sees more than a tile."""
        sides, before = [], 1
        for model in route:
            side = choose_tile(model, self.device) if self.tile == "auto" else int(self.tile)
            sides.append(max(SMALLEST_TILE, side // before))
            before *= model.config.scale
        return min(sides)

    def _window(self, enlargement: Enlargement, rows: Range, columns: Range, clock: "_Clock") -> Tensor:
        """A window of a result, on the CPU; in halves where memory runs out, and so from then on."""
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        if max(height, width) <= clock.largest:
            try:
                return enlargement.window(rows, columns).cpu()
            except RuntimeError as error:
                if not out_of_memory(error) or max(height, width) <= SMALLEST_TILE:
                    raise
                clock.largest = max(height, width) // 2
                clock.tile = round(clock.largest / enlargement.scale)
                log.warning("Memory ran out: tiles are halved to %d pixels of the result.", clock.largest)
        if height >= width:
            halves = [self._window(enlargement, half, columns, clock) for half in halved(rows)]
        else:
            halves = [self._window(enlargement, rows, half, clock) for half in halved(columns)]
        return torch.cat(halves, dim=1 if height >= width else 2)

    @torch.inference_mode()
    def _run(self, model: CAEResNet, x: Tensor) -> Tensor:
        """A window (3, h, w) through a network -> (3, sh, sw) in [0, 1], on its device."""
        return model(x[None].contiguous(memory_format=torch.channels_last))[0].clamp(0, 1)


def passes(natives: Iterable[int], scale: float) -> tuple[int, ...]:
    """The native scale of each pass: the next one that reaches `scale`, else the two that do with the least excess.

    Raises:
        ValueError: as `Upscaler.route`.
    """
    check_scale(scale)
    natives = sorted(natives)
    ways: list[tuple[int, ...]] = [(native,) for native in natives]
    ways += list(itertools.combinations_with_replacement(natives, 2))
    ways = [way for way in ways if math.prod(way) >= scale]
    if not ways:
        raise ValueError(f"scale={scale}: two passes of this model reach {natives[-1] ** 2} at most.")
    return min(ways, key=lambda way: (len(way), math.prod(way)))


def check_scale(scale: float) -> None:
    """Whether there can be such a scale.

    Raises:
        ValueError: it is out of bounds.
    """
    if not 1 <= scale <= LARGEST_SCALE:  # NaN fails too
        raise ValueError(f"scale={scale}: choose from 1 to {LARGEST_SCALE:g}.")


class _Clock:
    """Counts tiles, guesses how long the rest will take, and remembers how large a window memory allows."""

    def __init__(self, total: int, tile: int):
        self.done, self.total, self.tile, self.began = 0, total, tile, time.monotonic()
        self.largest = math.inf

    def tick(self, strip: np.ndarray | None = None) -> Progress:
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        return Progress(self.done, self.total, left, self.tile, strip)


def check_memory(size: Range, pixel: int) -> None:
    """Refuse a result that this machine cannot hold, before it is begun.

    Args:
        size: its height and width.
        pixel: bytes of one of its pixels.
    Raises:
        ValueError: it takes more than the free memory.
    """
    need, free = math.prod(size) * pixel, free_memory()
    if need > free:
        raise ValueError(
            f"The result of {size[1]} x {size[0]} pixels takes {need / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB "
            "are free. Choose a smaller scale or a smaller picture."
        )


def free_memory() -> float:
    """Bytes of memory that a program may still take; where the system does not say, half of what it has."""
    info = Path("/proc/meminfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines())
        return 1024 * float(fields["MemAvailable"].split()[0])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto": CUDA where there is one, else MPS, else the CPU.

    Raises:
        ValueError: there is no such device here.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    if torch.cuda.is_available():
        here.insert(0, "cuda")
    if name == "auto":
        return torch.device(here[0])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r} is not known. Here there is: {', '.join(here)}.") from error
    if device.type not in here:
        raise ValueError(f"device={str(name)!r} is not available. Here there is: {', '.join(here)}.")
    return device


def choose_tile(model: CAEResNet, device: torch.device) -> int:
    """A side in low-res pixels, 128 to 1024, by free memory: half of a GPU's; a quarter of a host's, 1 GiB at most."""
    budget = torch.cuda.mem_get_info(device)[0] / 2 if device.type == "cuda" else min(free_memory() / 4, 2**30)
    return int(min(1024, max(128, math.sqrt(budget / working_set(model)) // 64 * 64)))


def working_set(model: CAEResNet) -> float:
    """Bytes that a network takes for each pixel of its input: the float32 values that are alive at once."""
    config = model.config
    pixel = config.scale**2 if config.upsampling == "pre" else 1
    return 4 * (6 * config.widths[0] * pixel + 4 * 3 * config.scale**2)


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
