"""Fuzz the readers of pictures and checkpoints: whatever a file holds, it is read or refused with a plain sentence.

    python tests/fuzz.py --cases 100000 --seed 1

A case is a mutation of a valid file, reproducible from the seed and its number. Worker processes run the cases: the
file of a case that crashes or hangs its worker is kept, and a new worker goes on with the next. The report is written
to benchmarks/results/fuzz.json; the exit code is 1 if a case was neither read nor refused, or if a library wrote to
stderr. Linux only, since it measures the memory of single cases.
"""

import argparse
import collections
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("VIPS_CONCURRENCY", "1")

import pyvips  # noqa: E402

from caesr.files.picture import PictureError  # noqa: E402 - found by the path above
from caesr.files.read import inspect, read_picture  # noqa: E402
from caesr.model.caeresnet import CAEResNet  # noqa: E402
from tests import mutate, seeds  # noqa: E402
from zoo.checkpoint_files import CheckpointError  # noqa: E402

CPU_SECONDS = 5  # a case that takes more processor time hangs
WALL_SECONDS = 60  # and so does one that takes longer by the clock, waiting for something
MAX_PIXELS = 4_000_000  # the readers' limit, so that a bomb shows in memory
MAX_MEBIBYTES = 256  # a case that takes more memory is a bomb: several times what that many pixels take
MAX_ADDRESS_BYTES = 8 << 30  # of address space that a worker may add; protects the machine
CHUNK_CASES = 2500  # of one worker, so that a leak of one case does not count for all that follow
EXPECTED = ("read", "refused")
WEIGHTS = "model.safetensors"


class Cases:
    """The cases of a seed."""

    def __init__(self, seed: int):
        self.seed, self.pictures, self.checkpoint = seed, seeds.make_pictures(), seeds.make_checkpoint()
        self.valid = self.pictures | self.checkpoint
        self.kinds = list(self.valid)

    def make(self, number: int) -> tuple[str, bytes]:
        """Return the kind of a case and its damaged bytes."""
        random = Random(f"{self.seed} {number}")
        kind = self.kinds[number % len(self.kinds)]
        if kind == WEIGHTS:
            return kind, mutate.mutate_weights(random, self.checkpoint[kind])
        if kind in self.checkpoint:
            return kind, mutate.mutate_json(random, self.checkpoint[kind])
        other = self.pictures[random.choice(list(self.pictures))]
        return kind, mutate.mutate(random, self.pictures[kind], other)


def try_to_read(kind: str, data: bytes, folder: Path) -> str:
    """Return what the readers do with a file: "read", "refused", or a description of the failure."""
    try:
        if kind.endswith((".json", ".safetensors")):
            (folder / kind).write_bytes(data)
            CAEResNet.from_pretrained(folder)
        else:
            (folder / "case").write_bytes(data)
            info = inspect(folder / "case")
            picture = read_picture(folder / "case", max_pixels=MAX_PIXELS)
            if picture.pixels.shape[:2] != (info.height, info.width):
                return f"other size: {picture.pixels.shape} is not {info}"
        return "read"
    except (PictureError, CheckpointError) as error:
        message = str(error)
        is_sentence = message.endswith(".") and "\n" not in message and len(message) < 600
        return "refused" if is_sentence else f"no sentence: {message[:300]!r}"
    except Exception as error:  # which the fuzzer is looking for
        return f"{type(error).__name__}: {str(error)[:300]}"


def run_worker(cases: Cases, start: int, stop: int) -> None:
    """Run cases in this process: before each a line on stdout with its number, after it a line with its result."""
    limit = 1024 * process_memory("VmSize") + MAX_ADDRESS_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, data in cases.valid.items():  # what a library does only once must not count for the first case
            try_to_read(kind, data, folder)
        for number in range(start, stop):
            kind, data = cases.make(number)
            for file, valid in cases.checkpoint.items():
                if kind in cases.checkpoint and file != kind:
                    (folder / file).write_bytes(valid)
            write_line(number)
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak of memory
            memory_before, cpu_before = process_memory("VmRSS"), time.process_time()
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # kills the process with SIGPROF
            signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)  # kills it with SIGALRM
            stderr_size = os.fstat(sys.stderr.fileno()).st_size
            outcome = try_to_read(kind, data, folder)
            if os.fstat(sys.stderr.fileno()).st_size > stderr_size:
                outcome = f"spoke: on stderr, when it was {outcome}"
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            mebibytes = (process_memory("VmHWM") - memory_before) / 1024
            write_line([kind, outcome, time.process_time() - cpu_before, mebibytes])


def process_memory(field: str) -> int:
    """Return a figure of this process in KiB: VmSize, VmRSS (now) or VmHWM (peak)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0])


def write_line(value: object) -> None:
    """Write a line of JSON to stdout."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


Result = tuple[int, str | None, str, float, float]  # number, kind, outcome, seconds, MiB of a case


def run_cases(seed: int, count: int, jobs: int) -> Iterator[Result]:
    """Run cases in worker processes and yield their results; the kind of a case that ended its worker is None."""

    def run(start: int) -> list[Result]:
        return run_chunk(seed, start, min(start + CHUNK_CASES, count))

    with ThreadPoolExecutor(jobs) as pool:
        for results in pool.map(run, range(0, count, CHUNK_CASES)):
            yield from results


def run_chunk(seed: int, start: int, stop: int) -> list[Result]:
    """Run cases in one worker after the other."""
    results: list[Result] = []
    while start < stop:
        running = None  # number of the case at which the worker is
        command = [sys.executable, str(Path(__file__)), "--seed", str(seed), "--worker", str(start), str(stop)]
        with tempfile.TemporaryFile("w+") as stderr:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as worker:
                assert worker.stdout is not None
                for line in worker.stdout:
                    value = json.loads(line)
                    if isinstance(value, int):
                        running = value
                    else:
                        assert running is not None
                        results.append((running, *value))
                        start, running = running + 1, None
            stderr.seek(0)
            errors = stderr.read()
        if running is not None:
            hangs = worker.returncode in (-signal.SIGPROF, -signal.SIGALRM)
            results.append((running, None, "hang" if hangs else f"crash: exit code {worker.returncode}", 0, 0))
            start = running + 1
        elif worker.returncode:  # between cases: the fuzzer itself failed
            raise RuntimeError(f"Worker of cases {start} to {stop}: exit code {worker.returncode}\n{errors[-3000:]}")
    return results


def fuzz(seed: int, count: int, keep: Path, jobs: int = 1) -> dict[str, Any]:
    """Run cases and return the report; the files of those that failed are kept in a folder."""
    cases, began = Cases(seed), time.monotonic()
    kinds: collections.Counter[str] = collections.Counter()
    outcomes: collections.Counter[str] = collections.Counter()
    failures: list[dict[str, Any]] = []
    slowest, largest = {"seconds": 0.0}, {"mebibytes": 0.0}
    for number, known_kind, outcome, seconds, mebibytes in run_cases(seed, count, jobs):
        kind = known_kind or cases.make(number)[0]
        if mebibytes > MAX_MEBIBYTES:
            outcome = f"bomb: {mebibytes:.0f} MiB"
        kinds[kind] += 1
        outcomes[outcome.split(":")[0]] += 1
        case = {"case": number, "kind": kind}
        if round(seconds, 3) > slowest["seconds"]:
            slowest = {"seconds": round(seconds, 3)} | case
        if round(mebibytes, 1) > largest["mebibytes"]:
            largest = {"mebibytes": round(mebibytes, 1)} | case
        if outcome not in EXPECTED:
            keep.mkdir(parents=True, exist_ok=True)
            file = keep / f"{seed}-{number}-{kind.replace(' ', '-')}"
            file.write_bytes(cases.make(number)[1])
            failures.append(case | {"outcome": outcome})
            sys.stderr.write(f"{file}: {outcome}\n")
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "seed": seed,
        "cases": count,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "limits": {"seconds": CPU_SECONDS, "mebibytes": MAX_MEBIBYTES, "pixels": MAX_PIXELS},
        "outcomes": dict(outcomes),
        "slowest": slowest,
        "largest": largest,
        "wrong": failures,
        "kinds": dict(kinds),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "fuzz.json")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="folder for files that failed")
    parser.add_argument("--jobs", type=int, default=1, help="workers at the same time")
    parser.add_argument("--worker", type=int, nargs=2, metavar=("START", "STOP"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        run_worker(Cases(options.seed), *options.worker)
        return 0
    command = f"python tests/fuzz.py --cases {options.cases} --seed {options.seed}"
    report = {"command": command} | fuzz(options.seed, options.cases, options.keep, options.jobs)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    write_line({key: report[key] for key in ("cases", "minutes", "outcomes", "slowest", "largest")})
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
