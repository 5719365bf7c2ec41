"""Measure what calls cost: the one timing loop, peak memory, and multiplications."""

import ctypes
import math
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

ROUNDS, MIN_ROUNDS = 15, 3
KERNEL = Path("/proc/self")  # where Linux tells a process of its memory

Call = Callable[[], object]


def time_in_turns(
    calls: Mapping[str, Call],
    rounds: int = ROUNDS,
    *,
    seconds: float = math.inf,
    settle_seconds: float = 0,
    wait: Call | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the seconds that each call took in every round, after an untimed one.

    The calls take turns, so that whatever else the machine does slows all of them alike.

    Args:
        rounds: of every call, at most.
        seconds: for all rounds of a call. A slow one has fewer rounds, but `MIN_ROUNDS`, spread over the whole time.
        settle_seconds: to sleep before each timed call, which an untimed one then precedes: for runtimes whose threads
            keep a core busy for a while after their work.
        wait: returns when the device has finished, as `torch.cuda.synchronize` does.
        clock: `time.process_time` leaves out what other programs take.
    """

    def timed(call: Call) -> float:
        began = clock()
        call()
        if wait:
            wait()
        return clock() - began

    turns = {}
    for name, call in calls.items():
        timed(call)
        affordable = seconds / max(timed(call), 1e-9) if seconds < math.inf else rounds
        turns[name] = int(min(rounds, max(affordable, MIN_ROUNDS)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for done in range(rounds):
        for name, call in calls.items():
            if (done + 1) * turns[name] // rounds == done * turns[name] // rounds:
                continue
            if settle_seconds:
                time.sleep(settle_seconds)
                call()
            times[name].append(timed(call))
    return times


def medians(times: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each list."""
    return {name: statistics.median(spent) for name, spent in times.items()}


def peak_bytes(call: Call) -> int:
    """Return by how many bytes this process grows at most during a call (Linux with glibc)."""
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back to the system, or it would count as taken already
    (KERNEL / "clear_refs").write_text("5")  # forget the highest memory so far (man proc_pid_clear_refs)
    before = resident_bytes("VmRSS")
    call()
    return resident_bytes("VmHWM") - before


def resident_bytes(field: str) -> int:
    """Return this process's resident memory: now ("VmRSS") or at its highest ("VmHWM")."""
    lines = (KERNEL / "status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


@torch.inference_mode()
def kmac(model: nn.Module, x: Tensor) -> float:
    """Return thousands of multiply-adds for a pixel of x, in convolutions, matrix products and attention."""
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops() / 2 / x[0, 0].numel() / 1e3
