"""Measure what it takes to encode results: processor time and size by format, of the settings in use and of others.

    python -m benchmarks.measure.encoding

Results of lite x4 of the example pictures are saved by libvips from memory, and through the writer that gets them row
by row. "Before" are the settings until November 2026; rows named so are of the same script in commit 9435386, and stay
when it runs again. Writes benchmarks/results/encoding.json.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from benchmarks import ROOT, results
from caesr import CAEResNet, Upscaler
from caesr.files.picture import Picture
from caesr.files.write import DEFLATE_LEVEL, picture_writer

PICTURES = ("astronaut", "cat", "coffee", "rocket")
SIDE = 200  # pixels of each that are upscaled
STRIP_ROWS = 128
ROUNDS = 3
BEFORE = {"filter": "paeth", "compression": 3}
PNG = [{"filter": name, "compression": level} for name in ("up", "avg", "paeth") for level in (1, 2, 3)]


def upscaled() -> Iterator[np.ndarray]:
    """Yield results (H, W, 3)."""
    upscaler = Upscaler(CAEResNet.from_pretrained(ROOT / "zoo" / "checkpoints" / "caesr-lite-x4"), "cpu")
    for name in PICTURES:
        image = np.array(Image.open(ROOT / "examples" / f"{name}.png").convert("RGB"))
        yield upscaler(image[:SIDE, :SIDE], 4)


def from_memory(image: np.ndarray) -> pyvips.Image:
    """Return an image of libvips with the pixels of an array (H, W, 3)."""
    height, width, channels = image.shape
    return pyvips.Image.new_from_memory(image.tobytes(), width, height, channels, "uchar").copy(interpretation="srgb")


def save_row_by_row(image: np.ndarray, path: Path) -> None:
    """Save an array as the page and the command line do."""
    with picture_writer(Picture(image), image.shape[:2], path) as rows:
        for top in range(0, len(image), STRIP_ROWS):
            rows.write(image[top : top + STRIP_ROWS])


def measure(images: list[np.ndarray], save: Callable[[np.ndarray, Path], object], suffix: str) -> dict[str, float]:
    """Return processor time and bytes for a megapixel."""
    megapixels = sum(image.shape[0] * image.shape[1] for image in images) / 1e6
    seconds = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"picture.{suffix}"
        for _ in range(ROUNDS):
            size, started = 0, time.process_time()
            for image in images:
                save(image, path)
                size += path.stat().st_size
            seconds.append(time.process_time() - started)
    return {"ms_per_mp": round(1e3 * min(seconds) / megapixels, 1), "mb_per_mp": round(size / 1e6 / megapixels, 3)}


def main() -> None:
    images, rows = list(upscaled()), list[dict[str, Any]]()
    before = measure(images, lambda image, path: from_memory(image).pngsave(str(path), **BEFORE), "png")
    for setting in PNG:
        found = measure(images, lambda image, path: from_memory(image).pngsave(str(path), **setting), "png")  # noqa: B023
        rows.append({"format": "png", **setting, **found})
        rows[-1]["larger_by_percent"] = round(100 * (found["mb_per_mp"] / before["mb_per_mp"] - 1), 1)
        results.show(rows[-1])
    for suffix in ("png", "jpg", "tif", "webp"):
        rows.append({"format": suffix, "way": "row by row, as in use", **measure(images, save_row_by_row, suffix)})
        results.show(rows[-1])
    earlier = [row for row in results.read("encoding")["found"] if row.get("way") == "row by row, before"]
    rows += earlier
    results.write("encoding", results.header() | {"deflate_level": DEFLATE_LEVEL, "found": rows})


if __name__ == "__main__":
    main()
