"""Draw docs/two-tone.png: details of two-tone pictures by bicubic and by three families at ×4, at 1:1.

    python -m benchmarks.figures.two_tone

Above with hard edges, below antialiased. The pictures are those of benchmarks/two_tone.py;
benchmarks/measure/overshoot.py counts what lies outside the tones.
"""

import numpy as np
from PIL import Image

from benchmarks import ROOT
from benchmarks.figures.contact_sheet import upscale_of
from benchmarks.two_tone import EDGES, TwoTone, two_tone_pictures
from caesr.evaluation.compare import draw_sheet
from caesr.evaluation.evaluate import bicubic

FAMILIES = ("lite", "photo", "texture")
SHOWN = {("squares", "128 on 0"), ("text", "90 on 200"), ("lines", "yellow on green")}
SIDE = 40  # of a detail, in low-res pixels
COLOURS = 128  # of the file, which is small for it


def main() -> None:
    upscalers = {"bicubic": bicubic(4)} | {family: upscale_of(f"caesr-{family}-x4") for family in FAMILIES}

    def row(picture: TwoTone) -> dict[str, np.ndarray]:
        detail = np.ascontiguousarray(picture.pixels[:SIDE, :SIDE])
        enlarged = detail.repeat(4, axis=0).repeat(4, axis=1)
        return {"input": enlarged} | {title: upscale(detail) for title, upscale in upscalers.items()}

    shown = [picture for picture in two_tone_pictures() if (picture.shape, picture.tones) in SHOWN]
    rows = [row(picture) for edges in EDGES for picture in shown if picture.edges == edges]
    sheet = draw_sheet(rows).quantize(COLOURS, dither=Image.Dither.NONE)
    sheet.save(ROOT / "docs" / "two-tone.png", optimize=True)


if __name__ == "__main__":
    main()
