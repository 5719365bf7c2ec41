"""The same details by bicubic, by every ×4 checkpoint, and as they were: docs/contact_sheet.png, docs/worn.png.

    python docs/contact_sheet.py

The pictures of docs/crops, reduced four times and enlarged again, at 1:1. For worn.png they are reduced as the world
does it: blurred, noisy, packed as JPEG (`caesr.evaluate.worn`).
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import zoo
from caesr import Upscaler
from caesr.evaluate import Enlarge, Reduce, bicubic, worn
from caesr.resize import resize_image

HERE = Path(__file__).parent
DETAILS = ("text", "fabric", "foliage", "fur", "face", "facade")
WIDTH, HEIGHT, GAP, TITLE = 208, 188, 6, 18  # of a crop, between crops, above them, in pixels


def ways() -> dict[str, Enlarge]:
    """Bicubic and every ×4 checkpoint, the point of reference first."""
    found = {"bicubic": bicubic(4)}
    names = [name for name in zoo.names() if zoo.info(name).scale == 4]
    for name in sorted(names, key=lambda name: zoo.info(name).family != "seed"):
        upscaler = Upscaler(zoo.load(name), "cpu")
        found[zoo.info(name).family] = lambda lr, upscaler=upscaler: upscaler(lr, 4)
    return found


def sheet(details: tuple[str, ...], reduce: Reduce) -> Image.Image:
    """A row a detail, a column a way to enlarge it, the original last."""
    columns = ways()
    width, height = (WIDTH + GAP) * (len(columns) + 1) - GAP, TITLE + (HEIGHT + GAP) * len(details) - GAP
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    for row, detail in enumerate(details):
        hr = np.array(Image.open(HERE / "crops" / f"{detail}.png").convert("RGB"))
        lr = reduce(hr, 1 / 4)
        pictures = {title: way(lr) for title, way in columns.items()} | {"original": hr}
        for column, (title, picture) in enumerate(pictures.items()):
            left = (WIDTH + GAP) * column
            page.paste(Image.fromarray(picture), (left, TITLE + (HEIGHT + GAP) * row))
            draw.text((left + 2, 3), title, fill="black")
    return page


def main() -> None:
    sheet(DETAILS, resize_image).save(HERE / "contact_sheet.png", optimize=True)
    sheet(("text", "face", "facade"), worn).save(HERE / "worn.png", optimize=True)


if __name__ == "__main__":
    main()
