"""A photograph of 30 megapixels through the page, from the upload to the finished file.

    python -m benchmarks.large [--scale 2]

Writes benchmarks/results/large.json: seconds, and the most memory in MiB that the page had in use, before and with it.
"""

import argparse
import json
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from tests.serving import ROOT, served

RESULTS = ROOT / "benchmarks" / "results" / "large.json"
CAT = ROOT / "examples" / "cat.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=2)
    scale = parser.parse_args().scale
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as home, served(Path(home)) as page:
        photograph = Path(mine) / "large.jpg"
        Image.fromarray(np.tile(np.array(Image.open(CAT).convert("RGB")), (30, 30, 1))).save(photograph, quality=80)
        visitor = Client(page.url, verbose=False, download_files=mine)

        def enlarge(file: Path, scale: float) -> Path:
            return Path(visitor.predict(handle_file(file), "lite", scale, format="jpg", api_name="/upscale"))

        enlarge(CAT, scale)  # what is read once is read
        before, began = page.memory("VmHWM"), time.monotonic()
        made = enlarge(photograph, scale)
        result = {
            "date": str(date.today()),
            "command": f"python -m benchmarks.large --scale {scale:g}",
            "picture": Image.open(photograph).size,
            "result": Image.open(made).size,
            "seconds": round(time.monotonic() - began, 1),
            "peak_mib_before": round(before),
            "peak_mib": round(page.memory("VmHWM")),
        }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None  # the result is ours
    main()
