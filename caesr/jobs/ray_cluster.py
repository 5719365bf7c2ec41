"""The engine for many machines: a Ray actor to every so many CPU cores or share of a GPU, a job at a time.

Only the driver lists and records; workers read and write pictures themselves. A worker may be killed at any time, with
its machine, too: its job is given to another. Needs `pip install caesr[scale]`; without $RAY_ADDRESS, Ray is started on
this machine alone.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import torch

from caesr.engine.progress import Steps
from caesr.engine.upscaler import Upscaler
from caesr.jobs.report import Job, Status
from caesr.jobs.runner import Engine, run_job
from caesr.options import OutputOptions, UpscaleOptions
from zoo.messages import Message

MAX_DEATHS = 3  # of workers over one picture; then it is the picture's fault
MAX_FAILED_STARTS = 3  # of workers in a row
SILENCE_SECONDS = 60.0  # after which it is said that something is waited for
FORWARDED = ("CAESR_MAX_PIXELS", "VIPS_CONCURRENCY")
OBJECT_STORE_BYTES = 100_000_000  # of Ray's shared memory where we start it: it holds networks only


class Worker:
    """Upscales pictures in a process of its own."""

    def __init__(
        self, networks: dict[str, list[Any]], device: str, threads: int, upscale: UpscaleOptions, output: OutputOptions
    ):
        torch.set_num_threads(threads)
        self.upscale, self.output = upscale, output
        self.upscalers = {
            model: Upscaler.from_options(replace(upscale, model=model), members, device)
            for model, members in networks.items()
        }

    def ready(self) -> None:
        """Answer when there is a process."""

    def run(self, job: Job) -> Status:
        """Do a job."""
        steps = Steps(run_job(self.upscalers, job, self.upscale, self.output))
        for _ in steps:
            pass
        return steps.result


def ray_engine(
    upscalers: Mapping[str, Upscaler],
    upscale: UpscaleOptions,
    output: OutputOptions,
    cores: int = 1,
    per_gpu: int = 2,
    say: Callable[[str], None] = print,
) -> Engine:
    """Return the engine that has a cluster do the jobs.

    Args:
        upscalers: by the name of their model; every worker gets such ones, their networks sent along.
        upscale: its device "auto" takes the cluster's GPUs if it has any, else its CPU cores.
        cores: CPU cores of a worker; on GPUs, too.
        per_gpu: workers that share a GPU, so that one reads and writes while another computes.
        say: takes a line of what is worth knowing.
    Raises:
        RuntimeError: Ray is not installed, the cluster has no room for a worker, or workers cannot be started.
    """
    ray, device = start_ray(), upscale.device
    gpus = int(ray.cluster_resources().get("GPU", 0)) if device in ("auto", "cuda") else 0
    room = gpus * per_gpu if gpus else int(ray.cluster_resources().get("CPU", 0)) // max(cores, 1)
    if room < 1 or device not in ("auto", "cpu", "cuda") or (device == "cuda" and not gpus):
        message = "The cluster has no room for a worker of {cores} cores on device {device}: choose others."
        raise RuntimeError(Message(message, cores=cores, device=repr(device)))
    needs = {"num_cpus": cores} | ({"num_gpus": 1 / per_gpu} if gpus else {})
    networks = {name: [model.cpu() for model in one.models.values()] for name, one in upscalers.items()}
    sent = ray.put(networks)
    new_worker = ray.remote(**needs)(Worker).remote

    def run(jobs: Iterable[Job]) -> Generator[Status]:
        remaining, deaths, failed_starts = iter(jobs), dict[Job, int](), 0
        again = deque(islice(remaining, room))  # before workers are started: no more of them than jobs
        busy: dict[Any, tuple[Any, Job | None]] = {}  # what is waited for: the worker, and its job if it is ready

        def hire() -> None:
            worker = new_worker(sent, "cuda" if gpus else "cpu", max(cores, 1), upscale, output)
            busy[worker.ready.remote()] = worker, None

        for _ in again:
            hire()
        try:
            while busy:
                done, _ = ray.wait(list(busy), timeout=SILENCE_SECONDS)
                if not done:
                    say(f"{len(busy)} workers have been silent for {SILENCE_SECONDS:.0f} s; they are waited for")
                    continue
                worker, job = busy.pop(done[0])
                status: Status | None = None
                try:
                    status, failed_starts = ray.get(done[0]), 0
                except ray.exceptions.RayError as error:  # its process ended, or its machine, or for want of memory
                    ray.kill(worker)  # it may only be out of reach: no job is done by two
                    hire()
                    if job is None:
                        failed_starts += 1
                        if failed_starts == MAX_FAILED_STARTS:
                            raise RuntimeError(Message("Workers cannot be started: {why}", why=error)) from error
                        continue
                    deaths[job] = deaths.get(job, 0) + 1
                    if deaths[job] < MAX_DEATHS:
                        say(f"{job.picture.name}: its worker ended; another begins it again")
                        again.append(job)
                    else:
                        message = "{source}: {count} workers ended over it ({kind}); perhaps memory is short."
                        values = {"source": job.source, "count": MAX_DEATHS, "kind": type(error).__name__}
                        status = Status(job, "failed", Message(message, **values))
                else:
                    following = again.popleft() if again else next(remaining, None)
                    if following is None:
                        ray.kill(worker)
                    else:
                        busy[worker.run.remote(following)] = worker, following
                if status is not None:
                    yield status
        finally:
            for worker, _ in busy.values():
                ray.kill(worker)

    return run


def start_ray() -> Any:
    """Return Ray, connected to the cluster of $RAY_ADDRESS or else started here.

    Raises:
        RuntimeError: it is not installed, or does not answer.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported
    try:
        import ray  # an optional extra
    except ImportError as error:
        raise RuntimeError(Message("--engine ray needs Ray: pip install 'caesr[scale]'.")) from error
    if not ray.is_initialized():
        env = {"env_vars": {name: os.environ[name] for name in FORWARDED if name in os.environ}}
        address = os.environ.get("RAY_ADDRESS")
        alone: dict[str, Any] = (
            {} if address else {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        )
        try:
            ray.init(address, runtime_env=env, log_to_driver=False, configure_logging=False, **alone)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise RuntimeError(Message("Ray cannot be reached or started: {why}", why=error)) from error
    return ray
