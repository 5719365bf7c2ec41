"""Device: the GPU or CPU that all visitors share, one picture at a time; with its queue, networks and measured times.

On ZeroGPU the networks compute in a forked process (`caesr.page.zero_gpu`); elsewhere the same function is called here.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Timer

import numpy as np

from caesr.engine.auto_model import models_for
from caesr.engine.device import free_memory, is_device_lost
from caesr.engine.progress import Progress, Steps
from caesr.files.lazy import LazyPixels
from caesr.files.picture import ImageInfo
from caesr.jobs.batch import weights_digest
from caesr.jobs.report import Job, Status
from caesr.jobs.run_ahead import QUEUED_SHARE, Tile, iterate_tiles, tile_bytes
from caesr.jobs.runner import run_job, upscale_steps
from caesr.model.caeresnet import CAEResNet
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.engine_spec import EngineSpec, find_folders, load_networks
from caesr.page.gpu_calls import Failure, GpuCalls, Work, read_whole, take
from caesr.page.planner import Plan, count_channels, plan_upscaling
from caesr.page.queue import DeviceQueue, Turn, Waiting
from caesr.page.time_estimate import TimeEstimate, probe
from caesr.page.together import Together
from caesr.page.zero_gpu import HAS_ZERO_GPU, MAX_CALLS
from zoo.messages import Message

EXIT_SECONDS = 5.0  # after which the page ends when its GPU has failed: until then its visitors can read why
MAX_MODELS = 16  # whose folders and digests are remembered
MAX_NETWORKS = 8  # families that are kept loaded
MAX_UPSCALERS = 2  # whose networks stay on the device

Image = np.ndarray | LazyPixels  # (H, W, C) uint8 or uint16
UpscaleRows = Callable[[EngineSpec, Image, float, Callable[[np.ndarray], None]], Generator[Progress]]
Made = tuple[int, Tile | Failure]  # the number of a picture, and what was made of it


@dataclass(frozen=True)
class Timed:
    """A picture in memory, and how long it took."""

    picture: np.ndarray
    seconds: float  # since the device was free and the networks were loaded, or since the picture before was done


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
        self._calls = GpuCalls(self.networks, lambda spec: self._upscaler(spec))

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
            lambda turn: upscale_steps(self._upscalers(options, self._in(turn)), source, target, options, output)
        )

    def run_jobs(
        self, options: UpscaleOptions, jobs: Sequence[Job], output: OutputOptions
    ) -> Generator[tuple[int, Progress | Waiting | Status]]:
        """Do the jobs of a batch, each in its turn, however many wait; on ZeroGPU as many in a call as it has time for.

        Yields:
            The number of a job with what happens to it, at last its status. The statuses come in any order.
        """
        if not HAS_ZERO_GPU:
            for number, job in enumerate(jobs):
                steps = Steps(self.run_job(options, job, output))
                with closing(iter(steps)) as events:
                    for event in events:
                        yield number, event
                yield number, steps.result
            return

        def run(turn: Turn) -> Generator[tuple[int, Progress | Status]]:
            together = Together(partial(self._computing, turn=turn), self._calls.seconds, QUEUED_SHARE * free_memory())
            upscalers = self._upscalers(options, together.upscale_rows)
            return together.run(run_job(upscalers, job, options, output) for job in jobs)

        for one in self.queue.in_turn(run, math.inf):
            yield (0, one) if isinstance(one, Waiting) else one

    def run_job(
        self, options: UpscaleOptions, job: Job, output: OutputOptions
    ) -> Generator[Progress | Waiting, None, Status]:
        """Do a job of a batch in its turn, however many wait, and return its status."""
        return self.queue.in_turn(
            lambda turn: run_job(self._upscalers(options, self._in(turn)), job, options, output), math.inf
        )

    def _in(self, turn: Turn) -> UpscaleRows:
        """Return `upscale_rows` in a turn."""
        return partial(self.upscale_rows, turn=turn)

    def _upscalers(self, options: UpscaleOptions, upscale_rows: UpscaleRows) -> "dict[str, SpecUpscaler]":
        """Return what upscales with these options, by the name of its model."""
        specs = {model: self.spec(replace(options, model=model)) for model in models_for(options)}
        return {model: SpecUpscaler(spec, upscale_rows) for model, spec in specs.items()}

    def upscale_array(
        self, spec: EngineSpec, image: np.ndarray, scale: float
    ) -> Generator[Progress | Waiting, None, Timed]:
        """Upscale a picture (H, W, C) in memory in its turn, and return the result.

        Raises:
            Busy: too many wait already.
            ValueError, RuntimeError: as `Upscaler.upscale_rows`.
        """
        for event in self.upscale_by_each([spec], image, scale):
            if isinstance(event, Timed):
                result = event
            else:
                yield event
        return result

    def upscale_by_each(
        self, specs: Iterable[EngineSpec], image: np.ndarray, scale: float
    ) -> Generator[Progress | Waiting | Timed]:
        """Upscale a picture as `upscale_array` by one spec after the other, each in its turn; on ZeroGPU together.

        Yields:
            The progress of each, and then its result.
        """
        for together in [list(specs)] if HAS_ZERO_GPU else ([spec] for spec in specs):
            works = [Work(spec, image, scale) for spec in together]
            yield from self.queue.in_turn(partial(self._time_arrays, works))

    def _time_arrays(self, works: Sequence[Work], turn: Turn) -> Generator[Progress | Timed]:
        """Upscale pictures in a turn: yields the progress of each, and then its result."""
        if HAS_ZERO_GPU:
            for work in works:
                read_whole(work.image, work.scale)
        seconds: list[float] = []
        with self._computing(works, turn, seconds) as made:
            for number in range(len(works)):
                strips: list[np.ndarray] = []
                yield from take(made, number, strips.append)
                yield Timed(np.concatenate(strips), seconds[number])

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
                    lambda image: list(self._tiles(Work(spec, image, scale))),
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
        work = Work(spec, read_whole(image, scale) if HAS_ZERO_GPU else image, scale)
        with self._computing([work], turn) as made:
            yield from take(made, 0, write)

    @contextmanager
    def _computing(
        self, works: Sequence[Work], turn: Turn, seconds: list[float] | None = None
    ) -> Iterator[Iterator[Made | None]]:
        """Compute pictures in a turn, which ends with the last tile; gives what `DeviceQueue.run_ahead` yields.

        Args:
            seconds: receives how long each picture took.
        """
        for work in works:
            self.networks(work.spec)  # loaded now, they do not count as time for the picture
        with closing(self._compute_in(turn, works, [] if seconds is None else seconds)) as made:
            yield made
            for _ in made:  # nothing, or what is left of a picture whose file failed
                pass

    def _compute_in(self, turn: Turn, works: Sequence[Work], seconds: list[float]) -> Generator[Made | None]:
        """Compute pictures in a turn, which is taken again if need be."""
        for _ in turn.take_again():
            yield None
        steps, max_bytes = self._timed_tiles(works, seconds), QUEUED_SHARE * free_memory()
        yield from self.queue.run_ahead(steps, turn, made_bytes, max_bytes)

    def _timed_tiles(self, works: Sequence[Work], seconds: list[float]) -> Generator[Made]:
        """Compute tile after tile, and remember how long each picture took."""
        started = time.monotonic()
        for number, made in self._calls.tiles(works) if HAS_ZERO_GPU else ((0, tile) for tile in self._tiles(works[0])):
            if isinstance(made, Failure) or made[0].done == made[0].total:
                ended, work = time.monotonic(), works[number]
                seconds.append(ended - started)
                started = ended
                if not isinstance(made, Failure):
                    kind = work.spec.kind_of_work(self.networks(work.spec), work.scale)
                    self._times.record(kind, work.image.shape, seconds[-1])
            yield number, made

    def _tiles(self, work: Work) -> Generator[Tile]:
        """Compute tile after tile in this process."""
        try:
            yield from iterate_tiles(self._upscaler(work.spec), work.image, work.scale)
        except RuntimeError as error:
            if is_device_lost(error):
                logging.getLogger("caesr.page").critical("The GPU has failed; the page ends, to be started anew.")
                Timer(EXIT_SECONDS, os._exit, (1,)).start()
            raise


def made_bytes(made: Made) -> int:
    """Return the bytes of the strips that come with a tile."""
    return 0 if isinstance(made[1], Failure) else tile_bytes(made[1])


@dataclass(frozen=True)
class SpecUpscaler:
    """A spec as the Upscaler that `caesr.jobs.runner` takes."""

    spec: EngineSpec
    upscale: UpscaleRows

    def upscale_rows(self, image: Image, scale: float, write: Callable[[np.ndarray], None]) -> Generator[Progress]:
        """Upscale an image as `Device.upscale_rows`."""
        return self.upscale(self.spec, image, scale, write)
