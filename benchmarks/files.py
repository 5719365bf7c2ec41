"""What a picture costs apart from the network: reading and writing it, listing and recording it.

    python benchmarks/files.py

Processor time is measured, not time on the clock, so that other programs hardly matter. The result goes to
results/files.json, for docs/scale.md.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

os.environ["VIPS_CONCURRENCY"] = "1"  # as workers do: pictures in parallel, not parts of one

import numpy as np

from caesr import Upscaler, load_family
from caesr.files.picture import Picture
from caesr.files.read import read_picture
from caesr.files.write import write_picture
from caesr.jobs.bulk import enlarge_all
from caesr.jobs.runner import Job, Outcome, Wish

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "files.json"
PHOTOGRAPHS = ("astronaut", "cat", "coffee", "rocket")
FORMATS = ("jpg", "webp", "png", "tif")
PICTURES = 5000  # for the driver


def processor_time(work: Callable[[], object], rounds: int = 3) -> float:
    """Seconds of a core; the least of some rounds."""
    spent = []
    for _ in range(rounds):
        before = time.process_time()
        work()
        spent.append(time.process_time() - before)
    return min(spent)


def files(folder: Path) -> dict[str, dict[str, float]]:
    """Of a megapixel in each format: core-seconds to read and to write, megabytes. Photographs that lite enlarged."""
    upscaler = Upscaler(load_family("lite"), "cpu")
    originals = [read_picture(ROOT / "examples" / f"{name}.png") for name in PHOTOGRAPHS]
    larger = [Picture(np.ascontiguousarray(upscaler(p.pixels[..., :3], 4))) for p in originals]
    megapixels = sum(p.pixels.shape[0] * p.pixels.shape[1] for p in larger) / 1e6
    measured = {}
    for format in FORMATS:
        paths = [folder / f"{n}.{format}" for n in range(len(larger))]
        write = processor_time(lambda paths=paths: [write_picture(p, path) for p, path in zip(larger, paths)])  # type: ignore[misc]  # noqa: B905
        read = processor_time(lambda paths=paths: [read_picture(path) for path in paths])  # type: ignore[misc]
        size = sum(path.stat().st_size for path in paths) / 1e6
        each = {"read_core_s": read, "write_core_s": write, "megabytes": size}
        measured[format] = {name: round(value / megapixels, 4) for name, value in each.items()}
    return measured


def driver(folder: Path) -> float:
    """Core-seconds a picture of listing, naming and recording, with an engine that does nothing."""

    def nothing(jobs: Iterable[Job]) -> Generator[Outcome]:
        yield from map(Outcome, jobs)

    (folder / "in").mkdir()
    for n in range(PICTURES):
        (folder / "in" / f"{n}.jpg").touch()

    def batch() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            enlarge_all(nothing, [str(folder / "in")], out, Wish(4), {}, say=lambda *_, **__: None)

    return processor_time(batch) / PICTURES


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "command": "python benchmarks/files.py",
            "date": time.strftime("%Y-%m-%d"),
            "formats": files(Path(folder)),
            "driver_core_s": round(driver(Path(folder)), 6),
        }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
