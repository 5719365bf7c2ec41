"""Measure a photograph of 30 megapixels through the page, from the upload to the finished file.

    python -m benchmarks.measure.large [--scale 2]

Writes benchmarks/results/large.json: seconds, and the most memory in MiB that the page had in use, before and with it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from benchmarks import results
from benchmarks.pictures import CAT, read_rgb
from tests.serving import served


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=2)
    scale = parser.parse_args().scale
    about = results.header()
    with tempfile.TemporaryDirectory() as mine, tempfile.TemporaryDirectory() as home, served(Path(home)) as page:
        photograph = Path(mine) / "large.jpg"
        Image.fromarray(np.tile(read_rgb(CAT), (30, 30, 1))).save(photograph, quality=80)
        client = Client(page.url, verbose=False, download_files=mine)

        def upscale(file: Path) -> Path:
            return Path(client.predict(handle_file(file), "lite", scale, format="jpg", api_name="/upscale"))

        upscale(CAT)  # loads the network
        before, began = page.memory("VmHWM"), time.monotonic()
        result = upscale(photograph)
        found = {
            "picture": Image.open(photograph).size,
            "result": Image.open(result).size,
            "seconds": round(time.monotonic() - began, 1),
            "peak_mib_before": round(before),
            "peak_mib": round(page.memory("VmHWM")),
        }
    results.show(found)
    results.write("large", about | found)


if __name__ == "__main__":
    Image.MAX_IMAGE_PIXELS = None  # the result is ours
    main()
