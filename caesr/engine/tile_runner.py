"""TileRunner: tiles computed ahead on a GPU, halved when memory runs out, repeated in float32 after an overflow."""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from caesr.engine.device import is_out_of_memory, release_unused_memory
from caesr.engine.pipeline import Pipeline
from caesr.engine.tiles import Range, Window, halve
from caesr.imaging.arrays import to_array
from caesr.model.caeresnet import CAEResNet
from caesr.options import MIN_TILE
from zoo.checkpoint_files import CheckpointError
from zoo.messages import Message

log = logging.getLogger("caesr.engine.tile_runner")


@dataclass(frozen=True)
class Plane:
    """The colours of a picture, or its alpha."""

    pipeline: Pipeline
    channels: slice  # of the picture; a plane of one fills all of them
    read: Callable[[Range, Range], np.ndarray]  # rows and columns of the plane -> (h, w, C), C = 1 or 3
    template: np.ndarray  # an array with the plane's dtype and number of channels


@dataclass(frozen=True)
class Tile:
    """A window of a plane of the result, which may still be on its way from a GPU."""

    plane: Plane
    window: Window
    route: Sequence[CAEResNet]  # the networks that made it
    pixels: np.ndarray
    checksum: Tensor  # NaN or infinite if a network overflowed
    transfer_done: torch.cuda.Event | None = None


Launch = Callable[[Plane, Window], Tile]


@torch.inference_mode()
def compute_rows(plane: Plane, window: Window) -> Tile:
    """Compute a tile row by row, as a CPU does it."""
    pipeline = plane.pipeline
    pipeline.checksums.clear()
    y = pipeline.compute(*window)
    checksum = sum(pipeline.checksums, start=y.new_zeros(()))
    return Tile(plane, window, pipeline.route, to_array(y, None, plane.template), checksum)


class TileRunner:
    """Computes the tiles of a picture one after the other.

    Args:
        launch: starts computing a tile.
        float32_models: by native scale, for what lower precision cannot hold.
        tiles_ahead: how many tiles are launched before the first of them is collected.
    """

    def __init__(self, launch: Launch, float32_models: Mapping[int, CAEResNet], tiles_ahead: int = 0):
        self.launch, self.float32_models, self.tiles_ahead = launch, float32_models, tiles_ahead
        self.max_side = math.inf  # of a window of the result, in pixels; lowered when memory runs out

    def run(self, planes: Sequence[Plane], windows: Iterable[Window]) -> Iterator[Tile]:
        """Yield the tile of every window, and in it of every plane.

        Raises:
            CheckpointError: a network makes NaN or infinity even in float32.
        """
        launched: deque[Tile] = deque()
        for window in windows:
            for plane in planes:
                launched.append(self._launch(plane, window))
                if len(launched) > self.tiles_ahead:
                    yield self._collect(launched.popleft())
        while launched:
            yield self._collect(launched.popleft())

    def _launch(self, plane: Plane, window: Window) -> Tile:
        """Start computing a tile; in halves if memory runs out, and from then on."""
        pipeline, (height, width) = plane.pipeline, (stop - start for start, stop in window)
        if max(height, width) <= self.max_side:
            try:
                return self.launch(plane, window)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or max(height, width) <= MIN_TILE:
                    raise
            # Out of the except block: there the error still holds what the tile took.
            self.max_side = max(height, width) // 2
            pipeline.set_route(pipeline.route, pipeline.cache_bytes / 2)
            release_unused_memory()
            log.warning("Memory ran out: tiles are halved to %d pixels of the result.", self.max_side)
        axis = 0 if height >= width else 1
        rows, columns = window
        windows = [(half, columns) for half in halve(rows)] if axis == 0 else [(rows, half) for half in halve(columns)]
        halves = [self._collect(self._launch(plane, half)).pixels for half in windows]
        return Tile(plane, window, pipeline.route, np.concatenate(halves, axis), torch.zeros(()))

    def _collect(self, tile: Tile) -> Tile:
        """Wait for a tile; after an overflow compute it, and those launched since, again in float32."""
        if tile.transfer_done is not None:
            tile.transfer_done.synchronize()
        pipeline = tile.plane.pipeline
        if torch.isfinite(tile.checksum) and tile.route is pipeline.route:
            return tile
        if tile.route is pipeline.route:  # else the tile before has changed it already
            self._fall_back_to_float32(pipeline)
        return self._collect(self._launch(tile.plane, tile.window))

    def _fall_back_to_float32(self, pipeline: Pipeline) -> None:
        """Compute in float32 from now on; raise CheckpointError if that is so already."""
        route = [self.float32_models[model.config.scale] for model in pipeline.route]
        if all(model is current for model, current in zip(route, pipeline.route, strict=True)):
            raise CheckpointError(
                Message("The network makes no numbers of this picture: its weights are broken. Fetch it anew.")
            )
        log.warning("Half precision does not hold what the network makes: it goes on in float32.")
        pipeline.set_route(route, pipeline.cache_bytes)
