"""Measure how long importing takes, the page until it answers, and the first picture on it.

    python -m benchmarks.measure.start

Writes benchmarks/results/start.json, in seconds.
"""

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from gradio_client import Client, handle_file
from PIL import Image

from benchmarks import ROOT, results
from benchmarks.costs import medians, time_in_turns
from benchmarks.pictures import tiled_photograph
from tests.serving import served

ROUNDS = 5


def import_seconds(*modules: str) -> dict[str, float]:
    """Return the seconds that a new process takes to import each module."""
    calls = {}
    for module in modules:
        command = [sys.executable, "-c", f"import {module}"]
        calls[f"import_{module}"] = partial(subprocess.run, command, cwd=ROOT, check=True)
    return medians(time_in_turns(calls, ROUNDS))


def page_seconds() -> dict[str, float]:
    """Return the seconds until the page answers, and those of the first picture then."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        small = Path(folder) / "small.png"
        Image.fromarray(tiled_photograph(256, 256)).save(small)
        began = time.perf_counter()
        with served(Path(home)) as page:
            answered = time.perf_counter() - began
            client = Client(page.url, verbose=False, download_files=folder)
            asked = time.perf_counter()
            client.predict(handle_file(small), "lite", 4, api_name="/upscale")
            return {"page": answered, "first_picture": time.perf_counter() - asked}


def main() -> None:
    about = results.header()
    found = {name: round(seconds, 2) for name, seconds in (import_seconds("torch", "caesr") | page_seconds()).items()}
    results.show(found)
    results.write("start", about | {"found": found})


if __name__ == "__main__":
    main()
