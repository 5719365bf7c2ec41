"""Upscaler: the one entry to upscale a picture of any size. Page, API, command line and evaluation all use it."""

from collections.abc import Callable, Generator, Sequence
from copy import deepcopy
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.engine.device import choose_device, choose_precision
from caesr.engine.pipeline import Pipeline
from caesr.engine.plan import Planner, check_memory
from caesr.engine.progress import Progress, ProgressTimer
from caesr.engine.row_engine import with_precision
from caesr.engine.tile_engine import QUANTUM, TileEngine
from caesr.engine.tile_runner import Plane, TileRunner, compute_rows
from caesr.engine.tiles import Range
from caesr.files.lazy import LazyPixels
from caesr.imaging.alpha import fill_transparent, known_alpha, restore_hidden
from caesr.imaging.arrays import check_array, cut_strips, is_grey, to_tensors
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import load_blend, load_family
from caesr.options import AUTO, MIN_TILE, UpscaleOptions
from zoo.messages import Message

Picture = TypeVar("Picture", np.ndarray, Image.Image)


class Upscaler:
    """An upscaler of pictures by a checkpoint, or by a family of them: one for each native scale.

    Args:
        model: a network, or a sequence of them with different `scale`, all with three channels in and out.
        device: "auto" (CUDA, else MPS, else CPU) or a torch device.
        tile: side of a tile in low-res pixels, or "auto" (`caesr.engine.plan.choose_tile`).
        ensemble: average over the picture's eight symmetries: eight times the work (Timofte et al., CVPR 2016,
            section 3.7).
        true_to_input: correct the result until it gives the input when it is reduced again.
        precision: "float32", "bfloat16", "float16", or "auto" (`choose_precision`).
        keep_hidden_colours: upscale the colours of fully transparent pixels as they are: textures carry data there. By
            default they are filled with those of the visible pixels around them.
    Raises:
        ValueError: a model that does not take and give RGB, a device that is not available, a tile below 32, an
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
        keep_hidden_colours: bool = False,
    ):
        models = [model] if isinstance(model, CAEResNet) else list(model)
        if not models or any((m.config.in_channels, m.config.out_channels) != (3, 3) for m in models):
            raise ValueError(Message("An Upscaler needs networks with three channels in and three out."))
        if tile != "auto" and (not isinstance(tile, int) or tile < MIN_TILE):
            words = {"tile": repr(tile), "least": MIN_TILE}
            raise ValueError(Message("tile={tile}: give 'auto' or a whole number from {least} up.", **words))
        self.device = choose_device(device)
        self.tile, self.symmetries, self.true_to_input = tile, 8 if ensemble else 1, true_to_input
        self.keep_hidden_colours = keep_hidden_colours
        self.requested_precision, self.precision = precision, choose_precision(precision, self.device)
        self.tile_engine = None if self.device.type == "cpu" else TileEngine(self.device)  # None: row by row
        self.tiles_ahead = 2 if self.device.type == "cuda" else 0  # one computed, one copied while one is written
        self.models: dict[int, CAEResNet] = {}  # by native scale
        self.inference_models: dict[int, CAEResNet] = {}  # the same in `precision`
        for m in sorted(models, key=lambda m: m.config.scale):
            m = move(m, self.device)
            self.models[m.config.scale], self.inference_models[m.config.scale] = m, with_precision(m, self.precision)
        self.planner = Planner(self.inference_models, self.device, self.precision, tile, is_turned=ensemble)

    @classmethod
    def from_options(
        cls, options: UpscaleOptions, models: Sequence[CAEResNet] | None = None, device: str | None = None
    ) -> "Upscaler":
        """Return the Upscaler that options describe.

        Args:
            models: the networks, if they are loaded already; by default those that the options name.
            device: instead of the options'.
        Raises:
            ZooError, CheckpointError: as `load_family`.
            ValueError: the device is not available; or the model is "auto", which is one only for a picture
                (`caesr.engine.auto_model`).
        """
        if models is None and options.model == AUTO:
            raise ValueError(Message("model=auto is chosen for a file: name a family, or upscale the file itself."))
        if models is None:
            models = load_family(options.model) if options.texture is None else load_blend(options.texture / 100)
        choices = options.tile, options.ensemble, options.true_to_input, options.precision, options.keep_hidden_colours
        return cls(models, device or options.device, *choices)

    def __call__(self, image: Picture, scale: float = 4.0) -> Picture:
        """Upscale an image.

        A picture whose red, green and blue are equal everywhere is upscaled as grey, and the result is such a one. At
        scale 1 alpha stays as it is, and so do the colours of fully transparent pixels.

        Args:
            image: (H, W) or (H, W, C) array, uint8 or uint16; C = 1 grey, 2 grey and alpha, 3 RGB,
                4 RGB and alpha. Or a PIL image, as `caesr.files.pil.from_pil` takes it.
            scale: 1.0 to 8.0, any number.
        Returns:
            The same kind: (round(H·scale), round(W·scale), C), same dtype; or a PIL image, upright, of mode L,
            LA, RGB, RGBA or I;16, with the metadata that `caesr.files.pil.to_pil` keeps.
        Raises:
            ValueError: the image or the scale is not as above, or memory does not hold the result.
        """
        if isinstance(image, Image.Image):
            from caesr.files.pil import from_pil, to_pil  # it needs libvips, and arrays do not

            return to_pil(self(from_pil(image), scale), image)
        if not isinstance(image, np.ndarray):
            message = "An image is a numpy array or a PIL image, and this is a {kind}. Open a file by PIL.Image.open."
            raise ValueError(Message(message, kind=type(image).__name__))
        check_array(image)
        self.route(scale)  # checks the scale before memory is asked for
        height, width = round(image.shape[0] * scale), round(image.shape[1] * scale)
        check_memory((height, width), image[0, 0].nbytes)
        result = np.empty((height, width, *image.shape[2:]), image.dtype)
        for _ in self._upscale(image, scale, lambda strip: None, np.atleast_3d(result)):
            pass
        return result

    def upscale_rows(
        self,
        image: np.ndarray | LazyPixels,
        scale: float,
        write: Callable[[np.ndarray], None],
        part: Range | None = None,
    ) -> Generator[Progress]:
        """Upscale an image without holding the whole result; yield after every tile.

        Closing the generator cancels. On a GPU the next tile is computed while one is transferred and written.

        Args:
            image: an array as `__call__` takes it, or a file that is decoded meanwhile.
            scale: as for `__call__`.
            write: receives the result in strips of rows from the top down, each an array of its own, before the
                progress of its last tile is yielded.
            part: of the image: only the result of these rows is made. They start at a multiple of the network's stride.
        Raises:
            ValueError: as `__call__`; also if memory does not hold a strip.
        """
        return self._upscale(image, scale, write, part=part)

    def _upscale(
        self,
        image: np.ndarray | LazyPixels,
        scale: float,
        write: Callable[[np.ndarray], None],
        result: np.ndarray | None = None,
        part: Range | None = None,
    ) -> Generator[Progress]:
        """Upscale an image as `upscale_rows` does.

        Args:
            result: (H', W', C), of which the strips are parts then.
        """
        check_array(image)
        channels, is_flat = (*image.shape, 1)[2], image.ndim == 2
        if not isinstance(image, LazyPixels):
            image = image.astype(image.dtype.newbyteorder("="), copy=False).reshape(*image.shape[:2], channels)
        elif self.symmetries > 1 or channels in (2, 4):
            image = image[:, :]  # all of it is needed at once: turned, or to look for transparent pixels
        height, width = image.shape[:2]
        windows = self.planner.windows(height, width, scale, part)
        out_size = round(height * scale), round(width * scale)
        strip_height = max(rows[1] - rows[0] for ((rows, _), *_) in windows)
        check_memory((strip_height, out_size[1]), 3 * image.dtype.itemsize * channels)
        with_alpha = image if isinstance(image, np.ndarray) and channels in (2, 4) else None
        alpha = None if with_alpha is None else known_alpha(with_alpha, out_size)
        planes = self._planes(image, scale, alpha is not None)
        spare_rows = 2 * QUANTUM if self.tile_engine else 0  # that a static tile reads above those it needs
        timer = ProgressTimer(sum(map(len, windows)) * len(planes))
        launch = self.tile_engine.launch if self.tile_engine else compute_rows
        runner = TileRunner(launch, self.models, self.tiles_ahead)
        tiles = runner.run(planes, [window for row in windows for window in row])
        for row in windows:
            start, stop = row[0][0]
            if isinstance(image, LazyPixels):  # which has one plane
                image.discard_before(planes[0].pipeline.first_row_needed(start) - spare_rows)
            strip_shape = stop - start, out_size[1], channels
            strip = np.empty(strip_shape, image.dtype) if result is None else result[start:stop]
            if alpha is not None:
                strip[:, :, -1:] = alpha[start:stop]
            for left in reversed(range(len(row) * len(planes))):
                tile = next(tiles)
                copy_tile(strip[:, slice(*tile.window[1]), tile.plane.channels], tile.pixels)
                if left == 0:
                    if with_alpha is not None and out_size == (height, width):
                        restore_hidden(strip, with_alpha[start:stop])
                    write(strip[:, :, 0] if is_flat else strip)
                yield timer.tick()

    def _planes(self, image: np.ndarray | LazyPixels, scale: float, alpha_is_known: bool) -> list[Plane]:
        """Return the planes to upscale: the colours of a picture (H, W, C), and its alpha unless that is known."""
        channels = image.shape[2]
        if isinstance(image, LazyPixels) or channels in (1, 3):
            return [self._plane(image, _grey_step(image), slice(0, channels), scale)]
        is_hidden = image[:, :, -1] == 0
        is_filled = not self.keep_hidden_colours and bool(is_hidden.any() and not is_hidden.all())
        colours = image if is_filled else image[:, :, :-1]
        step = _grey_step(colours)
        if is_filled:
            colours = fill_transparent(colours[:, :, ::step])
        planes = [self._plane(colours, step, slice(0, channels - 1), scale)]
        if not alpha_is_known:
            planes.append(self._plane(image[:, :, -1:], 1, slice(-1, None), scale, overshoots=False))
        return planes

    def _plane(
        self, pixels: np.ndarray | LazyPixels, step: int, channels: slice, scale: float, overshoots: bool = True
    ) -> Plane:
        """Return a plane of every `step`th channel of pixels (H, W, C), which become `channels` of the result."""

        def read(rows: Range, columns: Range) -> np.ndarray:
            return pixels[slice(*rows), slice(*columns)][:, :, ::step]

        def fetch(rows: Range, columns: Range) -> Tensor:
            return to_tensors(read(rows, columns), self.device)[0]

        size, cache, by_rows = (pixels.shape[0], pixels.shape[1]), self.planner.cache_bytes, self.tile_engine is None
        choices = self.symmetries, self.true_to_input, cache, overshoots, by_rows
        pipeline = Pipeline(fetch, size, self.route(scale), scale, *choices)
        return Plane(pipeline, channels, read, template=np.empty((1, 1, -(-pixels.shape[2] // step)), pixels.dtype))

    def route(self, scale: float) -> list[CAEResNet]:
        """Return the network of each pass, as `Planner.route` does."""
        return self.planner.route(scale)

    def count_tiles(self, height: int, width: int, scale: float) -> int:
        """Return how many tiles a picture of this size takes at this scale."""
        return self.planner.count_tiles(height, width, scale)


def move(model: CAEResNet, device: torch.device) -> CAEResNet:
    """Return a network on a device, in eval mode; the caller's own stays where and as it is."""
    if model.training or next(model.parameters()).device.type != device.type:
        model = deepcopy(model).eval().to(device)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it


def copy_tile(place: np.ndarray, pixels: np.ndarray) -> None:
    """Copy a tile (h, w, C) to its place in a strip, in several threads, as torch copies and numpy does not."""
    if pixels.dtype.isnative and place.dtype == pixels.dtype:
        bits = np.int16 if pixels.dtype == np.uint16 else np.uint8
        torch.from_numpy(place.view(bits)).copy_(torch.from_numpy(pixels.view(bits)))
    else:
        place[:] = pixels


def _grey_step(image: np.ndarray | LazyPixels) -> int:
    """Return 3 for RGB without colour, of which every third channel is enough, else 1.

    Most pictures have colour in their first rows, and then no more are looked at.
    """
    blocks = image.look_ahead() if isinstance(image, LazyPixels) else cut_strips(image)
    return 3 if image.shape[2] >= 3 and all(is_grey(block) for block in blocks) else 1
