"""Upscaler: the one entry to upscale a picture of any size. Page, API, command line and evaluation all use it."""

import math
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from caesr.engine.device import choose_device, choose_precision
from caesr.engine.pipeline import Pipeline, feature_bytes
from caesr.engine.plan import band_cache_bytes, check_memory, choose_passes, plan_tile_size
from caesr.engine.progress import Progress, ProgressTimer
from caesr.engine.row_engine import with_precision
from caesr.engine.tile_runner import Plane, TileRunner
from caesr.engine.tiles import Range, Size, Window, cut_axis, scale_range
from caesr.files.lazy import LazyPixels
from caesr.imaging.alpha import fill_transparent, known_alpha, restore_hidden
from caesr.imaging.arrays import check_array, cut_strips, is_grey, to_tensors
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import load_blend, load_family
from caesr.options import MIN_TILE, UpscaleOptions
from zoo.messages import Message

Picture = TypeVar("Picture", np.ndarray, Image.Image)


class Upscaler:
    """An upscaler of pictures by a checkpoint, or by a family of them: one for each native scale.

    Args:
        model: a network, or a sequence of them with different `scale`, all with three channels in and out.
        device: "auto" (CUDA, else MPS, else CPU) or a torch device.
        tile: side of a tile in low-res pixels, or "auto" (`choose_tile`).
        ensemble: average over the picture's eight symmetries: eight times the work (Timofte et al., CVPR 2016,
            section 3.7).
        true_to_input: correct the result until it gives the input when it is reduced again.
        precision: "float32", "bfloat16", or "auto": the latter where the device computes it faster.
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
        self.tiles_ahead = 1 if self.device.type == "cuda" else 0  # computed by the device while one is collected
        self.models: dict[int, CAEResNet] = {}  # by native scale
        self.inference_models: dict[int, CAEResNet] = {}  # the same in `precision`
        for m in sorted(models, key=lambda m: m.config.scale):
            m = m.eval().to(self.device)
            m = m.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
            self.models[m.config.scale], self.inference_models[m.config.scale] = m, with_precision(m, self.precision)

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
            ValueError: the device is not available.
        """
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
        result, done = np.empty((height, width, *image.shape[2:]), image.dtype), 0

        def write(strip: np.ndarray) -> None:
            nonlocal done
            result[done : done + len(strip)] = strip
            done += len(strip)

        for _ in self.upscale_rows(image, scale, write):
            pass
        return result

    def upscale_rows(
        self, image: np.ndarray | LazyPixels, scale: float, write: Callable[[np.ndarray], None]
    ) -> Generator[Progress]:
        """Upscale an image without holding the whole result; yield after every tile.

        Closing the generator cancels. On a GPU the next tile is computed while one is transferred and written.

        Args:
            image: an array as `__call__` takes it, or a file that is decoded meanwhile.
            scale: as for `__call__`.
            write: receives the result in strips of rows from the top down, each an array of its own, before the
                progress of its last tile is yielded.
        Raises:
            ValueError: as `__call__`; also if memory does not hold a strip.
        """
        check_array(image)
        channels, is_flat = (*image.shape, 1)[2], image.ndim == 2
        if not isinstance(image, LazyPixels):
            image = image.astype(image.dtype.newbyteorder("="), copy=False).reshape(*image.shape[:2], channels)
        elif self.symmetries > 1 or channels in (2, 4):
            image = image[:, :]  # all of it is needed at once: turned, or to look for transparent pixels
        height, width = image.shape[:2]
        windows, out_size = self.windows(height, width, scale), (round(height * scale), round(width * scale))
        strip_height = max(rows[1] - rows[0] for ((rows, _), *_) in windows)
        check_memory((strip_height, out_size[1]), 3 * image.dtype.itemsize * channels)
        with_alpha = image if isinstance(image, np.ndarray) and channels in (2, 4) else None
        alpha = None if with_alpha is None else known_alpha(with_alpha, out_size)
        planes = self._planes(image, scale, alpha is not None)
        timer = ProgressTimer(sum(map(len, windows)) * len(planes))
        tiles = TileRunner(self.models, self.tiles_ahead).run(planes, [window for row in windows for window in row])
        for row in windows:
            start, stop = row[0][0]
            if isinstance(image, LazyPixels):  # which has one plane
                image.discard_before(planes[0].pipeline.first_row_needed(start))
            strip = np.empty((stop - start, out_size[1], channels), image.dtype)
            if alpha is not None:
                strip[:, :, -1:] = alpha[start:stop]
            for left in reversed(range(len(row) * len(planes))):
                tile = next(tiles)
                strip[:, slice(*tile.window[1]), tile.plane.channels] = tile.pixels
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

        def fetch(rows: Range, columns: Range) -> Tensor:
            return to_tensors(pixels[slice(*rows), slice(*columns)][:, :, ::step], self.device)[0]

        size, route, cache = (pixels.shape[0], pixels.shape[1]), self.route(scale), band_cache_bytes(self.device)
        pipeline = Pipeline(fetch, size, route, scale, self.symmetries, self.true_to_input, cache, overshoots)
        return Plane(pipeline, channels, template=np.empty((1, 1, -(-pixels.shape[2] // step)), pixels.dtype))

    def route(self, scale: float) -> list[CAEResNet]:
        """Return the network of each pass: one if its native scale reaches `scale`, else two that do together.

        Raises:
            ValueError: the scale is out of bounds, or beyond what two passes of these networks reach.
        """
        return [self.inference_models[native] for native in choose_passes(self.models, scale)]

    def windows(self, height: int, width: int, scale: float) -> list[list[Window]]:
        """Return the tiles of a picture of this size as windows of the result: rows of them, from the top down."""
        sides, stride = self._tile_size(width, scale), self.route(scale)[0].stride
        rows, columns = (
            [scale_range(pixels, scale, length, round(length * scale)) for pixels in cut_axis(length, side, stride)]
            for length, side in zip((height, width), sides, strict=True)
        )
        return [[(row, column) for column in columns if column[0] < column[1]] for row in rows if row[0] < row[1]]

    def count_tiles(self, height: int, width: int, scale: float) -> int:
        """Return how many tiles a picture of this size takes at this scale."""
        return sum(map(len, self.windows(height, width, scale)))

    def estimate_memory(self, height: int, width: int, scale: float, pixel_bytes: int) -> float:
        """Return about how many bytes `upscale_rows` takes: the picture, strips of the result, a tile's features.

        Args:
            height, width: of the picture.
            pixel_bytes: of one of its pixels.
        """
        route, (tile_height, tile_width) = self.route(scale), self._tile_size(width, scale)
        rows, columns = min(tile_height, height), min(tile_width, width)
        strips = 3 * rows * width * scale**2 * pixel_bytes  # made, waiting, being written
        tile = 4 * rows * columns * scale**2 * 3 * 4  # in floats: its bands, put together, as a plane, as bytes
        features, factor = 0.0, 1
        for model in route:
            row = (columns + 2 * model.halo) * factor * feature_bytes(model)
            layers = 2 * sum(model.config.encoder_blocks + model.config.decoder_blocks)
            features += 2 * layers * row * math.ceil(width / columns)  # two rows before every convolution
            features += 6 * min(band_cache_bytes(self.device), rows * factor * row)
            factor *= model.config.scale
        return height * width * pixel_bytes + strips + tile + features

    def _tile_size(self, width: int, scale: float) -> Size:
        """Return a tile's height and width for a picture of this width; a turned picture takes square tiles."""
        return plan_tile_size(self.route(scale), width, self.tile, self.device, square=self.symmetries > 1)


def _grey_step(image: np.ndarray | LazyPixels) -> int:
    """Return 3 for RGB without colour, of which every third channel is enough, else 1.

    Most pictures have colour in their first rows, and then no more are looked at.
    """
    blocks = image.look_ahead() if isinstance(image, LazyPixels) else cut_strips(image)
    return 3 if image.shape[2] >= 3 and all(is_grey(block) for block in blocks) else 1
