"""Measure the memory that reading a picture takes, beside what `decoder_memory` predicts, by kind of file.

    python -m benchmarks.measure.reading

Writes benchmarks/results/reading.json, in bytes. Every kind is read in a process of its own. Linux only, for the peak
of memory.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

from benchmarks import ROOT, results
from benchmarks.costs import peak_bytes
from benchmarks.pictures import CAT
from caesr.files.decoders.memory import decoder_memory
from caesr.files.read import open_image, read_picture

SIDE = 2400  # pixels; as many in a picture of few rows


def noise(height: int, width: int, channels: int = 3, deep: bool = False) -> pyvips.Image:
    """Return pixels that no format makes small, of 8 or (`deep`) 16 bits."""
    random = np.random.default_rng(1)
    tile = random.integers(0, 256, (min(64, height), 64, channels), np.uint8)
    whole = np.tile(tile, (-(-height // len(tile)), -(-width // 64), 1))[:height, :width]
    spaces = {1: ("b-w", "grey16"), 3: ("srgb", "rgb16"), 4: ("srgb", "rgb16")}
    pixels = whole.astype(np.uint16) * 257 if deep else whole
    return pyvips.Image.new_from_array(pixels).copy(interpretation=spaces[channels][deep])


def few_rows(count: int, **options: Any) -> pyvips.Image:
    """Return as many pixels of noise in so many rows."""
    return noise(count, SIDE * SIDE // count, **options)


def save_animated(file: Path, **options: Any) -> None:
    """Write two frames, the second drawn onto the first."""
    frames = [Image.fromarray(noise(SIDE, SIDE, 4).numpy()[::step]) for step in (1, -1)]
    frames[0].save(file, save_all=True, append_images=frames[1:], **options)


def save_cmyk(file: Path) -> None:
    """Write a progressive JPEG in CMYK."""
    Image.fromarray(noise(SIDE, SIDE).numpy()).convert("CMYK").save(file, progressive=True)


def save_turned(file: Path) -> None:
    """Write a JPEG whose EXIF says that it lies on its side."""
    image = noise(SIDE, SIDE).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.jpegsave(str(file))


def save_heic(file: Path, **options: Any) -> None:
    """Write a HEIC, by the optional package that reads them."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.fromarray(noise(SIDE, SIDE, 4).numpy()).save(file, **options)


def save_jxl(file: Path) -> None:
    """Write a JPEG XL, by the optional package that reads them."""
    import pillow_jxl  # noqa: F401

    Image.fromarray(noise(SIDE, SIDE, 4).numpy()).save(file, effort=3)


KINDS: dict[str, Callable[[Path], object]] = {
    "baseline.jpg": lambda file: noise(SIDE, SIDE).jpegsave(str(file)),
    "turned.jpg": save_turned,
    "progressive.jpg": lambda file: noise(SIDE, SIDE).jpegsave(str(file), interlace=True, subsample_mode="off"),
    "progressive-cmyk.jpg": save_cmyk,
    "rows.png": lambda file: noise(SIDE, SIDE, 4, deep=True).pngsave(str(file), compression=1),
    "interlaced.png": lambda file: noise(SIDE, SIDE, 4, deep=True).pngsave(str(file), compression=1, interlace=True),
    "1-row.png": lambda file: few_rows(1, channels=4).pngsave(str(file), compression=1),
    "lossy.webp": lambda file: noise(SIDE, SIDE, 4).webpsave(str(file), effort=0),
    "lossless.webp": lambda file: noise(SIDE, SIDE, 4).webpsave(str(file), lossless=True, effort=0),
    "animated.webp": partial(save_animated, method=0),
    "animated.gif": save_animated,
    "alpha.avif": lambda file: noise(SIDE, SIDE, 4).heifsave(str(file), compression="av1", effort=0),
    "deep.avif": lambda file: noise(SIDE, SIDE, 4, deep=True).heifsave(
        str(file), compression="av1", effort=0, bitdepth=12, subsample_mode="off"
    ),
    "alpha.heic": partial(save_heic, quality=60),
    "alpha.jxl": save_jxl,
    "palette.bmp": lambda file: Image.fromarray(noise(SIDE, SIDE).numpy()).quantize(200).save(file),
    "colour.bmp": lambda file: Image.fromarray(noise(SIDE, SIDE).numpy()).save(file),
    "strips.tif": lambda file: noise(SIDE, SIDE).tiffsave(str(file), compression="deflate"),
    "tiles.tif": lambda file: noise(SIDE, SIDE).tiffsave(str(file), tile=True, tile_width=256, tile_height=256),
    "1-row.tif": lambda file: few_rows(1).tiffsave(str(file), compression="deflate"),
    "4-rows.tif": lambda file: few_rows(4).tiffsave(str(file), compression="deflate"),
    "4-deep-rows.tif": lambda file: few_rows(4, channels=4, deep=True).tiffsave(str(file), compression="deflate"),
    "64-rows.tif": lambda file: few_rows(64).tiffsave(str(file), compression="deflate"),
}


def measure(kind: str) -> dict[str, int]:
    """Return bytes of the result, taken at most while it was read, predicted, and of the file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, kind)
        KINDS[kind](file)
        command = [sys.executable, "-m", "benchmarks.measure.reading", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout) | {"file": file.stat().st_size}


def read_alone(file: Path) -> dict[str, int]:
    """Read a file in this process, which has read another one before, and return what that takes."""
    read_picture(CAT)  # what a library does only once
    opened = open_image(file)
    info, predicted = opened.info, decoder_memory(opened.stored)
    del opened
    pixels = []
    taken = peak_bytes(lambda: pixels.append(read_picture(file).pixels))
    return {"pixels": info.width * info.height, "result": pixels[0].nbytes, "taken": taken, "said": predicted}


def main() -> None:
    if sys.argv[1:]:
        print(json.dumps(read_alone(Path(sys.argv[1]))))
        return
    about, found = results.header(), {}
    for kind in KINDS:
        found[kind] = measure(kind)
        results.show({"kind": kind} | found[kind])
    libvips = ".".join(str(pyvips.version(part)) for part in range(3))
    results.write("reading", about | {"libvips": libvips, "kinds": found})


if __name__ == "__main__":
    main()
