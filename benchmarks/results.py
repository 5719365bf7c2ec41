"""Read and write benchmarks/results/*.json, atomically, with the date, command and machine of each measurement."""

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks import ROOT
from zoo.checkpoint_files import write_atomically

RESULTS = ROOT / "benchmarks" / "results"
PROCESSOR_TIMES = Path("/proc/stat")


def read(name: str) -> dict[str, Any]:
    """Return the content of results/NAME.json; empty if it does not exist."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def write(name: str, content: dict[str, Any]) -> None:
    """Replace results/NAME.json atomically, and print where it is."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    write_atomically(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    print(f"Written: {file}")


@contextmanager
def update(name: str) -> Iterator[dict[str, Any]]:
    """Yield the content of results/NAME.json to be changed, and write it; other processes wait for their turn."""
    import fcntl  # not on Windows

    RESULTS.mkdir(exist_ok=True)
    lock = os.open(RESULTS, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = read(name)
        yield content
        write(name, content)
    finally:
        os.close(lock)


def show(row: dict[str, Any]) -> None:
    """Print a line of a result at once, for whoever watches a long measurement."""
    print(json.dumps(row, ensure_ascii=False), flush=True)


def header() -> dict[str, Any]:
    """Describe a measurement that is about to begin: date, command, processor, cores in use by others, torch."""
    return {
        "date": str(date.today()),
        "command": command(),
        "cpu": processor(),
        "busy": busy(),
        "torch": torch.__version__,
    }


def command() -> str:
    """Return the command line of this process, as one types it at the root of the repository."""
    spec = sys.modules["__main__"].__spec__
    program = ["-m", spec.name] if spec else [sys.argv[0]]
    return shlex.join(["python", *program, *sys.argv[1:]])


def processor() -> str:
    """Return the name of the CPU, and the number of threads that torch uses."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads"


def busy(seconds: float = 3) -> float | None:
    """Return how many cores other programs use, near 0 on an idle machine; None where Linux's /proc is missing."""
    if not PROCESSOR_TIMES.exists():
        return None
    before = processor_ticks()
    time.sleep(seconds)
    ticks = [now - then for now, then in zip(processor_ticks(), before, strict=True)]
    idle, waiting = ticks[3:5]
    return round((os.cpu_count() or 1) * (1 - (idle + waiting) / sum(ticks)), 2)


def processor_ticks() -> list[int]:
    """Return the ticks of all cores since the start: user, nice, system, idle, waiting, … (man proc_stat)."""
    return [int(ticks) for ticks in PROCESSOR_TIMES.read_text().splitlines()[0].split()[1:9]]
