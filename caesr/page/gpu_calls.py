"""GpuCalls: pictures computed on ZeroGPU, as many in a call as it has time for; on the CPU if there is no GPU."""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import gradio as gr
import numpy as np
from gradio.context import LocalContext

from caesr.engine.plan import check_memory
from caesr.engine.progress import Progress
from caesr.engine.tiles import Range
from caesr.engine.upscaler import Upscaler
from caesr.files.lazy import LazyPixels
from caesr.jobs.run_ahead import Tile, iterate_tiles
from caesr.model.caeresnet import CAEResNet
from caesr.page.engine_spec import EngineSpec
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.planner import count_planes
from caesr.page.translations import error_text
from caesr.page.zero_gpu import START_SECONDS, QuotaExceeded, cut_parts, estimate_gpu_seconds, fit_in_call, with_gpu
from zoo.messages import Message, message_of

ON_CPU = Message("No time on a GPU is left for now: this picture is computed on the CPU, which takes longer.")
STARTED = Progress(0, 1, 0.0)  # before the first tile
log = logging.getLogger("caesr.page")


@dataclass(frozen=True)
class Work:
    """A picture to upscale, or some rows of it."""

    spec: EngineSpec
    image: np.ndarray | LazyPixels  # (H, W, C); for a call an array
    scale: float
    part: Range | None = None


@dataclass(frozen=True)
class Failure:
    """Why a picture was not upscaled; the others of its call may be."""

    message: str


@dataclass(frozen=True)
class Part:
    """What a call does of a picture."""

    number: int  # of the picture
    work: Work
    seconds: float
    before: int  # tiles of the picture that come before
    tiles: int
    total: int  # tiles of the picture


class GpuCalls:
    """Computes pictures in calls of ZeroGPU's GPU.

    Args:
        networks: returns those of a spec; a call's process inherits what it refers to.
        upscaler: returns that of a spec, in a call's process.
    """

    def __init__(
        self, networks: Callable[[EngineSpec], list[CAEResNet]], upscaler: Callable[[EngineSpec], Upscaler]
    ) -> None:
        self._networks, self._upscaler = networks, upscaler
        self._compute_on_gpu = with_gpu(self._compute, self._call_seconds)

    def seconds(self, work: Work) -> float:
        """Return how long a picture may take, without the start of a call."""
        route = work.spec.planner(self._networks(work.spec)).route(work.scale)
        height, width, channels = work.image.shape
        rows = height if work.part is None else work.part[1] - work.part[0]
        runs = count_planes(channels) * (8 if work.spec.options.ensemble else 1)
        return estimate_gpu_seconds(route, rows * width * runs, work.scale)

    def tiles(self, works: Sequence[Work]) -> Generator[tuple[int, Tile | Failure]]:
        """Compute pictures one after the other: yields the number of one with every tile of it, or with why it failed.

        A picture that takes longer than a call may is computed in several, cut by its rows.
        """
        compute, parts = (
            self._compute_on_gpu,
            deque(part for n, work in enumerate(works) for part in self._cut(n, work)),
        )
        while parts:
            call = [parts.popleft() for _ in range(fit_in_call([part.seconds for part in parts]))]
            position, is_begun = 0, False
            try:
                for position, made in compute([part.work for part in call]):
                    is_begun = True
                    part = call[position]
                    if isinstance(made, Failure):
                        parts = deque(other for other in parts if other.number != part.number)
                        yield part.number, made
                    else:
                        yield part.number, (progress_of_whole(made[0], part), made[1])
                        if made[0].done == made[0].total:
                            position += 1
            except RuntimeError as error:
                if isinstance(error, QuotaExceeded) and not is_begun:
                    gr.Warning(error_text(LocalContext.request.get(None), ON_CPU))
                    log.warning("no GPU: %s", error)
                    compute = self._compute_on_cpu
                    parts.extendleft(reversed(call))
                    continue
                failed = call[min(position, len(call) - 1)].number  # what the call has not come to is done by another
                parts = deque(part for part in (*call[position + 1 :], *parts) if part.number != failed)
                yield failed, Failure(message_of(error))

    def _cut(self, number: int, work: Work) -> list[Part]:
        """Return the parts of a picture that a call has time for."""
        planner, (height, width, _) = work.spec.planner(self._networks(work.spec)), work.image.shape
        works = [replace(work, part=part) for part in cut_parts(height, self.seconds(work))]
        tiles = [planner.count_tiles(height, width, work.scale, one.part) for one in works]
        return [
            Part(number, one, self.seconds(one), sum(tiles[:n]), tiles[n], sum(tiles)) for n, one in enumerate(works)
        ]

    def _call_seconds(self, works: Sequence[Work]) -> float:
        """Return how long a call may take."""
        return START_SECONDS + sum(map(self.seconds, works))

    def _compute(self, works: Sequence[Work]) -> Generator[tuple[int, Tile | Failure]]:
        """Compute pictures in the process that has the GPU, which reads networks that it did not inherit."""
        return compute_each(works, self._upscaler)

    def _compute_on_cpu(self, works: Sequence[Work]) -> Generator[tuple[int, Tile | Failure]]:
        """Compute pictures in this process."""
        return compute_each(works, lambda spec: spec.upscaler(self._networks(spec), "cpu"))


def compute_each(
    works: Sequence[Work], upscaler: Callable[[EngineSpec], Upscaler]
) -> Generator[tuple[int, Tile | Failure]]:
    """Yield the number of a picture with every tile of it, or with why it failed."""
    for number, work in enumerate(works):
        try:
            for tile in iterate_tiles(upscaler(work.spec), work.image, work.scale, work.part):
                yield number, tile
        except EXPECTED_ERRORS as error:
            yield number, Failure(message_of(error))


def progress_of_whole(progress: Progress, part: Part) -> Progress:
    """Return the progress of a picture from that of a part of it."""
    done = part.before + part.tiles * progress.done / progress.total
    after = part.before + part.tiles - done
    seconds_left = progress.seconds_left * max(1.0, (part.total - done) / max(1, after))
    return Progress(int(done), part.total, seconds_left)


def read_whole(image: np.ndarray | LazyPixels, scale: float) -> np.ndarray:
    """Return a picture as an array, because no decoder travels to the process of a call.

    Raises:
        PictureError: the file is damaged.
        ValueError: memory does not hold the result, all of which comes from there as fast as it is made.
    """
    height, width, channels = image.shape
    check_memory((round(height * scale), round(width * scale)), image.dtype.itemsize * channels)
    return image[:, :] if isinstance(image, LazyPixels) else image


def take(
    made: Iterator[tuple[int, Tile | Failure] | None], number: int, write: Callable[[np.ndarray], None]
) -> Generator[Progress]:
    """Take the tiles of a picture from those of several: yields its progress, also while there is none.

    Args:
        made: as `GpuCalls.tiles` yields them, and None now and then.
        write: takes the result in strips of rows from the top down.
    Raises:
        RuntimeError: why the picture failed.
    """
    progress = STARTED
    for one in made:
        if one is not None and one[0] == number:
            if isinstance(one[1], Failure):
                raise RuntimeError(one[1].message)
            progress, strips = one[1]
            for strip in strips:
                write(strip)
        yield progress  # what is left of a picture before, whose file failed, is dropped
        if progress.done == progress.total:
            return
