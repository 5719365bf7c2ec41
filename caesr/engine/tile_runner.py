"""TileRunner: tiles computed ahead on a GPU, halved when memory runs out, repeated in float32 after an overflow."""

import logging
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from caesr.engine.device import is_out_of_memory
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


class TileRunner:
    """Computes the tiles of a picture one after the other.

    Args:
        float32_models: by native scale, for what lower precision cannot hold.
        tiles_ahead: how many tiles are launched before the first of them is collected.
    """

    def __init__(self, float32_models: Mapping[int, CAEResNet], tiles_ahead: int = 0):
        self.float32_models, self.tiles_ahead = float32_models, tiles_ahead
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

    @torch.inference_mode()
    def _launch(self, plane: Plane, window: Window) -> Tile:
        """Start computing a tile; a GPU goes on with it after this returns."""
        pipeline = plane.pipeline
        pipeline.checksums.clear()
        y = self._compute(pipeline, *window)
        pixels = to_array(y, None, plane.template, wait=False)
        checksum = sum(pipeline.checksums, start=y.new_zeros(()))
        if not y.is_cuda:
            return Tile(plane, window, pipeline.route, pixels, checksum)
        on_host = torch.empty_like(checksum, device="cpu", pin_memory=True).copy_(checksum, non_blocking=True)
        transfer_done = torch.cuda.Event()
        transfer_done.record(torch.cuda.current_stream(y.device))
        return Tile(plane, window, pipeline.route, pixels, on_host, transfer_done)

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
        log.warning("bfloat16 does not hold what the network makes: it goes on in float32.")
        pipeline.set_route(route, pipeline.cache_bytes)

    def _compute(self, pipeline: Pipeline, rows: Range, columns: Range) -> Tensor:
        """Compute a window of a result; in halves if memory runs out, and from then on."""
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        if max(height, width) <= self.max_side:
            try:
                return pipeline.compute(rows, columns)
            except RuntimeError as error:
                if not is_out_of_memory(error) or max(height, width) <= MIN_TILE:
                    raise
                self.max_side = max(height, width) // 2
                pipeline.set_route(pipeline.route, pipeline.cache_bytes / 2)
                log.warning("Memory ran out: tiles are halved to %d pixels of the result.", self.max_side)
        if height >= width:
            halves = [self._compute(pipeline, half, columns) for half in halve(rows)]
        else:
            halves = [self._compute(pipeline, rows, half) for half in halve(columns)]
        return torch.cat(halves, dim=1 if height >= width else 2)
