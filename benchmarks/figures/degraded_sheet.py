"""Draw docs/degraded.jpg: six degraded details, upscaled by bicubic, by caesr-photo-x4 and by two peers, at 1:1.

    python -m benchmarks.figures.degraded_sheet

Each detail is degraded at medium and at heavy strength (`caesr.evaluation.degrade`) and shown beside the
original. The peers' weights are read from $CAESR_DATA/peers; docs/crops/README.md and examples/README.md say where the
pictures are from. A JPEG, because a PNG is four times the size.
"""

import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks import ROOT
from benchmarks.pictures import read_rgb
from benchmarks.released import RELEASED, load_peer, peer_file
from benchmarks.upscaling import checkpoint_upscale, network_upscale
from caesr import CAEResNet
from caesr.evaluation.degrade import STRENGTHS, degrade_picture
from caesr.evaluation.evaluate import Upscale, bicubic
from zoo.catalogue import CHECKPOINTS

SCALE = 4
SIDE, GAP = 160, 4  # of a cell, and between cells, in pixels
MARGIN, LINE = 16, 17  # left of the cells for the strength, and the height of a line of text, in pixels
FONT = ImageFont.load_default(10.5)
PHOTO = "caesr-photo-x4"
PEERS = {"Real-ESRGAN general v3 (wdn)": "realesr-general-wdn-x4v3", "4xLSDIRCompactC3": "4xLSDIRCompactC3"}
SHOWN = ("medium", "heavy")


@dataclass(frozen=True)
class Detail:
    """A square of `SIDE` pixels, cut from a picture after it was degraded and upscaled."""

    name: str
    file: str
    left: int
    top: int

    def read(self) -> np.ndarray:
        """Return the whole picture (H, W, 3), cropped to multiples of `SCALE`."""
        return read_rgb(ROOT / self.file, SCALE)

    def cut(self, picture: np.ndarray) -> Image.Image:
        """Cut the square out of a picture of the original's size."""
        return Image.fromarray(picture[self.top : self.top + SIDE, self.left : self.left + SIDE])


DETAILS = (
    Detail("Text", "docs/crops/text.png", 0, 0),
    Detail("Face", "docs/crops/face.png", 24, 12),
    Detail("Fur", "docs/crops/fur.png", 32, 0),
    Detail("Foliage", "docs/crops/foliage.png", 48, 20),
    Detail("Brick", "docs/crops/brick.png", 24, 14),
    Detail("Sky", "examples/rocket.png", 0, 52),
)


def load_columns() -> dict[str, Upscale]:
    """Load every network that is compared, by the title of its column.

    Raises:
        SystemExit: the weights of a peer are missing; the message says where they belong.
    """
    photo = CAEResNet.from_pretrained(CHECKPOINTS / PHOTO)
    columns: dict[str, Upscale] = {"Bicubic": bicubic(SCALE), "CAESR photo": checkpoint_upscale(photo)}
    for title, name in PEERS.items():
        try:
            columns[title] = network_upscale(load_peer(peer_file(name)))
        except FileNotFoundError as error:
            sys.exit(str(error))
    return columns


def draw_detail(detail: Detail, columns: dict[str, Upscale]) -> Image.Image:
    """Draw a line of titles, and below it a row of cells for each strength."""
    width = MARGIN + (SIDE + GAP) * (len(columns) + 1) - GAP
    block = Image.new("RGB", (width, LINE + (SIDE + GAP) * len(SHOWN)), "white")
    draw = ImageDraw.Draw(block)
    original = detail.read()
    for column, title in enumerate((*columns, "Original")):
        draw.text((MARGIN + (SIDE + GAP) * column, 1), title, fill="black", font=FONT)
    for row, strength in enumerate(SHOWN):
        top = LINE + (SIDE + GAP) * row
        block.paste(upright_text(f"{detail.name}, {strength}"), (0, top))
        low_res = degrade_picture(original, 1 / SCALE, STRENGTHS[strength])
        pictures = [upscale(low_res) for upscale in columns.values()]
        for column, picture in enumerate([*pictures, original]):
            block.paste(detail.cut(picture), (MARGIN + (SIDE + GAP) * column, top))
    return block


def upright_text(text: str) -> Image.Image:
    """Draw a text that reads from bottom to top, in the middle of a cell's height."""
    line = Image.new("RGB", (SIDE, MARGIN), "white")
    ImageDraw.Draw(line).text((SIDE // 2, 1), text, fill="black", font=FONT, anchor="ma")
    return line.transpose(Image.Transpose.ROTATE_90)


def captions() -> list[str]:
    """Return lines that say how the inputs were degraded, and whose the peers are."""
    lines = []
    for name in SHOWN:
        strength = STRENGTHS[name]
        lines.append(
            f"{name.capitalize()}: blurred (Gaussian, {strength.blur} px), reduced to a quarter, noise added (standard"
            f" deviation {strength.noise} of 255), saved as JPEG of quality {strength.quality}."
        )
    for title, name in PEERS.items():
        peer = RELEASED[name]
        lines.append(f"{title}: {peer.licence}, {peer.source}.")
    return lines


def draw_sheet(columns: dict[str, Upscale]) -> Image.Image:
    """Draw the blocks of all details below each other, and the captions below them."""
    blocks = [draw_detail(detail, columns) for detail in DETAILS]
    lines = captions()
    width, height = blocks[0].size
    page = Image.new("RGB", (width, height * len(blocks) + LINE * len(lines)), "white")
    for n, block in enumerate(blocks):
        page.paste(block, (0, height * n))
    draw = ImageDraw.Draw(page)
    for n, line in enumerate(lines):
        draw.text((MARGIN, height * len(blocks) + LINE * n + 1), line, fill="black", font=FONT)
    return page


def main() -> None:
    draw_sheet(load_columns()).save(ROOT / "docs" / "degraded.jpg", quality=92, subsampling=0)


if __name__ == "__main__":
    main()
