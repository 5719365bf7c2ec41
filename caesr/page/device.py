"""Device: the GPU or CPU that all visitors share, one picture at a time; with its queue, networks and measured times.

On ZeroGPU the networks compute in a forked process (`caesr.page.zero_gpu`); elsewhere the same function is called here.
"""

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from caesr.engine.progress import Progress
from caesr.files.lazy import LazyPixels
from caesr.files.picture import ImageInfo
from caesr.jobs.batch import weights_digest
from caesr.jobs.report import Job, Status
from caesr.jobs.runner import run_job, upscale_steps
from caesr.model.caeresnet import CAEResNet
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.engine_spec import EngineSpec, find_folders, load_networks
from caesr.page.planner import Plan, count_channels, plan_upscaling
from caesr.page.queue import DeviceQueue, Waiting
from caesr.page.time_estimate import TimeEstimate, probe_pictures
from caesr.page.zero_gpu import HAS_ZERO_GPU, estimate_gpu_seconds, with_gpu
from zoo.messages import Message

STARTED = Progress(0, 1, 0.0)  # before the first tile
MAX_MODELS = 16  # whose folders and digests are remembered
MAX_NETWORKS = 8  # families that are kept loaded

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
        self.queue = DeviceQueue()
        self._times = TimeEstimate()
        self._find_folders = lru_cache(MAX_MODELS)(find_folders)
        # A forked process inherits this cache; lru_cache holds no lock that the fork could leave locked.
        self._load_networks = lru_cache(MAX_NETWORKS)(load_networks)
        self._digest = lru_cache(MAX_MODELS)(lambda *weights: weights_digest(self._load_networks(*weights)))
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
        self, spec: EngineSpec, source: Path, target: Path, output: OutputOptions
    ) -> Generator[Progress | Waiting, None, tuple[Message, ...]]:
        """Upscale a file in its turn, and return what of it could not be kept, was mended or was guessed.

        Raises:
            Busy: too many wait already.
            PictureError, ValueError: as `caesr.jobs.runner.upscale_steps`.
            RuntimeError: what goes wrong on the device.
        """
        return self.queue.in_turn(upscale_steps(DeviceUpscaler(self, spec), source, target, spec.options, output))

    def run_job(self, spec: EngineSpec, job: Job, output: OutputOptions) -> Generator[Progress | Waiting, None, Status]:
        """Do a job of a batch in its turn, however many wait, and return its status."""
        return self.queue.in_turn(run_job(DeviceUpscaler(self, spec), job, spec.options, output), math.inf)

    def upscale_array(
        self, spec: EngineSpec, image: np.ndarray, scale: float
    ) -> Generator[Progress | Waiting, None, Timed]:
        """Upscale a picture (H, W, C) in memory in its turn, and return the result.

        Raises:
            Busy: too many wait already.
            ValueError, RuntimeError: as `Upscaler.upscale_rows`.
        """
        return self.queue.in_turn(self._time_array(spec, image, scale))

    def _time_array(self, spec: EngineSpec, image: np.ndarray, scale: float) -> Generator[Progress, None, Timed]:
        self.networks(spec)
        strips: list[np.ndarray] = []
        started = time.monotonic()
        yield from self.upscale_rows(spec, image, scale, strips.append)
        return Timed(np.concatenate(strips), time.monotonic() - started)

    def plan(self, spec: EngineSpec, info: ImageInfo, scale: float) -> Plan:
        """Return what upscaling a picture will take, from what its header says.

        A kind of work that was never done is measured on a small picture, if the device is free. On ZeroGPU it is not:
        that would cost a visitor's quota.

        Raises:
            ValueError: the scale cannot be had.
        """
        networks, shape = self.networks(spec), (info.height, info.width, count_channels(info))
        work = spec.kind_of_work(networks, scale)
        is_unknown = self._times.seconds(work, shape) is None
        if is_unknown and not HAS_ZERO_GPU and self.queue.try_take():
            try:
                for image in probe_pictures():
                    for _ in self.upscale_rows(spec, image, scale, write=lambda strip: None):
                        pass
            finally:
                self.queue.release()
        return plan_upscaling(spec.planner(networks), info, scale, self._times.seconds(work, shape))

    def upscale_rows(
        self, spec: EngineSpec, image: Image, scale: float, write: Callable[[np.ndarray], None]
    ) -> Generator[Progress]:
        """Upscale a picture, on the device that the caller has taken.

        While a tile is computed, the progress so far is yielded several times a second.

        Args:
            write: takes the result in strips of rows from the top down. It is called in the caller's thread: one who
                cancels closes a file that no other thread writes to, and on ZeroGPU files stay in this process.
        Raises:
            ValueError, RuntimeError: as `Upscaler.upscale_rows`; on ZeroGPU only the latter.
        """
        networks = self.networks(spec)  # loaded now, they do not count as time for the picture
        if HAS_ZERO_GPU and isinstance(image, LazyPixels):
            image = image[:, :]  # a decoder does not go into another process
        started, progress = time.monotonic(), STARTED
        with closing(self.queue.watch(self._compute_tiles(spec, image, scale))) as tiles:
            for tile in tiles:
                if tile is not None:
                    progress, strips = tile
                    for strip in strips:
                        write(strip)
                yield progress
        self._times.record(spec.kind_of_work(networks, scale), image.shape, time.monotonic() - started)

    def _tiles(self, spec: EngineSpec, image: Image, scale: float) -> Generator[Tile]:
        """Compute tile after tile; on ZeroGPU in the forked process, which reads a network that it did not inherit."""
        strips: list[np.ndarray] = []
        for progress in spec.upscaler(self.networks(spec)).upscale_rows(image, scale, strips.append):
            completed = strips.copy()
            strips.clear()
            yield progress, completed

    def _gpu_seconds(self, spec: EngineSpec, image: Image, scale: float) -> float:
        """Return how long `_tiles` may take on ZeroGPU."""
        return estimate_gpu_seconds(self.networks(spec), spec.options, image.shape, scale)


@dataclass(frozen=True)
class DeviceUpscaler:
    """A device and a spec as the Upscaler that `caesr.jobs.runner` takes."""

    device: Device
    spec: EngineSpec

    def upscale_rows(self, image: Image, scale: float, write: Callable[[np.ndarray], None]) -> Generator[Progress]:
        """Upscale an image as `Device.upscale_rows`."""
        return self.device.upscale_rows(self.spec, image, scale, write)
