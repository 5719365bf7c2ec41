"""Two-tone pictures of low-res size, drawn by code: squares, discs, lines and text, with hard and antialiased edges."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 64  # of a picture, in pixels
FINENESS = 8  # canvas pixels per pixel, from which all but the text is taken
EDGES = ("hard", "antialiased")
WORDS = {8: "low-res & small 08", 10: "Hard edges, 45%", 12: "Two tones", 15: "Quartz 7", 19: "gRay!"}  # by size
SHAPES = ("squares", "discs", "lines", "text")
Colour = tuple[int, int, int]
TONES: dict[str, tuple[Colour, Colour]] = {  # background and foreground
    "128 on 0": ((0, 0, 0), (128, 128, 128)),
    "0 on 128": ((128, 128, 128), (0, 0, 0)),
    "90 on 200": ((200, 200, 200), (90, 90, 90)),
    "200 on 90": ((90, 90, 90), (200, 200, 200)),
    "120 on 140": ((140, 140, 140), (120, 120, 120)),
    "0 on 255": ((255, 255, 255), (0, 0, 0)),
    "255 on 0": ((0, 0, 0), (255, 255, 255)),
    "red on blue": ((40, 60, 180), (200, 40, 50)),
    "yellow on green": ((30, 120, 60), (240, 210, 40)),
}


@dataclass(frozen=True)
class TwoTone:
    """A picture whose shape has one colour and whose background has another; between them only antialiased pixels."""

    shape: str
    tones: str
    edges: str
    pixels: np.ndarray  # (H, W, 3) uint8

    def overshoot(self, result: np.ndarray) -> np.ndarray:
        """Return how far each value of a result lies beyond both tones, as a part of the contrast.

        Args:
            result: (..., 3) uint8, at any scale.
        Returns:
            The same shape; 0 between the tones. The contrast is the largest difference of the tones in a channel.
        """
        tones = np.array(TONES[self.tones], np.float64)
        contrast = np.abs(tones[0] - tones[1]).max()
        return np.maximum(tones.min(axis=0) - result, result - tones.max(axis=0)).clip(min=0) / contrast


def two_tone_pictures() -> Iterator[TwoTone]:
    """Draw every shape in all tones, with both kinds of edges."""
    for edges in EDGES:
        for shape in SHAPES:
            cover = draw_text(edges) if shape == "text" else draw_shape(shape, edges)
            for name, tones in TONES.items():
                background, foreground = np.array(tones, np.float64)
                pixels = background + cover[..., None] / 255 * (foreground - background)
                yield TwoTone(shape, name, edges, pixels.round().astype(np.uint8))


def draw_shape(shape: str, edges: str) -> np.ndarray:
    """Return how far a shape covers each pixel: (64, 64) uint8, only 0 and 255 with hard edges.

    Squares lie on whole pixels if their edges are hard, else between them.
    """
    canvas = Image.new("L", (SIDE * FINENESS, SIDE * FINENESS))
    pen = ImageDraw.Draw(canvas)
    between = 0.0 if edges == "hard" else 0.375
    if shape == "squares":
        for x, y, side in ((4, 5, 24), (34, 6, 12), (50, 8, 6), (36, 26, 20), (8, 38, 4), (18, 40, 2), (26, 44, 1)):
            left, top = (FINENESS * (place + between) for place in (x, y))
            pen.rectangle((left, top, left + FINENESS * side - 1, top + FINENESS * side - 1), fill=255)
        pen.rectangle((0, FINENESS * 56, FINENESS * SIDE, FINENESS * SIDE), fill=255)  # to the border
    elif shape == "discs":
        for x, y, radius in ((16, 17, 12), (44, 14, 7), (56, 30, 4), (40, 44, 15), (12, 42, 5), (16, 56, 2.5)):
            pen.circle((FINENESS * x, FINENESS * y), FINENESS * radius, fill=255)
    else:
        for n, width in enumerate((1, 1.5, 2, 3, 4)):
            start, line = 4 + 11 * n, round(FINENESS * width)
            pen.rectangle((FINENESS * start, 16, FINENESS * start + line - 1, FINENESS * 22), fill=255)
            pen.rectangle((FINENESS * 40, FINENESS * (26 + 6 * n), 500, FINENESS * (26 + 6 * n) + line - 1), fill=255)
            pen.line((16, FINENESS * (26 + 7 * n), FINENESS * 36, FINENESS * (38 + 5 * n)), fill=255, width=line)
    if edges == "hard":
        return np.array(canvas)[FINENESS // 2 :: FINENESS, FINENESS // 2 :: FINENESS]
    return np.array(canvas.reduce(FINENESS))


def draw_text(edges: str) -> np.ndarray:
    """Return how far text in five sizes covers each pixel, by FreeType at this resolution: (64, 64) uint8."""
    canvas = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(canvas)
    pen.fontmode = "1" if edges == "hard" else "L"
    top = 0
    for size, words in WORDS.items():
        pen.text((2, top), words, fill=255, font=ImageFont.load_default(size))
        top += size
    return np.array(canvas)


def sheet(edges: str) -> np.ndarray:
    """Lay the pictures of one kind of edges side by side, a row for each shape: (H, W, 3) uint8."""
    pictures = [picture for picture in two_tone_pictures() if picture.edges == edges]
    rows = [[picture.pixels for picture in pictures if picture.shape == shape] for shape in SHAPES]
    return np.vstack([np.hstack(row) for row in rows])
