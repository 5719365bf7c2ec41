"""Measure many programs at the page's API at once, and programs that disconnect in the middle of a run.

    python -m benchmarks.measure.load [--minutes 5] [--clients 50] [--leavers 100]

Each has a picture of its own and compares the file that it gets, byte for byte, with what the library makes of it here;
one that is told that too many wait asks again a second later. Writes benchmarks/results/load.json: answers, the
server's memory over time, and how long the next client waited after another had disconnected.
"""

import argparse
import collections
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import results
from benchmarks.pictures import CAT
from tests.serving import Served, served
from tests.visitors import Errand, errand, leave_in_mid_run, visitor

MEMORY_SECONDS = 5  # between two samples of the server's memory


def run_together(page: Served, errands: list[Errand], minutes: float) -> dict[str, Any]:
    """Have all clients ask at once, again and again, for so many minutes."""
    answers: collections.Counter[str] = collections.Counter()
    seconds: list[float] = []
    memory: list[float] = []
    clients = [visitor(page.url) for _ in errands]
    began = time.monotonic()
    end = began + 60 * minutes

    def ask(n: int) -> None:
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
            memory.append(round(page.memory(), 1))
            time.sleep(MEMORY_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(len(errands)) as threads:
        list(threads.map(ask, range(len(errands))))
    watcher.join()
    for client in clients:
        client.close()
    about = {"minutes": round((time.monotonic() - began) / 60, 1), "clients": len(errands)}
    return about | summary(answers, seconds, memory)


def run_leavers(page: Served, next_errand: Errand, count: int) -> dict[str, Any]:
    """Disconnect in the middle of a run, one client after the other, and serve another client after each."""
    client, answers = visitor(page.url), collections.Counter[str]()
    seconds: list[float] = []
    memory: list[float] = []
    tiles = 0
    for n in range(count):
        tiles += leave_in_mid_run(page.url, CAT)
        left = time.monotonic()
        answers[next_errand.run(client)] += 1
        seconds.append(time.monotonic() - left)
        if n % 10 == 9:
            memory.append(round(page.memory(), 1))
    client.close()
    return {"left": count, "tiles": tiles} | summary(answers, seconds, memory)


def summary(answers: collections.Counter[str], seconds: list[float], memory: list[float]) -> dict[str, Any]:
    """Return the answers by kind, the median and longest time of the right ones, and the server's memory in MiB."""
    ordered = sorted(seconds)
    return {
        "answers": dict(answers),
        "seconds": {"median": round(ordered[len(ordered) // 2], 1), "longest": round(ordered[-1], 1)},
        "resident_mib": memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--leavers", type=int, default=100)
    options = parser.parse_args()
    about = results.header() | {"machine": f"{os.cpu_count()} cores"}
    about["others"] = round(os.getloadavg()[0], 1)  # processes that wanted a core already before
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as home:
        errands = [errand(number, Path(mine)) for number in range(options.clients)]
        with served(Path(home), CUDA_VISIBLE_DEVICES="") as page:
            found = {"together": run_together(page, errands, options.minutes)}
            results.show(found)
            found["leaving"] = run_leavers(page, errands[0], options.leavers)
        left = [file.name for file in Path(home).glob("caesr-*")]
        tracebacks = (Path(home) / "log").read_text().count("Traceback")
    results.write("load", about | found | {"folders_left": left, "tracebacks": tracebacks})


if __name__ == "__main__":
    main()
