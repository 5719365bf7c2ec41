"""Many programs at the page's API at once, and programs that leave in mid-run.

    python -m benchmarks.load [--minutes 5] [--clients 50] [--leavers 100]

Each has a picture of its own and compares the file that it gets, byte for byte, with what the library makes of it here;
who is told that too many wait comes again a second later. Writes benchmarks/results/load.json: answers, the
server's memory over time, and how long the device was not free after somebody had left.
"""

import argparse
import collections
import json
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

from tests.serving import ROOT, Served, served
from tests.visitors import Errand, errand, leave_in_mid_run, visitor

RESULTS = ROOT / "benchmarks" / "results" / "load.json"
EXAMPLE = ROOT / "examples" / "cat.png"
# glibc gives nearly every thread a heap of its own, and memory that one has freed is not there for the others
ARENAS = "2"


def resident(process: int) -> float:
    """MiB of memory that a process has in use."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def crowd(page: Served, errands: list[Errand], minutes: float) -> dict[str, Any]:
    """All at once, again and again."""
    answers: collections.Counter[str] = collections.Counter()
    seconds: list[float] = []
    memory: list[float] = []
    clients = [visitor(page.url) for _ in errands]
    began = time.monotonic()
    end = began + 60 * minutes

    def visit(n: int) -> None:
        while time.monotonic() < end:
            asked = time.monotonic()
            answer = errands[n].run(clients[n])
            answers[answer] += 1
            if answer == "right":
                seconds.append(time.monotonic() - asked)
            else:
                time.sleep(1)

    def watch() -> None:
        while time.monotonic() < end:
            memory.append(round(resident(page.process), 1))
            time.sleep(5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(len(errands)) as visitors:
        list(visitors.map(visit, range(len(errands))))
    watcher.join()
    for client in clients:
        client.close()
    seconds.sort()
    return {
        "minutes": round((time.monotonic() - began) / 60, 1),
        "clients": len(errands),
        "answers": dict(answers),
        "seconds": {"median": round(seconds[len(seconds) // 2], 1), "longest": round(seconds[-1], 1)},
        "resident_mib": memory,
    }


def leavers(page: Served, one: Errand, count: int) -> dict[str, Any]:
    """One after the other leaves in mid-run; somebody who comes then gets what is due."""
    client, answers, seconds = visitor(page.url), collections.Counter[str](), []
    tiles, memory = 0, []
    for n in range(count):
        tiles += leave_in_mid_run(page.url, EXAMPLE)
        left = time.monotonic()
        answers[one.run(client)] += 1
        seconds.append(time.monotonic() - left)
        if n % 10 == 9:
            memory.append(round(resident(page.process), 1))
    client.close()
    return {
        "left": count,
        "tiles": tiles,
        "answers": dict(answers),
        "seconds": {"median": round(sorted(seconds)[count // 2], 1), "longest": round(max(seconds), 1)},
        "resident_mib": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--leavers", type=int, default=100)
    chosen = parser.parse_args()
    others = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as home:
        errands = [errand(number, Path(mine)) for number in range(chosen.clients)]
        with served(Path(home), CUDA_VISIBLE_DEVICES="", MALLOC_ARENA_MAX=ARENAS) as page:
            together = crowd(page, errands, chosen.minutes)
            print(json.dumps(together), flush=True)
            apart = leavers(page, errands[0], chosen.leavers)
            print(json.dumps(apart), flush=True)
        left = [file.name for file in Path(home).glob("caesr-*")]
        tracebacks = (Path(home) / "log").read_text().count("Traceback")
    result = {
        "date": str(date.today()),
        "command": f"python -m benchmarks.load --minutes {chosen.minutes:g} --clients {chosen.clients} "
        f"--leavers {chosen.leavers}",
        "machine": f"{os.cpu_count()} cores",
        "others": round(others, 1),  # processes that wanted a core already before
        "together": together,
        "leaving": apart,
        "folders_left": left,
        "tracebacks": tracebacks,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
