"""Upscaler: picture in, larger picture out. Page, API, command line and evaluation all come through here."""

import itertools
import math
import os
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.invention import back_project
from caesr.layers import bleed, from_layers, pil_array, to_layers
from caesr.model import CAEResNet
from caesr.resize import resize
from caesr.tiles import plan, scaled

SMALLEST_TILE = 32
LARGEST_SCALE = 8.0

Picture = TypeVar("Picture", np.ndarray, Image.Image)


@dataclass(frozen=True)
class Progress:
    """How far an enlargement has come. The last one carries the result."""

    done: int  # tiles
    total: int
    seconds_left: float
    tile: int  # side in low-res pixels; falls when memory runs out
    result: np.ndarray | None = None


class Upscaler:
    """Enlarges pictures with a checkpoint, or with a family of them: one a native scale.

    Args:
        model: a network, or several of different `scale`, all with three channels in and out.
        device: "auto" (CUDA, else MPS, else CPU) or a torch device.
        tile: side of a tile in low-res pixels, or "auto" (`choose_tile`).
        ensemble: average what the network makes of the picture's eight symmetries: eight times the work, a little
            more fidelity (Timofte et al., CVPR 2016, section 3.7).
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
        route = self.route(scale)
        check_memory(image.shape, scale, route, copies=(self.symmetries > 1) + 2 * self.true_to_input)
        colour, alpha = to_layers(image)
        height, width = colour.shape[-2:]
        size = round(height * scale), round(width * scale)
        opaque = alpha is None or bool((alpha == alpha[:, :1, :1]).all())
        clock = _Clock(self.count_tiles(height, width, scale) * (1 if opaque else 2))
        if alpha is not None:
            colour = bleed(colour, alpha)
        colour = yield from self._enlarge(colour, route, size, scale, clock)
        if alpha is not None and opaque:
            alpha = alpha[:, :1, :1].expand(1, *size)
        elif alpha is not None:
            grey = yield from self._enlarge(alpha.expand(3, -1, -1), route, size, scale, clock)
            alpha = grey.mean(dim=0, keepdim=True)
        result = from_layers(colour, alpha, like=image)
        yield Progress(clock.total, clock.total, 0.0, clock.tile, result)

    def route(self, scale: float) -> list[CAEResNet]:
        """The model of each pass: one if its native scale reaches `scale`, else two that do together.

        Raises:
            ValueError: the scale is out of bounds, or beyond what two passes of these models reach.
        """
        if not 1 <= scale <= LARGEST_SCALE:  # NaN fails too
            raise ValueError(f"scale={scale}: choose from 1 to {LARGEST_SCALE:g}.")
        natives = sorted(self.models)
        ways: list[tuple[int, ...]] = [(native,) for native in natives]
        ways += list(itertools.combinations_with_replacement(natives, 2))
        ways = [way for way in ways if math.prod(way) >= scale]
        if not ways:
            raise ValueError(f"scale={scale}: two passes of this model reach {natives[-1] ** 2} at most.")
        best = min(ways, key=lambda way: (len(way), math.prod(way)))
        return [self.models[native] for native in best]

    def count_tiles(self, height: int, width: int, scale: float) -> int:
        """How many tiles a picture of this size takes at this scale, all passes together."""
        count = 0
        for model in self.route(scale):
            side = self.tile_side(model)
            for turn in range(self.symmetries):
                sides = (height, width) if turn % 2 == 0 else (width, height)
                count += len(plan(*sides, side, model.halo, model.stride))
            height, width = height * model.config.scale, width * model.config.scale
        return count

    def tile_side(self, model: CAEResNet) -> int:
        """The side of a tile for this model, in low-res pixels."""
        return choose_tile(model, self.device) if self.tile == "auto" else int(self.tile)

    def _enlarge(
        self, layer: Tensor, route: list[CAEResNet], size: tuple[int, int], scale: float, clock: "_Clock"
    ) -> Generator[Progress, None, Tensor]:
        """A layer (3, H, W) in [0, 1] through every pass, then reduced to (3, *size)."""
        source = layer
        for model in route:
            layer = yield from self._symmetries(model, layer, clock)
        native = math.prod(model.config.scale for model in route)
        if native != scale:
            layer = resize(layer, scale / native, size).clamp_(0, 1)
        return back_project(layer, source) if self.true_to_input else layer

    def _symmetries(self, model: CAEResNet, layer: Tensor, clock: "_Clock") -> Generator[Progress, None, Tensor]:
        """A layer (3, H, W) through one model -> (3, sH, sW), the mean over so many of its symmetries.

        The picture is turned, not its tiles, so that tiled equals whole here, too.
        """
        total = yield from self._pass(model, layer, clock)
        for turn in range(1, self.symmetries):
            turned = torch.rot90(layer.flip(-1) if turn >= 4 else layer, turn % 4, (-2, -1))
            result = yield from self._pass(model, turned, clock)
            result = torch.rot90(result, -(turn % 4), (-2, -1))
            total.add_(result.flip(-1) if turn >= 4 else result)
        return total.div_(self.symmetries)

    def _pass(self, model: CAEResNet, layer: Tensor, clock: "_Clock") -> Generator[Progress, None, Tensor]:
        """A layer (3, H, W) through one model, tile by tile -> (3, sH, sW) in [0, 1], on the CPU."""
        s, (height, width) = model.config.scale, layer.shape[-2:]
        output = torch.empty(3, height * s, width * s)
        side = self.tile_side(model)
        todo = plan(height, width, side, model.halo, model.stride)
        while todo:
            rows, columns = todo[0].rows, todo[0].columns
            try:
                y = self._run(model, layer[:, rows.seen, columns.seen])
            except RuntimeError as error:
                if not out_of_memory(error) or side <= SMALLEST_TILE:
                    raise
                side = max(SMALLEST_TILE, side // 2)  # and this pass begins again: no seam, no gap
                smaller = plan(height, width, side, model.halo, model.stride)
                clock.total += len(smaller) - len(todo)
                todo = smaller
                continue
            kept = y[:, scaled(rows.kept, s), scaled(columns.kept, s)]
            output[:, scaled(rows.made, s), scaled(columns.made, s)] = kept
            todo.pop(0)
            yield clock.tick(side)
        return output

    @torch.inference_mode()
    def _run(self, model: CAEResNet, x: Tensor) -> Tensor:
        """One tile (3, h, w) through the network, on its device -> (3, sh, sw) in [0, 1], on the CPU."""
        batch = x[None].to(self.device).contiguous(memory_format=torch.channels_last)
        return model(batch)[0].clamp(0, 1).cpu()


class _Clock:
    """Counts tiles and guesses how long the rest will take."""

    def __init__(self, total: int):
        self.done, self.total, self.tile, self.began = 0, total, 0, time.monotonic()

    def tick(self, tile: int) -> Progress:
        self.done, self.tile = self.done + 1, tile
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        return Progress(self.done, self.total, left, tile)


def check_memory(shape: tuple[int, ...], scale: float, route: list[CAEResNet], copies: int = 0) -> None:
    """Refuse what this machine cannot hold, before it is tried.

    Args:
        copies: of the result, that are needed besides.
    Raises:
        ValueError: the passes' pictures of floats need more than the free memory.
    """
    pixels = math.prod(shape[:2])
    native = math.prod(model.config.scale for model in route)
    need = 12 * pixels * (native**2 + (0 if native == scale else native * scale + scale**2)) + 8 * pixels * scale**2
    need += 12 * pixels * native**2 * copies
    free = free_memory()
    if need > free:
        size = f"{round(shape[1] * scale)} x {round(shape[0] * scale)}"
        raise ValueError(
            f"The result of {size} pixels takes about {need / 1e9:.1f} GB of memory on the way and {free / 1e9:.1f} GB "
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
    """A side in low-res pixels: on CUDA what fits half of the free memory, from 128 to 1024; elsewhere 512."""
    if device.type != "cuda":
        return 512
    free, _ = torch.cuda.mem_get_info(device)
    config = model.config
    pixel = config.scale**2 if config.upsampling == "pre" else 1
    widest = 6 * config.widths[0] * pixel + 4 * 3 * config.scale**2  # float32 values alive at once
    return int(min(1024, max(128, math.sqrt(free / 2 / (4 * widest)) // 64 * 64)))


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
