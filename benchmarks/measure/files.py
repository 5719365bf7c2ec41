"""Measure what a picture costs apart from the network: reading and writing it, listing and recording it.

    python -m benchmarks.measure.files

Processor time is measured, not time by the clock, so that other programs hardly matter. Writes
benchmarks/results/files.json, for docs/scale.md.
"""

import os
import tempfile
import time
from collections.abc import Generator, Iterable
from functools import partial
from pathlib import Path

os.environ["VIPS_CONCURRENCY"] = "1"  # as workers do: pictures in parallel, not parts of one

import numpy as np

from benchmarks import results
from benchmarks.costs import Call, time_in_turns
from benchmarks.pictures import EXAMPLES
from caesr import OutputOptions, UpscaleOptions, Upscaler, load_family
from caesr.files.picture import Picture
from caesr.files.read import read_picture
from caesr.files.write import write_picture
from caesr.jobs.batch import Batch, run_batch
from caesr.jobs.report import Job, Report, Status

FORMATS = ("jpg", "webp", "png", "tif")
PICTURES = 5000  # for the driver


def core_seconds(call: Call, rounds: int = 3) -> float:
    """Return the seconds of a core that a call takes: the least of some rounds."""
    return min(time_in_turns({"call": call}, rounds, clock=time.process_time)["call"])


def measure_formats(folder: Path) -> dict[str, dict[str, float]]:
    """Return core-seconds to read and to write, and megabytes, for a megapixel of photographs that lite upscaled."""
    upscaler = Upscaler(load_family("lite"), "cpu")
    originals = [read_picture(file) for file in EXAMPLES]
    upscaled = [Picture(np.ascontiguousarray(upscaler(p.pixels[..., :3], 4))) for p in originals]
    megapixels = sum(p.pixels.shape[0] * p.pixels.shape[1] for p in upscaled) / 1e6
    found = {}
    for format in FORMATS:
        files = [folder / f"{n}.{format}" for n in range(len(upscaled))]
        cost = {
            "write_core_s": core_seconds(partial(write_all, upscaled, files)),
            "read_core_s": core_seconds(partial(read_all, files)),
            "megabytes": sum(file.stat().st_size for file in files) / 1e6,
        }
        found[format] = {name: round(value / megapixels, 4) for name, value in cost.items()}
    return found


def write_all(pictures: list[Picture], files: list[Path]) -> None:
    """Write every picture into its file."""
    for picture, file in zip(pictures, files, strict=True):
        write_picture(picture, file)


def read_all(files: list[Path]) -> None:
    """Read every file."""
    for file in files:
        read_picture(file)


def measure_driver(folder: Path) -> float:
    """Return the core-seconds for a picture of listing, naming and recording, with an engine that does nothing."""

    def do_nothing(jobs: Iterable[Job]) -> Generator[Status]:
        for job in jobs:
            yield Status(job, "done")

    (folder / "in").mkdir()
    for n in range(PICTURES):
        (folder / "in" / f"{n}.jpg").touch()

    def record_all() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            batch = Batch([str(folder / "in")], out, UpscaleOptions(), OutputOptions(), weights="none")
            run_batch(batch, do_nothing, Report(), say=lambda *_: None)

    return core_seconds(record_all) / PICTURES


def main() -> None:
    about = results.header()
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "formats": measure_formats(Path(folder)),
            "driver_core_s": round(measure_driver(Path(folder)), 6),
        }
    results.show(found)
    results.write("files", about | found)


if __name__ == "__main__":
    main()
