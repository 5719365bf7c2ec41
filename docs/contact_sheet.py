"""The same details by bicubic, by every ×4 checkpoint, and as they were.

    python docs/contact_sheet.py

The pictures of docs/crops, reduced and enlarged again, at 1:1: docs/contact_sheet.png. For docs/worn.png they are
reduced as the world does it: blurred, noisy, packed as JPEG (`caesr.evaluate.worn`). For every card, limits.jpg: small
print, and a face of that kind.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import zoo
from caesr import Upscaler
from caesr.evaluate import Enlarge, Reduce, bicubic, worn
from caesr.resize import resize_image
from zoo.catalogue import CHECKPOINTS

HERE = Path(__file__).parent
DETAILS = ("text", "fabric", "foliage", "fur", "face", "facade")
WIDTH, HEIGHT, GAP, TITLE = 208, 188, 6, 18  # of a crop, between crops, above them, in pixels


def enlarger(name: str) -> Enlarge:
    """A checkpoint's network at its native scale, on the CPU."""
    upscaler, scale = Upscaler(zoo.load(name), "cpu"), zoo.info(name).scale
    return lambda lr: upscaler(lr, scale)


def sheet(rows: Sequence[tuple[str, Reduce]], ways: Mapping[str, Enlarge], scale: int) -> Image.Image:
    """A row a detail and how it was reduced, a column a way to enlarge it, the original last."""
    width, height = (WIDTH + GAP) * (len(ways) + 1) - GAP, TITLE + (HEIGHT + GAP) * len(rows) - GAP
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    for row, (detail, reduce) in enumerate(rows):
        hr = np.array(Image.open(HERE / "crops" / f"{detail}.png").convert("RGB"))
        hr = hr[: HEIGHT // scale * scale, : WIDTH // scale * scale]
        lr = reduce(hr, 1 / scale)
        pictures = {title: way(lr) for title, way in ways.items()} | {"original": hr}
        for column, (title, picture) in enumerate(pictures.items()):
            left = (WIDTH + GAP) * column
            page.paste(Image.fromarray(picture), (left, TITLE + (HEIGHT + GAP) * row))
            draw.text((left + 2, 3), title, fill="black")
    return page


def main() -> None:
    families = {zoo.info(name).family: enlarger(name) for name in zoo.names() if zoo.info(name).scale == 4}
    reference = {"seed": families.pop("seed")} if "seed" in families else {}
    ways = {"bicubic": bicubic(4)} | reference | families
    sheet([(detail, resize_image) for detail in DETAILS], ways, 4).save(HERE / "contact_sheet.png", optimize=True)
    sheet([(detail, worn) for detail in ("text", "face", "facade")], ways, 4).save(HERE / "worn.png", optimize=True)
    for name in zoo.names():
        scale = zoo.info(name).scale
        limits = sheet(
            [("text", resize_image), ("face", worn)], {"bicubic": bicubic(scale), name: enlarger(name)}, scale
        )
        limits.save(CHECKPOINTS / name / "limits.jpg", quality=92, subsampling=0)


if __name__ == "__main__":
    main()
