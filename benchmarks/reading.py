"""What reading a picture takes of memory, beside what caesr.decoders says that it takes: by kind of file.

    python -m benchmarks.reading

Writes benchmarks/results/reading.json. Every kind is read in a process of its own. Linux only, for the peak of memory.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from PIL import Image

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "reading.json"
SIDE = 2400  # pixels; as many in a picture of few rows
WARM = ROOT / "examples" / "cat.png"  # read before: what a library does only once
READ = """
import json, sys
from pathlib import Path
from caesr.files.read import open_image, read_picture
from caesr.files.decoder_memory import decoder_memory

def memory(field):
    return 1024 * int(Path("/proc/self/status").read_text().split(field + ":")[1].split()[0])

read_picture(sys.argv[1])
image, facts = open_image(Path(sys.argv[2]))
said = decoder_memory(image)
del image
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = memory("VmRSS")
pixels = read_picture(sys.argv[2]).pixels
peak = memory("VmHWM") - before
print(json.dumps({"pixels": facts.width * facts.height, "result": pixels.nbytes, "taken": peak, "said": said}))
"""


def noise(height: int, width: int, channels: int = 3, deep: bool = False) -> pyvips.Image:
    """Pixels that no format makes small."""
    random = np.random.default_rng(1)
    tile = random.integers(0, 256, (min(64, height), 64, channels), np.uint8)
    whole = np.tile(tile, (-(-height // len(tile)), -(-width // 64), 1))[:height, :width]
    spaces = {1: ("b-w", "grey16"), 3: ("srgb", "rgb16"), 4: ("srgb", "rgb16")}
    pixels = whole.astype(np.uint16) * 257 if deep else whole
    return pyvips.Image.new_from_array(pixels).copy(interpretation=spaces[channels][deep])


def rows(count: int, **more: Any) -> pyvips.Image:
    """As many pixels in so many rows."""
    return noise(count, SIDE * SIDE // count, **more)


def animated(file: Path, **options: Any) -> None:
    """Two frames, the second drawn onto the first."""
    frames = [Image.fromarray(noise(SIDE, SIDE, 4).numpy()[::step]) for step in (1, -1)]
    frames[0].save(file, save_all=True, append_images=frames[1:], **options)


def pillow(mode: str, **options: Any) -> Callable[[Path], None]:
    return lambda file: Image.fromarray(noise(SIDE, SIDE).numpy()).convert(mode).save(file, **options)


def turned(file: Path) -> None:
    image = noise(SIDE, SIDE).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.jpegsave(str(file))


KINDS: dict[str, Callable[[Path], object]] = {
    "baseline.jpg": lambda file: noise(SIDE, SIDE).jpegsave(str(file)),
    "turned.jpg": turned,
    "progressive.jpg": lambda file: noise(SIDE, SIDE).jpegsave(str(file), interlace=True, subsample_mode="off"),
    "progressive-cmyk.jpg": pillow("CMYK", progressive=True),
    "rows.png": lambda file: noise(SIDE, SIDE, 4, deep=True).pngsave(str(file), compression=1),
    "interlaced.png": lambda file: noise(SIDE, SIDE, 4, deep=True).pngsave(str(file), compression=1, interlace=True),
    "1-row.png": lambda file: rows(1, channels=4).pngsave(str(file), compression=1),
    "lossy.webp": lambda file: noise(SIDE, SIDE, 4).webpsave(str(file), effort=0),
    "lossless.webp": lambda file: noise(SIDE, SIDE, 4).webpsave(str(file), lossless=True, effort=0),
    "animated.webp": lambda file: animated(file, method=0),
    "animated.gif": animated,
    "strips.tif": lambda file: noise(SIDE, SIDE).tiffsave(str(file), compression="deflate"),
    "tiles.tif": lambda file: noise(SIDE, SIDE).tiffsave(str(file), tile=True, tile_width=256, tile_height=256),
    "1-row.tif": lambda file: rows(1).tiffsave(str(file), compression="deflate"),
    "4-rows.tif": lambda file: rows(4).tiffsave(str(file), compression="deflate"),
    "4-deep-rows.tif": lambda file: rows(4, channels=4, deep=True).tiffsave(str(file), compression="deflate"),
    "64-rows.tif": lambda file: rows(64).tiffsave(str(file), compression="deflate"),
}


def measure(kind: str) -> dict[str, int]:
    """Bytes: of the result, taken at most while it was read, and said beforehand."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, kind)
        KINDS[kind](file)
        command = [sys.executable, "-c", READ, str(WARM), str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout) | {"file": file.stat().st_size}


def main() -> None:
    measured = {}
    for kind in KINDS:
        measured[kind] = found = measure(kind)
        print(kind, *(f"{name} {size / found['pixels']:.1f}" for name, size in found.items()), flush=True)
    vips = ".".join(str(pyvips.version(part)) for part in range(3))
    result = {"date": str(date.today()), "command": "python -m benchmarks.reading", "libvips": vips, "kinds": measured}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
