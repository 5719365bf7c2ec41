"""What the page holds on to: its memory over many jobs, asked for through its API, two visitors at a time.

    python -m benchmarks.page [--jobs 200]

Writes benchmarks/results/page.json: resident memory in MiB after every tenth of the jobs, and what was left in its
temporary folder besides Gradio's own cache.
"""

import argparse
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from gradio_client import Client, handle_file

from tests.serving import ROOT, served

RESULTS = ROOT / "benchmarks" / "results" / "page.json"
EXAMPLES = sorted((ROOT / "examples").glob("*.png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    jobs = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as home, served(Path(home)) as page:
        clients = [Client(page.url, verbose=False, download_files=mine) for _ in range(2)]

        def one(n: int) -> None:
            file, scale = EXAMPLES[n % len(EXAMPLES)], (2, 2.5, 3, 4)[n % 4]
            clients[n % 2].predict(handle_file(file), "lite", scale, 64, api_name="/upscale")

        memory, step = [], max(1, jobs // 10)
        with ThreadPoolExecutor(2) as visitors:
            for first in range(0, jobs, step):
                list(visitors.map(one, range(first, min(jobs, first + step))))
                memory.append(round(page.memory(), 1))
                print(f"{min(jobs, first + step):5} jobs: {memory[-1]:.1f} MiB")
        left = [file.name for file in page.home.iterdir() if file.name not in ("gradio", "log")]
    command = f"python -m benchmarks.page --jobs {jobs}"
    result = {"date": str(date.today()), "command": command, "jobs": jobs, "resident_mib": memory, "left": left}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
