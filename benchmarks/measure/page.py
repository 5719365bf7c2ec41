"""Measure the page's memory over many jobs, asked for through its API by two clients at a time.

    python -m benchmarks.measure.page [--jobs 200]

Writes benchmarks/results/page.json: resident memory in MiB after every tenth of the jobs, and what was left in its
temporary folder besides Gradio's own cache.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gradio_client import Client, handle_file

from benchmarks import results
from benchmarks.pictures import EXAMPLES
from tests.serving import served

SCALES = (2, 2.5, 3, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    jobs = parser.parse_args().jobs
    about = results.header()
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as home, served(Path(home)) as page:
        clients = [Client(page.url, verbose=False, download_files=mine) for _ in range(2)]

        def upscale(number: int) -> None:
            file, scale = EXAMPLES[number % len(EXAMPLES)], SCALES[number % len(SCALES)]
            clients[number % 2].predict(handle_file(file), "lite", scale, 64, api_name="/upscale")

        memory, step = [], max(1, jobs // 10)
        with ThreadPoolExecutor(2) as threads:
            for start in range(0, jobs, step):
                stop = min(jobs, start + step)
                list(threads.map(upscale, range(start, stop)))
                memory.append(round(page.memory(), 1))
                print(f"{stop:5} jobs: {memory[-1]:.1f} MiB")
        left = [file.name for file in page.home.iterdir() if file.name not in ("gradio", "log")]
    results.write("page", about | {"jobs": jobs, "resident_mib": memory, "left": left})


if __name__ == "__main__":
    main()
