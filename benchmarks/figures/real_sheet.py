"""Draw docs/real.jpg: eight real old or compressed photographs, by bicubic, by caesr-photo-x4 and by two peers, at 1:1.

    python -m benchmarks.figures.real_sheet

Nobody here degraded them: they are details of JPEG files as they were found, pixel for pixel. docs/crops/README.md says
where they are from. The peers' weights are read from $CAESR_DATA/peers.
"""

from PIL import Image, ImageDraw

from benchmarks import ROOT
from benchmarks.figures.degraded_sheet import FONT, GAP, LINE, SCALE, load_columns
from benchmarks.pictures import read_rgb
from caesr.evaluation.evaluate import Upscale

FOLDER = ROOT / "docs" / "crops" / "real"
BORDER = 16  # pixels of the input around what is shown, for the networks to see


def draw_sheet(columns: dict[str, Upscale]) -> Image.Image:
    """Draw a row for each photograph, a column for each network, below a line of titles."""
    shown = slice(SCALE * BORDER, -SCALE * BORDER)
    inputs = [read_rgb(file) for file in sorted(FOLDER.glob("*.png"))]
    rows = [[upscale(low_res)[shown, shown] for upscale in columns.values()] for low_res in inputs]
    height, width = rows[0][0].shape[:2]
    page = Image.new("RGB", ((width + GAP) * len(columns) - GAP, LINE + (height + GAP) * len(rows) - GAP), "white")
    draw = ImageDraw.Draw(page)
    for column, title in enumerate(columns):
        draw.text(((width + GAP) * column, 1), title, fill="black", font=FONT)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            page.paste(Image.fromarray(picture), ((width + GAP) * column, LINE + (height + GAP) * row))
    return page


def main() -> None:
    draw_sheet(load_columns()).save(ROOT / "docs" / "real.jpg", quality=92, subsampling=0)


if __name__ == "__main__":
    main()
