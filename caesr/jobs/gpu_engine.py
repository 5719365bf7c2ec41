"""The engine for a GPU in this process: while it computes a picture, the files of those before it are written.

Each job has a thread, in which its picture is read and its file is written, and one thread computes. So a GPU waits for
a file only when as many bytes of results as may wait in memory do so.
"""

import os
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np

from caesr.engine.device import free_memory
from caesr.engine.progress import Progress, Steps
from caesr.engine.upscaler import Upscaler
from caesr.files.lazy import LazyPixels
from caesr.jobs.report import Job, Status
from caesr.jobs.run_ahead import POLL_SECONDS, QUEUED_SHARE, iterate_tiles, run_ahead, tile_bytes

JOBS_AT_ONCE = min(8, max(3, os.cpu_count() or 1))  # one is computed, the files of the others are read and written
SMALL_PIXELS = 4_000_000  # of a picture that is decoded in its own thread, not by and by in the one that computes

Event = tuple[int, Progress | Status | BaseException]  # the number of a job, and what happened to it
RunJob = Callable[[Mapping[str, "UpscalerAhead"], Job], Generator[Progress, None, Status]]


@dataclass(frozen=True)
class UpscalerAhead:
    """An Upscaler that computes in the device's thread, ahead of who writes the rows."""

    upscaler: Upscaler
    thread: ThreadPoolExecutor
    max_bytes: float  # of rows that may wait

    def upscale_rows(
        self, image: np.ndarray | LazyPixels, scale: float, write: Callable[[np.ndarray], None]
    ) -> Generator[Progress]:
        """Upscale an image as `Upscaler.upscale_rows`, but yield the progress so far several times a second."""
        if isinstance(image, LazyPixels) and image.shape[0] * image.shape[1] <= SMALL_PIXELS:
            image = image[:, :]
        progress, steps = Progress(0, 1, 0.0), iterate_tiles(self.upscaler, image, scale)
        made = run_ahead(self.thread, steps, tile_bytes, self.max_bytes)
        with closing(made) as tiles:
            for tile in tiles:
                if tile is not None:
                    progress, strips = tile
                    for strip in strips:
                        write(strip)
                yield progress


def run_jobs(
    upscalers: Mapping[str, Upscaler], jobs: Iterable[Job], run_job: RunJob, watch: Callable[[Job, Progress], None]
) -> Generator[Status]:
    """Do jobs, several at once; closing the generator, or an exception such as Ctrl-C, leaves no unfinished file.

    Args:
        watch: is told how far the oldest job is that is not done.
    """
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    unfinished: dict[int, Job] = {}
    is_stopped, max_bytes = threading.Event(), QUEUED_SHARE * free_memory() / JOBS_AT_ONCE

    def do(number: int, job: Job) -> None:
        try:
            steps = Steps(run_job(ahead, job))
            with closing(iter(steps)) as progresses:
                for progress in progresses:
                    if is_stopped.is_set():
                        return
                    events.put((number, progress))
            events.put((number, steps.result))
        except BaseException as error:
            events.put((number, error))

    with ThreadPoolExecutor(1, "device") as device, ThreadPoolExecutor(JOBS_AT_ONCE, "file") as files:
        ahead = {name: UpscalerAhead(one, device, max_bytes) for name, one in upscalers.items()}
        try:
            numbered = enumerate(jobs)
            while True:
                for number, job in islice(numbered, JOBS_AT_ONCE - len(unfinished)):
                    unfinished[number] = job
                    files.submit(do, number, job)
                if not unfinished:
                    return
                number, event = wait_for(events)
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, Status):
                    del unfinished[number]
                    yield event
                elif number == min(unfinished):
                    watch(unfinished[number], event)
        finally:
            is_stopped.set()


def wait_for(events: "queue.SimpleQueue[Event]") -> Event:
    """Return the next event. Windows hears Ctrl-C only between two waits."""
    while True:
        try:
            return events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
