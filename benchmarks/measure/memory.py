"""Measure peak memory and time of the command line, for pictures of 0.07, 12 and 100 megapixels upscaled four times.

    python -m benchmarks.measure.memory

Writes benchmarks/results/memory.json. The largest takes minutes and 5 GB of disk beside the repository.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import ROOT, results
from benchmarks.pictures import tiled_photograph
from caesr.files.picture import Picture
from caesr.files.write import write_picture

CASES = (  # height, width, model, format of the result
    (256, 256, "base", "png"),
    (3000, 4000, "lite", "jpg"),
    (10000, 10000, "lite", "tif"),
)
# A small process between, since the system counts the parent's memory as the child's until that is another program.
WATCH = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def measure(height: int, width: int, model: str, format: str) -> dict[str, Any]:
    """Return the peak of resident memory in MiB, seconds, and the size of the result."""
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        source, result = Path(folder) / "source.jpg", Path(folder) / f"large.{format}"
        write_picture(Picture(tiled_photograph(height, width)), source, quality=90)
        command = [sys.executable, "-m", "caesr", "upscale", str(source), "-o", str(result)]
        command += ["--model", model, "--scale", "4"]
        began = time.perf_counter()
        watched = subprocess.run([sys.executable, "-c", WATCH, *command], cwd=ROOT, capture_output=True, check=True)
        return {
            "megapixels": height * width / 1e6,
            "model": model,
            "format": format,
            "mebibytes": round(int(watched.stdout) / 1024),
            "seconds": round(time.perf_counter() - began, 1),
            "written_mb": round(result.stat().st_size / 1e6),
        }


def main() -> None:
    about, rows = results.header(), []
    for case in CASES:
        rows.append(measure(*case))
        results.show(rows[-1])
    results.write("memory", about | {"found": rows})


if __name__ == "__main__":
    main()
