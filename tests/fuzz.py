"""Damaged files by the hundred thousand: whatever a file holds, a reader reads it or refuses it in a sentence.

    python tests/fuzz.py --cases 100000 --seed 1

A case is a mutation of a sound file, made anew from the seed and its number. Worker processes take the cases: one that
crashes or hangs a worker is kept as a file, and a new worker goes on with the next. The report is written to
benchmarks/results/fuzz.json; exit code 1 if there was anything but pictures, networks and refusals, or if a library
spoke on stderr. Linux only, for the memory of a single case.
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

SECONDS = 5  # of the processor: a case that takes more hangs
WAITING = 60  # seconds by the clock: so does one that waits for something that never comes
PIXELS = 4_000_000  # the readers' limit here, so that a bomb shows as memory
MEBIBYTES = 256  # more than this for a case is a bomb: several times what so many pixels take
ADDRESSES = 8 << 30  # bytes of address space beyond what a worker starts with: the machine itself stays safe
CHUNK = 2500  # cases of one worker, lest a leak of one be blamed on another
FINE = ("read", "refused")
WEIGHTS = "model.safetensors"


class Cases:
    """The cases of a seed: `file` gives the kind of a number and the damaged bytes."""

    def __init__(self, seed: int):
        self.seed, self.pictures, self.checkpoint = seed, seeds.seeds(), seeds.checkpoint()
        self.sound = self.pictures | self.checkpoint
        self.kinds = list(self.sound)

    def file(self, number: int) -> tuple[str, bytes]:
        random = Random(f"{self.seed} {number}")
        kind = self.kinds[number % len(self.kinds)]
        if kind == WEIGHTS:
            return kind, mutate.mutated_weights(random, self.checkpoint[kind])
        if kind in self.checkpoint:
            return kind, mutate.mutated_text(random, self.checkpoint[kind])
        other = self.pictures[random.choice(list(self.pictures))]
        return kind, mutate.mutated(random, self.pictures[kind], other)


def attempt(kind: str, data: bytes, folder: Path) -> str:
    """What the readers make of a file: "read", "refused", or what should not have been."""
    try:
        if kind.endswith((".json", ".safetensors")):
            (folder / kind).write_bytes(data)
            CAEResNet.from_pretrained(folder)
        else:
            (folder / "case").write_bytes(data)
            facts = inspect(folder / "case")
            seen = read_picture(folder / "case", max_pixels=PIXELS)
            if seen.pixels.shape[:2] != (facts.height, facts.width):
                return f"other size: {seen.pixels.shape} is not {facts}"
        return "read"
    except (PictureError, CheckpointError) as error:
        message = str(error)
        good = message.endswith(".") and "\n" not in message and len(message) < 600
        return "refused" if good else f"no sentence: {message[:300]!r}"
    except Exception as error:  # what is looked for
        return f"{type(error).__name__}: {str(error)[:300]}"


def work(cases: Cases, first: int, last: int) -> None:
    """A worker: a line on stdout before each case and one after it."""
    limit = 1024 * memory("VmSize") + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, sound in cases.sound.items():  # what a library does only once is not the first case's doing
            attempt(kind, sound, folder)
        for number in range(first, last):
            kind, data = cases.file(number)
            for file, sound in cases.checkpoint.items():
                if kind in cases.checkpoint and file != kind:
                    (folder / file).write_bytes(sound)
            say(number)
            Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
            before, began = memory("VmRSS"), time.process_time()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)  # ends the process by SIGPROF, wherever it is
            signal.setitimer(signal.ITIMER_REAL, WAITING)  # and this by SIGALRM
            heard = os.fstat(sys.stderr.fileno()).st_size
            outcome = attempt(kind, data, folder)
            if os.fstat(sys.stderr.fileno()).st_size > heard:
                outcome = f"spoke: on stderr, when it was {outcome}"
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.setitimer(signal.ITIMER_PROF, 0)
            say([kind, outcome, time.process_time() - began, (memory("VmHWM") - before) / 1024])


def memory(field: str) -> int:
    """A figure of this process in KiB: VmSize, VmRSS (now) or VmHWM (at most)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0])


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


Result = tuple[int, str | None, str, float, float]  # number, kind, outcome, seconds, MiB of a case


def results(seed: int, cases: int, jobs: int) -> Iterator[Result]:
    """Every case; of one that ended its worker the kind is not known yet."""
    first = range(0, cases, CHUNK)
    with ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(lambda first: chunk(seed, first, min(first + CHUNK, cases)), first):
            yield from found


def chunk(seed: int, first: int, last: int) -> list[Result]:
    """Some cases, by one worker after the other."""
    found: list[Result] = []
    while first < last:
        number = None
        command = [sys.executable, str(Path(__file__)), "--seed", str(seed), "--worker", str(first), str(last)]
        with tempfile.TemporaryFile("w+") as errors:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as worker:
                assert worker.stdout is not None
                for line in worker.stdout:
                    if isinstance(told := json.loads(line), int):
                        number = told
                    else:
                        assert number is not None
                        found.append((number, *told))
                        first, number = number + 1, None
            errors.seek(0)
            said = errors.read()
        if number is not None:
            hangs = worker.returncode in (-signal.SIGPROF, -signal.SIGALRM)
            found.append((number, None, "hang" if hangs else f"crash: exit code {worker.returncode}", 0, 0))
            first = number + 1
        elif worker.returncode:  # not one of the cases: fuzzing itself went wrong
            raise RuntimeError(f"Worker of cases {first} to {last}: exit code {worker.returncode}\n{said[-3000:]}")
    return found


def run(seed: int, count: int, keep: Path, jobs: int = 1) -> dict[str, Any]:
    """Try `count` cases; the files of those that went wrong are kept."""
    cases, began = Cases(seed), time.monotonic()
    kinds: collections.Counter[str] = collections.Counter()
    outcomes: collections.Counter[str] = collections.Counter()
    wrong: list[dict[str, Any]] = []
    slowest, largest = {"seconds": 0.0}, {"mebibytes": 0.0}
    for number, known, outcome, seconds, mebibytes in results(seed, count, jobs):
        kind = known or cases.file(number)[0]
        if mebibytes > MEBIBYTES:
            outcome = f"bomb: {mebibytes:.0f} MiB"
        kinds[kind] += 1
        outcomes[outcome.split(":")[0]] += 1
        this = {"case": number, "kind": kind}
        slowest = max(slowest, {"seconds": round(seconds, 3)} | this, key=lambda case: case["seconds"])
        largest = max(largest, {"mebibytes": round(mebibytes, 1)} | this, key=lambda case: case["mebibytes"])
        if outcome not in FINE:
            keep.mkdir(parents=True, exist_ok=True)
            file = keep / f"{seed}-{number}-{kind.replace(' ', '-')}"
            file.write_bytes(cases.file(number)[1])
            wrong.append(this | {"outcome": outcome})
            sys.stderr.write(f"{file}: {outcome}\n")
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "libvips": ".".join(str(pyvips.version(part)) for part in range(3)),
        "seed": seed,
        "cases": count,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "limits": {"seconds": SECONDS, "mebibytes": MEBIBYTES, "pixels": PIXELS},
        "outcomes": dict(outcomes),
        "slowest": slowest,
        "largest": largest,
        "wrong": wrong,
        "kinds": dict(kinds),
    }


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "fuzz.json")
    options.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="folder for files that went wrong")
    options.add_argument("--jobs", type=int, default=1, help="workers at once")
    options.add_argument("--worker", type=int, nargs=2, metavar=("FIRST", "LAST"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.worker:
        work(Cases(chosen.seed), *chosen.worker)
        return 0
    command = f"python tests/fuzz.py --cases {chosen.cases} --seed {chosen.seed}"
    report = {"command": command} | run(chosen.seed, chosen.cases, chosen.keep, chosen.jobs)
    chosen.out.write_text(json.dumps(report, indent=1) + "\n")
    say({key: report[key] for key in ("cases", "minutes", "outcomes", "slowest", "largest")})
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
