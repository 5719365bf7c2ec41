"""The engine for many machines: a Ray actor to every so many CPU cores or share of a GPU, a job at a time.

Only the driver lists and records; workers read and write pictures themselves. A worker may be killed at any time,
with its machine, too: its job is given to another. Needs `pip install caesr[scale]`; without $RAY_ADDRESS, Ray is
started on this machine alone.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import Any

from caesr.engine.upscaler import Upscaler
from caesr.jobs.runner import Engine, Job, Outcome, Wish, attempt

DEATHS = 3  # as often may workers end over one picture; then it is the picture's fault
START = 3  # as many workers in a row may fail to start
PATIENCE = 60.0  # seconds of silence after which it is said that something is waited for
FORWARDED = ("CAESR_MAX_PIXELS", "VIPS_CONCURRENCY")
SHELF = 100_000_000  # bytes of Ray's shared memory where we start it: it holds networks only


class Worker:
    """Enlarges pictures in a process of its own."""

    def __init__(self, models: list[Any], device: str, threads: int, options: dict[str, Any], wish: Wish):
        import torch

        torch.set_num_threads(threads)
        self.upscaler, self.wish = Upscaler(models, device, **options), wish

    def ready(self) -> None:
        """Answers when there is a process."""

    def enlarge(self, job: Job) -> Outcome:
        """Do a job."""
        return next(step for step in attempt(self.upscaler, job, self.wish) if isinstance(step, Outcome))


def engine(
    upscaler: Upscaler,
    wish: Wish,
    device: str = "auto",
    cores: int = 1,
    per_gpu: int = 2,
    say: Callable[..., None] = print,
) -> Engine:
    """The engine that has a cluster do the jobs.

    Args:
        upscaler: every worker gets one like it, its networks sent along.
        device: "auto" takes the cluster's GPUs if it has any, else its CPU cores.
        cores: CPU cores of a worker; on GPUs, too.
        per_gpu: workers that share a GPU, so that one reads and writes while another computes.
        say: takes a line of what is worth knowing.
    Raises:
        RuntimeError: Ray is not installed, the cluster has no room for a worker, or workers cannot be started.
    """
    ray = start()
    gpus = int(ray.cluster_resources().get("GPU", 0)) if device in ("auto", "cuda") else 0
    room = gpus * per_gpu if gpus else int(ray.cluster_resources().get("CPU", 0)) // max(cores, 1)
    if room < 1 or (device not in ("auto", "cpu", "cuda")) or (device == "cuda" and not gpus):
        raise RuntimeError(
            f"The cluster has no room for a worker of {cores} cores on device {device!r}: choose others."
        )
    needs = {"num_cpus": cores} | ({"num_gpus": 1 / per_gpu} if gpus else {})
    options = {
        "tile": upscaler.tile,
        "ensemble": upscaler.symmetries > 1,
        "true_to_input": upscaler.true_to_input,
        "precision": upscaler.asked,
    }
    models = ray.put([model.cpu() for model in upscaler.models.values()])
    new = ray.remote(**needs)(Worker).remote

    def outcomes(jobs: Iterable[Job]) -> Generator[Outcome]:
        left, deaths, misses = iter(jobs), dict[Job, int](), 0
        again = deque(islice(left, room))  # before anybody is hired: there are no more workers than jobs
        busy: dict[Any, tuple[Any, Job | None]] = {}  # what is waited for: the worker, and its job if it is ready

        def hire() -> None:
            worker = new(models, "cuda" if gpus else "cpu", max(cores, 1), options, wish)
            busy[worker.ready.remote()] = worker, None

        for _ in again:
            hire()
        try:
            while busy:
                done, _ = ray.wait(list(busy), timeout=PATIENCE)
                if not done:
                    say(f"{len(busy)} workers have been silent for {PATIENCE:.0f} s; they are waited for")
                    continue
                worker, job = busy.pop(done[0])
                outcome: Outcome | None = None
                try:
                    outcome, misses = ray.get(done[0]), 0
                except ray.exceptions.RayError as error:  # its process ended, or its machine, or for want of memory
                    ray.kill(worker)  # it may be only out of reach: no job is done by two
                    hire()
                    if job is None:
                        misses += 1
                        if misses == START:
                            raise RuntimeError(f"Workers cannot be started: {error}") from error
                        continue
                    deaths[job] = deaths.get(job, 0) + 1
                    if deaths[job] < DEATHS:
                        say(f"{job.found.name}: its worker ended; another begins it again")
                        again.append(job)
                    else:
                        why = f"{DEATHS} workers ended over it ({type(error).__name__}); perhaps memory is short."
                        outcome = Outcome(job, error=f"{job.source}: {why}")
                else:
                    following = again.popleft() if again else next(left, None)
                    if following is None:
                        ray.kill(worker)
                    else:
                        busy[worker.enlarge.remote(following)] = worker, following
                if outcome is not None:
                    yield outcome
        finally:
            for worker, _ in busy.values():
                ray.kill(worker)

    return outcomes


def start() -> Any:
    """Ray, connected to the cluster of $RAY_ADDRESS or else started here.

    Raises:
        RuntimeError: it is not installed, or does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ImportError as error:
        raise RuntimeError("--engine ray needs Ray: pip install 'caesr[scale]'.") from error
    if not ray.is_initialized():
        env = {"env_vars": {name: os.environ[name] for name in FORWARDED if name in os.environ}}
        address = os.environ.get("RAY_ADDRESS")
        alone: dict[str, Any] = {} if address else {"include_dashboard": False, "object_store_memory": SHELF}
        try:
            ray.init(address, runtime_env=env, log_to_driver=False, configure_logging=False, **alone)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RuntimeError(f"Ray cannot be reached or started: {error}") from error
    return ray
