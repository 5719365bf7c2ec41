"""Hash the results of page, API, command line, batch and Ray for many pictures and options, to compare two versions.

python benchmarks/same_results.py record CHECKOUT FILE.json
python benchmarks/same_results.py compare BEFORE.json AFTER.json
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pyvips
from PIL import Image

from tests.serving import served

ROOT = Path(__file__).parent.parent
OPTIONS = {  # name: options of `caesr upscale`, and whether every picture or only some are upscaled with them
    "plain": ("", True),
    "base": ("--model base --scale 3", False),
    "texture": ("--model texture", False),
    "photo": ("--model photo", False),
    "dial": ("--texture 40", False),
    "scale": ("--scale 2.5", True),
    "small scale": ("--scale 1.3 --model caesr-lite-x2", False),
    "two passes": ("--scale 7 --model caesr-lite-x4", False),
    "width": ("--width 150", False),
    "height": ("--height 101", False),
    "long side": ("--long-side 133", False),
    "megapixels": ("--megapixels 0.02", False),
    "tiles": ("--tile 32", True),
    "ensemble": ("--ensemble --scale 2", True),
    "true": ("--true-to-input --scale 2", False),
    "jpg": ("--format jpg --quality 80", True),
    "webp": ("--format webp --quality 100", True),
    "lossy webp": ("--format webp", False),
    "tif": ("--format tif", True),
    "location": ("--format jpg --keep-location", False),
    "no metadata": ("--format jpg --drop-metadata", False),
}
SOME = ("colour.png", "camera.jpg", "transparent16.png")
CALLS: dict[str, dict[str, Any]] = {  # options of the API
    "plain": {},
    "dial": {"model": "texture", "texture": 40},
    "width": {"width": 150, "format": "jpg", "quality": 80},
    "ensemble": {"ensemble": True, "scale": 2, "true_to_input": True},
    "tiles": {"tile": 32, "format": "tif"},
}


def make_pictures(folder: Path) -> None:
    """Write small pictures of every format, depth and kind of alpha."""
    folder.mkdir()
    cat = Image.open(ROOT / "examples" / "cat.png").convert("RGB").resize((60, 44))
    rgb = np.asarray(cat)
    ramp = np.linspace(0, 255, rgb.shape[0] * rgb.shape[1]).reshape(*rgb.shape[:2], 1).astype(np.uint8)
    ramp[:8] = 0
    deep = rgb.astype(np.uint16) * 257 - (rgb > 99) * np.uint16(77)
    cat.save(folder / "colour.png")
    cat.convert("L").save(folder / "grey.png")
    cat.convert("P").save(folder / "palette.png")
    cat.convert("1").save(folder / "bits.png")
    cat.save(folder / "colour.webp", quality=90)
    cat.save(folder / "frames.gif")
    cat.convert("CMYK").save(folder / "print.tif")
    Image.fromarray(np.dstack((rgb, ramp))).save(folder / "transparent.png")
    Image.fromarray(np.dstack((rgb[..., 0], ramp[..., 0]))).save(folder / "grey_alpha.png")
    for name, pixels, space in (
        ("deep.tif", deep, "rgb16"),
        ("deep_grey.png", deep[..., :1], "grey16"),
        ("transparent16.png", np.dstack((deep, ramp.astype(np.uint16) * 257)), "rgb16"),
    ):
        image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).copy(interpretation=space)
        image.write_to_file(str(folder / name))
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    cat.save(folder / "camera.jpg", quality=92, exif=exif, dpi=(300, 300))


def record(checkout: Path) -> dict[str, str]:
    """Run every way in over every picture in a checkout; returns the SHA-256 of each result by way and picture."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as home:
        work = Path(home)
        make_pictures(work / "in")
        for way in (command_line, many, page, library):
            for name, digest in way(checkout, work):
                found[name] = digest
                print(name, digest[:12], flush=True)
    return found


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(checkout: Path, *arguments: str | Path) -> None:
    """Run `python -m caesr` of a checkout."""
    subprocess.run(
        [sys.executable, "-m", "caesr", *map(str, arguments)], cwd=checkout, check=True, stdout=subprocess.DEVNULL
    )


def results(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield source and digest of every result that a folder's manifest names."""
    for line in map(json.loads, filter(str.strip, (folder / "manifest.jsonl").read_text().splitlines())):
        if line.get("result"):
            yield line["name"], digest(folder / line["result"])


def command_line(checkout: Path, work: Path) -> Iterator[tuple[str, str]]:
    """`caesr upscale` with every set of options, a file at a time."""
    for label, (options, every) in OPTIONS.items():
        for source in sorted((work / "in").iterdir()):
            if every or source.name in SOME:
                words = options.split()
                suffix = words[words.index("--format") + 1] if "--format" in words else "png"
                target = work / "out" / label / f"{source.name}.{suffix}"
                run(checkout, "upscale", source, "-o", target, "--device", "cpu", *words)
                yield f"command line/{label}/{source.name}", digest(target)


def many(checkout: Path, work: Path) -> Iterator[tuple[str, str]]:
    """`caesr batch`, in this process and by Ray."""
    for engine in ("here", "ray"):
        word = engine if (checkout / "caesr" / "batch.py").exists() or engine == "ray" else "local"
        target = work / f"batch-{engine}"
        run(checkout, "batch", work / "in", target, "--scale", "3", "--engine", word, "--device", "cpu")
        for name, value in results(target):
            yield f"batch {engine}/{name}", value


def page(checkout: Path, work: Path) -> Iterator[tuple[str, str]]:
    """The page's API, over HTTP."""
    from gradio_client import Client, handle_file

    (work / "home").mkdir()
    with served(work / "home", folder=checkout) as server:
        client = Client(server.url, verbose=False)
        for label, options in CALLS.items():
            for name in SOME:
                result = client.predict(handle_file(work / "in" / name), api_name="/upscale", **options)
                yield f"api/{label}/{name}", digest(Path(result))


LIBRARY = """
import hashlib, sys
import numpy as np
from PIL import Image
from caesr import Upscaler
try:
    from caesr import load_family
except ImportError:
    from caesr import load_family
for name in ("colour.png", "transparent.png", "grey_alpha.png"):
    image = np.array(Image.open(f"{sys.argv[1]}/{name}"))
    for options in ({}, {"tile": 32}, {"ensemble": True}):
        result = Upscaler(load_family("lite"), "cpu", **options)(image, 2.5)
        print(f"library/{options}/{name}|{hashlib.sha256(result.tobytes()).hexdigest()}")
"""


def library(checkout: Path, work: Path) -> Iterator[tuple[str, str]]:
    """`Upscaler` on arrays."""
    command = [sys.executable, "-c", LIBRARY, str(work / "in")]
    said = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout
    for line in said.splitlines():
        name, _, value = line.rpartition("|")
        yield name, value


def main() -> int:
    """Run the command line; returns 1 if two recordings differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("record")
    verb.add_argument("checkout", type=Path)
    verb.add_argument("file", type=Path)
    verb = verbs.add_parser("compare")
    verb.add_argument("before", type=Path)
    verb.add_argument("after", type=Path)
    options = parser.parse_args()
    if options.verb == "record":
        os.environ.pop("PYTHONPATH", None)
        options.file.write_text(json.dumps(record(options.checkout.resolve()), indent=1) + "\n")
        return 0
    before, after = (json.loads(file.read_text()) for file in (options.before, options.after))
    differ = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    print(f"{len(before)} results before, {len(after)} after, {len(differ)} differ")
    print("\n".join(differ))
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
