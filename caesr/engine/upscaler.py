"""Upscaler: picture in, larger picture out. Page, API, command line and evaluation all come through here."""

import logging
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.engine.device import choose_device, choose_precision, out_of_memory
from caesr.engine.pipeline import Fetch, Pipeline, bytes_of_features
from caesr.engine.plan import SMALLEST_TILE, WIDEST, cache, check_memory, choose_tile, passes
from caesr.engine.progress import Clock, Progress
from caesr.engine.row_engine import prepared
from caesr.engine.tiles import Range, Window, cuts, halved, scaled
from caesr.files.lazy import LazyPixels
from caesr.imaging.arrays import check_array, fill_transparent, from_pil, to_array, to_tensors
from caesr.model.caeresnet import CAEResNet
from zoo.checkpoint_files import CheckpointError

log = logging.getLogger("caesr.engine.upscaler")

Picture = TypeVar("Picture", np.ndarray, Image.Image)


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
        self.ahead = 1 if self.device.type == "cuda" else 0  # tiles that the device has begun before one is fetched
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
            return Image.fromarray(self(from_pil(image), scale))
        *_, last = self.stream(image, scale)
        assert last.result is not None
        return last.result

    def stream(self, image: np.ndarray, scale: float = 4.0) -> Iterator[Progress]:
        """`__call__` as a generator: yields after every tile, at last with the result.

        Closing the generator cancels: nothing runs on, nothing is kept.
        """
        check_array(image)
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

    def strips(self, image: np.ndarray | LazyPixels, scale: float = 4.0) -> Iterator[Progress]:
        """As `stream`, but the result comes in strips from the top down, and nobody holds the whole of it.

        On a GPU the next tile is computed while one is fetched and written, and what comes after is decoded.

        Args:
            image: an array as `__call__` takes it, or a file that is decoded while it is enlarged.
            scale: likewise.
        Raises:
            ValueError: as `__call__`; also if memory does not hold a strip.
        """
        check_array(image)
        width, channels = image.shape[1], (*image.shape, 1)[2]
        if isinstance(image, LazyPixels) and (self.symmetries > 1 or channels in (2, 4)):
            image = image[:, :]  # it is looked at all over: turned, or for what is transparent
        windows, larger = self.windows(image.shape[0], width, scale), round(width * scale)
        height = max(rows[1] - rows[0] for ((rows, _), *_) in windows)
        check_memory((height, larger), 3 * image.dtype.itemsize * channels)
        layers, alpha = self._layers(image, scale)
        clock = Clock(sum(map(len, windows)) * len(layers), round(height / scale))

        def tiles() -> Iterator[_Tile]:
            begun: deque[_Tile] = deque()
            for row, behind in zip(windows, [*[windows[0]] * self.ahead, *windows], strict=False):
                if isinstance(image, LazyPixels):
                    image.forget(min(layer.enlargement.oldest(behind[0][0][0]) for layer in layers))
                for window in row:
                    for layer in layers:
                        begun.append(self._begin(layer, window, clock))
                        while len(begun) > self.ahead:
                            yield self._end(begun.popleft(), clock)
            while begun:
                yield self._end(begun.popleft(), clock)

        coming = tiles()
        for row in windows:
            (first, last), _ = row[0]
            strip = np.empty((last - first, larger, channels), image.dtype)
            if alpha is not None:
                strip[:, :, -1] = alpha
            for left in reversed(range(len(row) * len(layers))):
                tile = next(coming)
                strip[:, slice(*tile.window[1]), tile.layer.channels] = tile.pixels
                ready = strip if image.ndim == 3 else strip[:, :, 0]
                yield clock.tick(None if left else ready)

    def _layers(self, image: np.ndarray | LazyPixels, scale: float) -> tuple[list["_Layer"], int | None]:
        """What is enlarged: the colours, and alpha unless it has one value, which is the second that is returned."""
        route = [self.fast[model.config.scale] for model in self.route(scale)]
        colours = slice(0, 1 if (*image.shape, 1)[2] < 3 else 3)

        def layer(fetch: Fetch, channels: slice) -> _Layer:
            size = image.shape[0], image.shape[1]
            way = Pipeline(fetch, size, route, scale, self.symmetries, self.true_to_input, cache(self.device))
            return _Layer(way, channels, np.empty((1, 1, channels.stop or 1), image.dtype))

        def colour(rows: Range, columns: Range) -> Tensor:
            return to_tensors(image[slice(*rows), slice(*columns)], self.device)[0]

        if image.ndim == 2 or image.shape[2] in (1, 3):
            return [layer(colour, colours)], None
        assert isinstance(image, np.ndarray)
        stored = image[:, :, -1]
        if (stored == stored[0, 0]).all():
            return [layer(colour, colours)], int(stored[0, 0])

        def alpha(rows: Range, columns: Range) -> Tensor:
            return to_tensors(stored[slice(*rows), slice(*columns)], self.device)[0]

        if not stored.all():
            image = fill_transparent(image)  # which `colour` sees from now on
        return [layer(colour, colours), layer(alpha, slice(-1, None))], None

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
    def _begin(self, layer: "_Layer", window: Window, clock: Clock) -> "_Tile":
        """Have a tile of a layer computed; on a GPU it is under way when this returns."""
        way = layer.enlargement
        way.sums.clear()
        y = self._window(way, *window, clock)
        pixels, sums = to_array(y, None, layer.like, wait=False), sum(way.sums, start=y.new_zeros(()))
        if self.device.type != "cuda":
            return _Tile(layer, window, way.route, pixels, sums)
        total = torch.empty_like(sums, device="cpu", pin_memory=True).copy_(sums, non_blocking=True)
        there = torch.cuda.Event()
        there.record(torch.cuda.current_stream(self.device))
        return _Tile(layer, window, way.route, pixels, total, there)

    def _end(self, tile: "_Tile", clock: Clock) -> "_Tile":
        """Wait for a tile, and see whether it is one of numbers; else it and those begun since are made in float32.

        Raises:
            CheckpointError: it was made in float32.
        """
        if tile.there is not None:
            tile.there.synchronize()
        if torch.isfinite(tile.sum) and tile.route is tile.layer.enlargement.route:
            return tile
        self._exactly(tile)
        return self._end(self._begin(tile.layer, tile.window, clock), clock)

    def _window(self, enlargement: Pipeline, rows: Range, columns: Range, clock: Clock) -> Tensor:
        """A window of a result; in halves where memory runs out, and so from then on."""
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        if max(height, width) <= clock.largest:
            try:
                return enlargement.window(rows, columns)
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

    def _exactly(self, tile: "_Tile") -> None:
        """From now on compute in float32, for a tile was made of no numbers.

        Raises:
            CheckpointError: it was made in float32.
        """
        way = tile.layer.enlargement
        if way.route is not tile.route:  # it is so already, on account of the tile before
            return
        exact = [self.models[model.config.scale] for model in tile.route]
        if all(one is other for one, other in zip(exact, tile.route, strict=True)):
            raise CheckpointError(
                "The network makes no numbers of this picture: its weights are broken. Fetch it anew."
            )
        log.warning("%s does not hold what the network makes: it goes on in float32.", self.precision)
        way.plan(exact, way.cache)


@dataclass(frozen=True)
class _Layer:
    """The colours of a picture, or its alpha."""

    enlargement: Pipeline
    channels: slice  # where they lie in the picture
    like: np.ndarray  # (1, 1, C) of the type that they have there


@dataclass(frozen=True)
class _Tile:
    """A window of a layer of the result, perhaps on its way from a GPU."""

    layer: _Layer
    window: Window
    route: Sequence[CAEResNet]  # which made it
    pixels: np.ndarray
    sum: Tensor  # of what the networks made; no number if any of it is none
    there: torch.cuda.Event | None = None  # when it has come
