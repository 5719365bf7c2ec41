"""Upscaler: picture in, larger picture out. Page, API, command line and evaluation all come through here."""

import itertools
import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.checkpoint import CheckpointError
from caesr.enlargement import Enlargement, Fetch, NotFinite, bytes_of_features
from caesr.layers import bleed, check_picture, from_layers, pil_array, to_layers
from caesr.lines import prepared
from caesr.machine import choose_device, choose_precision, free_memory, out_of_memory
from caesr.model import CAEResNet
from caesr.tiles import Range, Window, cuts, halved, scaled

SMALLEST_TILE = 32
WIDEST = 8192  # pixels that go through a network side by side, where the tile is chosen by itself
CACHE = 5e6  # bytes of a strip's features, which shall stay in a CPU's cache
LARGEST_SCALE = 8.0
MOMENT = 1e7  # bytes of a layer's features, of a tile on a CPU

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
        precision: "float32", "bfloat16", or "auto": the latter where the device multiplies it faster.
    Raises:
        ValueError: a model that does not take and give RGB, a device that is not there, a tile below 32, an
            unknown precision.
    """

    def __init__(
        self,
        model: CAEResNet | Sequence[CAEResNet],
        device: str | torch.device = "auto",
        tile: int | str = "auto",
        ensemble: bool = False,
        true_to_input: bool = False,
        precision: str = "auto",
    ):
        models = [model] if isinstance(model, CAEResNet) else list(model)
        if not models or any((m.config.in_channels, m.config.out_channels) != (3, 3) for m in models):
            raise ValueError("An Upscaler needs networks with three channels in and three out.")
        if tile != "auto" and (not isinstance(tile, int) or tile < SMALLEST_TILE):
            raise ValueError(f"tile={tile!r}: give 'auto' or a whole number from {SMALLEST_TILE} up.")
        self.device = choose_device(device)
        self.tile, self.symmetries, self.true_to_input = tile, 8 if ensemble else 1, true_to_input
        self.asked, self.precision = precision, choose_precision(precision, self.device)
        self.models: dict[int, CAEResNet] = {}
        self.fast: dict[int, CAEResNet] = {}  # the same, computing in that precision
        for m in sorted(models, key=lambda m: m.config.scale):
            m = m.eval().to(self.device)
            m = m.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
            self.models[m.config.scale], self.fast[m.config.scale] = m, prepared(m, self.precision)

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
        height = max(seen[1] - seen[0] for ((seen, _), *_) in windows)
        layers = 2 if isinstance(alpha, Enlargement) else 1
        clock = _Clock(sum(map(len, windows)) * layers, round(height / scale))
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
            networks = [self.fast[model.config.scale] for model in route]
            return Enlargement(fetch, size, networks, scale, self.symmetries, self.true_to_input, cache(self.device))

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
        rows, columns = (
            [scaled(cut, scale, length, round(length * scale)) for cut in cuts(length, side, route[0].stride)]
            for length, side in zip((height, width), self.tile_sides(route, width), strict=True)
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
        rows, columns = self.tile_sides(route, width)
        rows, columns = min(rows, height), min(columns, width)
        strip = 3 * rows * width * scale**2 * pixel  # made, waiting, being written
        tile = 4 * rows * columns * scale**2 * 3 * 4  # floats: the strips, put together, as layers, as bytes
        features, before = 0.0, 1
        for model in (self.fast[model.config.scale] for model in route):
            row = (min(columns, width) + 2 * model.halo) * before * bytes_of_features(model)
            layers = 2 * sum(model.config.encoder_blocks + model.config.decoder_blocks)
            kept = 2 * layers * row  # two rows before every convolution
            features += kept * math.ceil(width / columns)
            features += 6 * min(cache(self.device), rows * before * row)
            before *= model.config.scale
        return height * width * pixel + strip + tile + features

    def tile_sides(self, route: Sequence[CAEResNet], width: int) -> Range:
        """Height and width of a tile in pixels of the picture, such that no pass of the route sees more than a tile.

        Args:
            width: of the picture.
        """
        sides, before = [], 1
        for model in route:
            own = self.fast[model.config.scale]
            side = choose_tile(own, self.device) if self.tile == "auto" else int(self.tile)
            sides.append(max(SMALLEST_TILE, side // before))
            before *= model.config.scale
        side = min(sides)
        if self.tile != "auto" or self.symmetries > 1:  # a turned picture goes across the tiles
            return side, side
        columns = min(width, max(side, WIDEST // (before // route[-1].config.scale)))
        return max(route[0].stride, side**2 // columns), columns  # nothing is computed twice between rows of tiles

    @torch.inference_mode()
    def _window(self, enlargement: Enlargement, rows: Range, columns: Range, clock: "_Clock") -> Tensor:
        """A window of a result; in halves where memory runs out, and so from then on."""
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        if max(height, width) <= clock.largest:
            try:
                return enlargement.window(rows, columns)
            except NotFinite:
                self._exactly(enlargement)
                return self._window(enlargement, rows, columns, clock)
            except RuntimeError as error:
                if not out_of_memory(error) or max(height, width) <= SMALLEST_TILE:
                    raise
                clock.largest = max(height, width) // 2
                clock.tile = round(clock.largest / enlargement.scale)
                enlargement.plan(enlargement.route, enlargement.cache / 2)
                log.warning("Memory ran out: tiles are halved to %d pixels of the result.", clock.largest)
        if height >= width:
            halves = [self._window(enlargement, half, columns, clock) for half in halved(rows)]
        else:
            halves = [self._window(enlargement, rows, half, clock) for half in halved(columns)]
        return torch.cat(halves, dim=1 if height >= width else 2)

    def _exactly(self, enlargement: Enlargement) -> None:
        """From now on compute in float32.

        Raises:
            CheckpointError: so it was done already.
        """
        exact = [self.models[model.config.scale] for model in enlargement.route]
        if all(one is other for one, other in zip(exact, enlargement.route, strict=True)):
            raise CheckpointError(
                "The network makes no numbers of this picture: its weights are broken. Fetch it anew."
            )
        log.warning("%s does not hold what the network makes of this picture: it goes on in float32.", self.precision)
        enlargement.plan(exact, enlargement.cache)


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


def cache(device: torch.device) -> float:
    """Bytes that a strip's features may take: on a GPU a tile goes through the network at once."""
    return CACHE if device.type == "cpu" else math.inf


def choose_tile(model: CAEResNet, device: torch.device) -> int:
    """A side in low-res pixels, 128 to 1024.

    On a GPU as large as half of the free memory allows, on a CPU a quarter, and there it shall take a moment only:
    progress shows, and a run stops when told.
    """
    pixel = 6 * bytes_of_features(model) + 4 * 4 * 3 * model.config.scale**2  # and the result in floats, some times
    if device.type == "cuda":
        area = torch.cuda.mem_get_info(device)[0] / 2 / pixel
    else:
        area = min(free_memory() / 4 / pixel, MOMENT / bytes_of_features(model))  # which grow with the work
    return int(min(1024, max(128, math.sqrt(area) // 64 * 64)))
