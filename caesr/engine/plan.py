"""Decisions before an upscaling starts: the networks of its passes, the size of its tiles, whether memory suffices."""

import itertools
import math
from collections.abc import Iterable, Mapping

import torch

from caesr.engine.device import free_device_memory, free_memory
from caesr.engine.pipeline import feature_bytes
from caesr.engine.tiles import Range, Size, Window, cut_axis, scale_range
from caesr.model.caeresnet import CAEResNet
from caesr.options import MAX_SCALE, MIN_SCALE, MIN_TILE
from zoo.messages import Message

MAX_ROW_PIXELS = 8192  # of an automatic tile; a pass computes so many side by side
BAND_CACHE_BYTES = 5e6  # features of a band of rows, which are to stay in a CPU's cache
CPU_TILE_BYTES = 1e7  # a layer's features of a tile on a CPU, made in a moment: progress shows, and cancelling works


def choose_passes(native_scales: Iterable[int], scale: float) -> tuple[int, ...]:
    """Return the native scale of each pass: the lowest that reaches `scale`, else the two with the least excess.

    Raises:
        ValueError: the scale is out of bounds, or beyond what two passes reach.
    """
    check_scale(scale)
    natives = sorted(native_scales)
    pairs = itertools.combinations_with_replacement(natives, 2)
    routes = [route for route in [*zip(natives), *pairs] if math.prod(route) >= scale]
    if not routes:
        raise ValueError(
            Message("scale={scale}: two passes of this model reach {most} at most.", scale=scale, most=natives[-1] ** 2)
        )
    return min(routes, key=lambda route: (len(route), math.prod(route)))


def check_scale(scale: float) -> None:
    """Raise ValueError if a scale is out of bounds."""
    if not MIN_SCALE <= scale <= MAX_SCALE:  # NaN fails too
        raise ValueError(Message("scale={scale}: choose from 1 to {most}.", scale=scale, most=f"{MAX_SCALE:g}"))


def check_memory(size: Size, pixel_bytes: int) -> None:
    """Raise ValueError if a result of this size takes more than the free memory."""
    need, free = math.prod(size) * pixel_bytes, free_memory()
    if need > free:
        raise ValueError(
            Message(
                "The result of {width} x {height} pixels takes {need} GB of memory and {free} GB are free. "
                "Choose a smaller scale or a smaller picture.",
                width=size[1], height=size[0], need=f"{need / 1e9:.1f}", free=f"{free / 1e9:.1f}",
            )
        )  # fmt: skip


def choose_tile(model: CAEResNet, dtype: torch.dtype, device: torch.device, free_bytes: float) -> int:
    """Return a tile's side in low-res pixels, 128 to 1024.

    On a GPU it is as large as half of the free memory allows. On a CPU a quarter counts, and the tile takes a moment
    only, so that progress shows and a run can be cancelled.

    Args:
        dtype: of the features.
        free_bytes: of the device's memory.
    """
    features = feature_bytes(model, dtype)
    pixel = 6 * features + 4 * 4 * 3 * model.config.scale**2  # and a few copies of the result in floats
    area = free_bytes / 2 / pixel
    if device.type == "cpu":
        area = min(free_bytes / 4 / pixel, CPU_TILE_BYTES / features)  # which grow with the work
    return int(min(1024, max(128, math.sqrt(area) // 64 * 64)))


class Planner:
    """The passes and tiles of an upscaling and the memory that it takes, without touching the device.

    Args:
        models: by native scale; only their configs count.
        device: that will compute.
        dtype: of the features.
        tile: side of a tile in low-res pixels, or "auto".
        is_turned: whether the picture is turned on its sides, for an ensemble.
        free_bytes: of the device's memory; None: it is asked when a tile is chosen.
    """

    def __init__(
        self,
        models: Mapping[int, CAEResNet],
        device: torch.device,
        dtype: torch.dtype,
        tile: int | str,
        is_turned: bool,
        free_bytes: float | None = None,
    ):
        self.models, self.device, self.dtype, self.tile, self.is_turned = models, device, dtype, tile, is_turned
        self.free_bytes = free_bytes

    @property
    def cache_bytes(self) -> float:
        """Return the bytes that the features of a band may take; on a GPU a tile passes through a network at once."""
        return BAND_CACHE_BYTES if self.device.type == "cpu" else math.inf

    def route(self, scale: float) -> list[CAEResNet]:
        """Return the network of each pass: one if its native scale reaches `scale`, else two that do together.

        Raises:
            ValueError: the scale is out of bounds, or beyond what two passes of these networks reach.
        """
        return [self.models[native] for native in choose_passes(self.models, scale)]

    def tile_size(self, width: int, scale: float) -> Size:
        """Return a tile's height and width in pixels of a picture of this width, such that no pass sees more than one.

        On a CPU automatic tiles are wide and low, which computes nothing twice between rows of tiles, unless the
        picture is turned.
        """
        route, sides, factor = self.route(scale), [], 1
        for model in route:
            if self.tile == "auto":
                free_bytes = free_device_memory(self.device) if self.free_bytes is None else self.free_bytes
                side = choose_tile(model, self.dtype, self.device, free_bytes)
            else:
                side = int(self.tile)
            sides.append(max(MIN_TILE, side // factor))
            factor *= model.config.scale
        side = min(sides)
        if self.tile != "auto" or self.is_turned or self.device.type != "cpu":
            return side, side
        columns = min(width, max(side, MAX_ROW_PIXELS // (factor // route[-1].config.scale)))
        return max(route[0].stride, side**2 // columns), columns

    def windows(self, height: int, width: int, scale: float, part: Range | None = None) -> list[list[Window]]:
        """Return the tiles of a picture of this size as windows of the result: rows of them, from the top down.

        Args:
            part: the rows of the picture to upscale, from a multiple of the network's stride on; None: all.
        """
        sides, stride = self.tile_size(width, scale), self.route(scale)[0].stride
        rows, columns = (
            [
                scale_range((first + start, first + stop), scale, length, round(length * scale))
                for start, stop in cut_axis(end - first, side, stride)
            ]
            for length, side, (first, end) in zip(
                (height, width), sides, (part or (0, height), (0, width)), strict=True
            )
        )
        return [[(row, column) for column in columns if column[0] < column[1]] for row in rows if row[0] < row[1]]

    def count_tiles(self, height: int, width: int, scale: float, part: Range | None = None) -> int:
        """Return how many tiles a picture of this size, or a part of its rows, takes at this scale."""
        return sum(map(len, self.windows(height, width, scale, part)))

    def estimate_memory(self, height: int, width: int, scale: float, pixel_bytes: int) -> float:
        """Return about how many bytes of the host an upscaling takes: picture, strips of the result, a tile's features.

        Args:
            height, width: of the picture.
            pixel_bytes: of one of its pixels.
        """
        tile_height, tile_width = self.tile_size(width, scale)
        rows, columns = min(tile_height, height), min(tile_width, width)
        strips = 3 * rows * width * scale**2 * pixel_bytes  # made, waiting, being written
        picture = height * width * pixel_bytes
        if self.device.type == "cuda":
            return picture + strips + 3 * rows * columns * scale**2 * pixel_bytes  # pinned: of the tiles under way
        tile = 4 * rows * columns * scale**2 * 3 * 4  # in floats: its bands, put together, as a plane, as bytes
        features, factor = 0.0, 1
        for model in self.route(scale):
            row = (columns + 2 * model.halo) * factor * feature_bytes(model, self.dtype)
            layers = 2 * sum(model.config.encoder_blocks + model.config.decoder_blocks)
            features += 2 * layers * row * math.ceil(width / columns)  # two rows before every convolution
            features += 6 * min(self.cache_bytes, rows * factor * row)
            factor *= model.config.scale
        return picture + strips + tile + features
