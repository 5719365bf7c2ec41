"""Device: the GPU or CPU that all visitors share, one picture at a time; with its queue, networks and measured times.

On ZeroGPU the networks compute in a forked process (`caesr.page.zero_gpu`); elsewhere the same function is called here.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Timer

import gradio as gr
import numpy as np
from gradio.context import LocalContext

from caesr.engine.auto_model import models_for
from caesr.engine.device import free_memory, is_device_lost
from caesr.engine.plan import check_memory
from caesr.engine.progress import Progress
from caesr.engine.tiles import Range
from caesr.engine.upscaler import Upscaler
from caesr.files.lazy import LazyPixels
from caesr.files.picture import ImageInfo
from caesr.jobs.batch import weights_digest
from caesr.jobs.report import Job, Status
from caesr.jobs.runner import run_job, upscale_steps
from caesr.model.caeresnet import CAEResNet
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.engine_spec import EngineSpec, find_folders, load_networks
from caesr.page.planner import Plan, count_channels, count_planes, plan_upscaling
from caesr.page.queue import DeviceQueue, Turn, Waiting
from caesr.page.time_estimate import TimeEstimate, probe
from caesr.page.translations import error_text
from caesr.page.zero_gpu import (
    HAS_ZERO_GPU,
    MAX_CALLS,
    START_SECONDS,
    QuotaExceeded,
    cut_parts,
    estimate_gpu_seconds,
    with_gpu,
)
from zoo.messages import Message

STARTED = Progress(0, 1, 0.0)  # before the first tile
EXIT_SECONDS = 5.0  # after which the page ends when its GPU has failed: until then its visitors can read why
ON_CPU = Message("No time on a GPU is left for now: this picture is computed on the CPU, which takes longer.")
MAX_MODELS = 16  # whose folders and digests are remembered
MAX_NETWORKS = 8  # families that are kept loaded
MAX_UPSCALERS = 2  # whose networks stay on the device
QUEUED_SHARE = 0.25  # of the free memory, that strips of a result may take while they wait to be written

Image = np.ndarray | LazyPixels  # (H, W, C) uint8 or uint16
Tile = tuple[Progress, list[np.ndarray]]  # the progress after a tile, and the strips of the result that it completed


@dataclass(frozen=True)
class Timed:
    """A picture in memory, and how long it took."""

    picture: np.ndarray
    seconds: float  # since the device was free and the networks were loaded


class Device:
    """The device of a page: upscales files and arrays in turn, and says what that will take."""

    def __init__(self) -> None:
        self.queue = DeviceQueue(MAX_CALLS if HAS_ZERO_GPU else 1)
        self._times = TimeEstimate()
        self._find_folders = lru_cache(MAX_MODELS)(find_folders)
        # A forked process inherits this cache; lru_cache holds no lock that the fork could leave locked.
        self._load_networks = lru_cache(MAX_NETWORKS)(load_networks)
        self._digest = lru_cache(MAX_MODELS)(lambda *weights: weights_digest(self._load_networks(*weights)))
        self._upscaler = lru_cache(MAX_UPSCALERS)(lambda spec: spec.upscaler(self.networks(spec)))
        self._compute_tiles = with_gpu(self._tiles, self._gpu_seconds)

    def spec(self, options: UpscaleOptions) -> EngineSpec:
        """Return what upscales with these options; its networks are fetched if need be.

        Raises:
            ZooError, CheckpointError: they are not to be had.
        """
        return EngineSpec(*self._find_folders(options.model, options.blends), options)

    def forget_specs(self) -> None:
        """Look for the networks' folders anew: a family may come from the Hub now, and not from what ships."""
        self._find_folders.cache_clear()

    def networks(self, spec: EngineSpec) -> list[CAEResNet]:
        """Return the networks of a spec; the last ones stay loaded."""
        return self._load_networks(*spec.weights)

    def weights_digest(self, spec: EngineSpec) -> str:
        """Return a digest of the networks, which says whether results were made by the same."""
        return self._digest(*spec.weights)

    def upscale(
        self, options: UpscaleOptions, source: Path, target: Path, output: OutputOptions
    ) -> Generator[Progress | Waiting, None, tuple[Message, ...]]:
        """Upscale a file in its turn, and return what of it could not be kept, was mended or was guessed.

        Raises:
            Busy: too many wait already.
            PictureError, ValueError: as `caesr.jobs.runner.upscale_steps`.
            ZooError, CheckpointError: as `spec`.
            RuntimeError: what goes wrong on the device.
        """
        return self.queue.in_turn(
            lambda turn: upscale_steps(self._upscalers(options, turn), source, target, options, output)
        )

    def run_job(
        self, options: UpscaleOptions, job: Job, output: OutputOptions
    ) -> Generator[Progress | Waiting, None, Status]:
        """Do a job of a batch in its turn, however many wait, and return its status."""
        return self.queue.in_turn(lambda turn: run_job(self._upscalers(options, turn), job, options, output), math.inf)

    def _upscalers(self, options: UpscaleOptions, turn: Turn) -> "dict[str, DeviceUpscaler]":
        """Return what upscales with these options, by the name of its model."""
        specs = {model: self.spec(replace(options, model=model)) for model in models_for(options)}
        return {model: DeviceUpscaler(self, spec, turn) for model, spec in specs.items()}

    def upscale_array(
        self, spec: EngineSpec, image: np.ndarray, scale: float
    ) -> Generator[Progress | Waiting, None, Timed]:
        """Upscale a picture (H, W, C) in memory in its turn, and return the result.

        Raises:
            Busy: too many wait already.
            ValueError, RuntimeError: as `Upscaler.upscale_rows`.
        """
        return self.queue.in_turn(lambda turn: self._time_array(spec, image, scale, turn))

    def _time_array(
        self, spec: EngineSpec, image: np.ndarray, scale: float, turn: Turn
    ) -> Generator[Progress, None, Timed]:
        self.networks(spec)
        strips: list[np.ndarray] = []
        started = time.monotonic()
        yield from self.upscale_rows(spec, image, scale, strips.append, turn)
        return Timed(np.concatenate(strips), turn.ended - started)

    def plan(self, spec: EngineSpec, info: ImageInfo, scale: float) -> Plan:
        """Return what upscaling a picture will take, from what its header says.

        A kind of work that was never done is measured on small pictures, if the device is free. On ZeroGPU it is not:
        that would cost a visitor's quota.

        Raises:
            ValueError: the scale cannot be had.
        """
        networks, shape = self.networks(spec), (info.height, info.width, count_channels(info))
        work = spec.kind_of_work(networks, scale)
        is_unknown = self._times.seconds(work, shape) is None
        if is_unknown and not HAS_ZERO_GPU and self.queue.try_take():
            try:
                probe(
                    lambda image: list(self._tiles(spec, image, scale)),
                    lambda shape, seconds: self._times.record(work, shape, seconds),
                )
            finally:
                self.queue.release()
        return plan_upscaling(spec.planner(networks), info, scale, self._times.seconds(work, shape))

    def upscale_rows(
        self, spec: EngineSpec, image: Image, scale: float, write: Callable[[np.ndarray], None], turn: Turn
    ) -> Generator[Progress]:
        """Upscale a picture in a turn on the device, which ends when the last tile is computed.

        While a tile is computed, the progress so far is yielded several times a second.

        Args:
            write: takes the result in strips of rows from the top down. It is called in the caller's thread: one who
                cancels closes a file that no other thread writes to, and on ZeroGPU files stay in this process.
        Raises:
            ValueError, RuntimeError: as `Upscaler.upscale_rows`; on ZeroGPU only the latter.
        """
        self.networks(spec)  # loaded now, they do not count as time for the picture
        progress = STARTED
        for _ in turn.take_again():
            yield progress
        if HAS_ZERO_GPU:
            pixel_bytes = image.dtype.itemsize * image.shape[2]
            check_memory((round(image.shape[0] * scale), round(image.shape[1] * scale)), pixel_bytes)
            image = image[:, :] if isinstance(image, LazyPixels) else image  # a decoder does not go into a process
        steps = self._timed_tiles(spec, image, scale)
        max_bytes = QUEUED_SHARE * free_memory()
        made = self.queue.run_ahead(steps, turn, tile_bytes, max_bytes)
        with closing(made) as tiles:
            for tile in tiles:
                if tile is not None:
                    progress, strips = tile
                    for strip in strips:
                        write(strip)
                yield progress

    def _timed_tiles(self, spec: EngineSpec, image: Image, scale: float) -> Generator[Tile]:
        """Compute tile after tile, and remember how long it took."""
        started = time.monotonic()
        yield from self._tiles_in_calls(spec, image, scale) if HAS_ZERO_GPU else self._tiles(spec, image, scale)
        work = spec.kind_of_work(self.networks(spec), scale)
        self._times.record(work, image.shape, time.monotonic() - started)

    def _tiles_in_calls(self, spec: EngineSpec, image: Image, scale: float) -> Generator[Tile]:
        """Compute tile after tile on ZeroGPU, in as many calls as it takes; on this CPU if no GPU is to be had."""
        planner, (height, width, _) = spec.planner(self.networks(spec)), image.shape
        parts = cut_parts(height, self._gpu_seconds(spec, image, scale) - START_SECONDS)
        totals = [planner.count_tiles(height, width, scale, part) for part in parts]
        compute, before = self._compute_tiles, 0
        for part, total in zip(parts, totals, strict=True):
            last: Tile | None = None
            while last is None:
                try:
                    for last in compute(spec, image, scale, part):
                        done, seconds_left = before + total * last[0].done / last[0].total, last[0].seconds_left
                        seconds_left *= max(1.0, (sum(totals) - done) / max(1, before + total - done))
                        yield Progress(round(done), sum(totals), seconds_left), last[1]
                except QuotaExceeded as error:
                    if last is not None:
                        raise
                    gr.Warning(error_text(LocalContext.request.get(None), ON_CPU))
                    logging.getLogger("caesr.page").warning("no GPU: %s", error)
                    compute = self._tiles_on_cpu
            before += total

    def _tiles(self, spec: EngineSpec, image: Image, scale: float, part: Range | None = None) -> Generator[Tile]:
        """Compute tile after tile; on ZeroGPU in the forked process, which reads a network that it did not inherit."""
        try:
            yield from iterate_tiles(self._upscaler(spec), image, scale, part)
        except RuntimeError as error:
            if is_device_lost(error) and not HAS_ZERO_GPU:
                logging.getLogger("caesr.page").critical("The GPU has failed; the page ends, to be started anew.")
                Timer(EXIT_SECONDS, os._exit, (1,)).start()
            raise

    def _tiles_on_cpu(self, spec: EngineSpec, image: Image, scale: float, part: Range) -> Generator[Tile]:
        """Compute tile after tile on the CPU."""
        return iterate_tiles(spec.upscaler(self.networks(spec), "cpu"), image, scale, part)

    def _gpu_seconds(self, spec: EngineSpec, image: Image, scale: float, part: Range | None = None) -> float:
        """Return how long `_tiles` may take on ZeroGPU."""
        route = spec.planner(self.networks(spec)).route(scale)
        rows = image.shape[0] if part is None else part[1] - part[0]
        runs = count_planes(image.shape[2]) * (8 if spec.options.ensemble else 1)
        return START_SECONDS + estimate_gpu_seconds(route, rows * image.shape[1] * runs, scale)


def iterate_tiles(upscaler: Upscaler, image: Image, scale: float, part: Range | None) -> Generator[Tile]:
    """Yield the progress after every tile with the strips that it completed."""
    strips: list[np.ndarray] = []
    for progress in upscaler.upscale_rows(image, scale, strips.append, part):
        completed = strips.copy()
        strips.clear()
        yield progress, completed


def tile_bytes(tile: Tile) -> int:
    """Return the bytes of the strips that come with a tile."""
    return sum(strip.nbytes for strip in tile[1])


@dataclass(frozen=True)
class DeviceUpscaler:
    """A device and a spec as the Upscaler that `caesr.jobs.runner` takes, in a visitor's turn."""

    device: Device
    spec: EngineSpec
    turn: Turn

    def upscale_rows(self, image: Image, scale: float, write: Callable[[np.ndarray], None]) -> Generator[Progress]:
        """Upscale an image as `Device.upscale_rows`."""
        return self.device.upscale_rows(self.spec, image, scale, write, self.turn)
