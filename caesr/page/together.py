"""Together: jobs of a batch that share the calls of ZeroGPU's GPU.

A job reads its picture and waits. When as many wait as a call has time for, their pictures are computed, and the jobs
go on one after the other, each with the tiles of its own.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from caesr.engine.progress import Progress, Steps
from caesr.files.lazy import LazyPixels
from caesr.jobs.report import Status
from caesr.jobs.run_ahead import Tile
from caesr.page.engine_spec import EngineSpec
from caesr.page.gpu_calls import STARTED, Failure, Work, read_whole, take
from caesr.page.zero_gpu import fit_in_call

MAX_TOGETHER = 32  # jobs; each has the file of its result open

Made = Iterator[tuple[int, Tile | Failure] | None]


@dataclass(frozen=True)
class StartedJob:
    """A job whose picture waits, or is computed."""

    number: int
    steps: Steps[Progress, Status]
    events: Iterator[Progress]


class Together:
    """Does jobs, of whose pictures each call computes as many as it has time for.

    Args:
        computing: computes pictures, and gives what `caesr.page.gpu_calls.take` takes.
        seconds: that a picture takes.
        max_bytes: that pictures of a call may take with their results; one always may.
    """

    def __init__(
        self,
        computing: Callable[[Sequence[Work]], AbstractContextManager[Made]],
        seconds: Callable[[Work], float],
        max_bytes: float,
    ):
        self.computing, self.seconds, self.max_bytes = computing, seconds, max_bytes
        self.waiting: list[Work] = []
        self.made: Made | None = None  # by the call at hand
        self.number = 0  # of the picture in that call whose job goes on

    def run(self, jobs: Iterable[Generator[Progress, None, Status]]) -> Generator[tuple[int, Progress | Status]]:
        """Do jobs whose upscaler is `upscale_rows`: yields the number of each with its progress, at last its status."""
        numbered, started = enumerate(jobs), deque[StartedJob]()
        try:
            while True:
                for number, job in numbered:
                    steps = Steps(job)
                    events = iter(steps)
                    if next(events, None) is None:  # it failed before there was a picture
                        yield number, steps.result
                    else:
                        started.append(StartedJob(number, steps, events))
                        yield number, STARTED
                    if self._fitting() < len(self.waiting) or len(started) == MAX_TOGETHER:
                        break
                if not started:
                    return
                count = self._fitting()
                works, self.waiting = self.waiting[:count], self.waiting[count:]
                with self.computing(works) as self.made:
                    for self.number in range(count):
                        began, one = time.monotonic(), started[0]
                        for event in one.events:
                            yield one.number, event
                        yield one.number, replace(one.steps.result, seconds=time.monotonic() - began)
                        started.popleft()
                self.made = None
        finally:
            for one in started:
                one.events.close()  # type: ignore[attr-defined]  # it is a generator

    def upscale_rows(
        self, spec: EngineSpec, image: np.ndarray | LazyPixels, scale: float, write: Callable[[np.ndarray], None]
    ) -> Generator[Progress]:
        """Upscale the picture of a job, as `Upscaler.upscale_rows`; the first step is to wait for the others."""
        work = Work(spec, read_whole(image, scale), scale)
        if self.made is not None:  # another page of a picture
            with self.computing([work]) as made:
                yield from take(made, 0, write)
            return
        self.waiting.append(work)
        yield STARTED
        assert self.made is not None
        yield from take(self.made, self.number, write)

    def _fitting(self) -> int:
        """Return how many of the pictures that wait, the first ones, a call has time and memory for."""
        sizes = [work.image.nbytes * (1 + work.scale**2) for work in self.waiting]  # type: ignore[union-attr]
        in_memory = max(1, sum(total <= self.max_bytes for total in accumulate(sizes)))
        return min(in_memory, fit_in_call([self.seconds(work) for work in self.waiting]))
