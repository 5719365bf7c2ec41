"""Drawn training pictures: the hard edges, text, line art, patterns and flat areas that photographs lack.

A network that has only seen photographs reduced by bicubic takes any hard edge in its input for a blurred one and
sharpens it beyond the two tones. Here the same geometry is drawn for both: on a canvas finer than high-res, from which
high_res is taken with or without antialiasing and low_res by one of four reductions. The truth never leaves the tones
it is drawn in. Everything is Pillow's own, the font (Aileron) included.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from caesr.imaging.resize import resize_image

FINENESS = 3  # canvas pixels per high-res pixel; odd, so that a high-res pixel has one in its middle
SNAPPED_SHARE = 0.5  # drawings whose coordinates are whole low-res pixels: their edges stay hard in low_res
SMOOTH_SHARE = 0.7  # drawings whose high_res is antialiased
REDUCTIONS = {"bicubic": 0.3, "box": 0.3, "nearest": 0.3, "bilinear": 0.1}  # their shares
CHARACTERS = "abcdefghijklmnopqrstuvwxyzaeiounrstABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;!?()+-=%&@#/$'\""

Colour = tuple[int, ...]


def draw_pair(random: np.random.Generator, side: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a picture at two resolutions.

    Returns:
        low_res (side, side, 3) and high_res (side·scale, side·scale, 3), uint8.
    """
    reduction = str(random.choice([*REDUCTIONS], p=[*REDUCTIONS.values()]))
    drawing = Drawing(random, side, scale * FINENESS, finest=1.0 if reduction == "nearest" else 0.5)
    for kind in random.choice(len(KINDS), size=random.integers(1, 3), p=[*KINDS.values()]):
        [*KINDS][kind](drawing)
    image = drawing.image
    if random.random() < SMOOTH_SHARE:
        high_res = image.reduce(FINENESS)
    else:
        high_res = Image.fromarray(take_middles(image, FINENESS))
    if reduction == "nearest":
        low_res = take_middles(image, scale * FINENESS)
    elif reduction == "box":
        low_res = np.array(high_res.reduce(scale))
    elif reduction == "bilinear":
        low_res = np.array(high_res.resize((side, side), Image.Resampling.BILINEAR))
    else:
        low_res = resize_image(np.array(high_res), 1 / scale)
    return low_res, np.array(high_res)


def take_middles(image: Image.Image, step: int) -> np.ndarray:
    """Return the pixel in the middle of each square of `step` pixels."""
    return np.ascontiguousarray(np.array(image)[step // 2 :: step, step // 2 :: step])


def draw_colours(random: np.random.Generator) -> list[Colour]:
    """Draw two to five colours: half of the sets are grey, a third differ little, 0 and 255 are frequent."""
    count = 2 if random.random() < 0.6 else int(random.integers(3, 6))
    channels = 1 if random.random() < 0.5 else 3
    levels = random.integers(0, 256, (count, channels))
    if random.random() < 0.33:
        levels = (levels[:1] + random.integers(-110, 111, (count, channels))).clip(0, 255)
    else:
        extreme = random.random((count, channels)) < 0.4
        levels = np.where(extreme, 255 * random.integers(0, 2, (count, channels)), levels)
    return [tuple(int(level) for level in np.broadcast_to(row, 3)) for row in levels]


class Drawing:
    """A canvas, its colours and the random numbers of what is drawn on it.

    Args:
        side: of the drawing, in low-res pixels, which all lengths are given in.
        cell: canvas pixels per low-res pixel.
        finest: the thinnest line.
    """

    def __init__(self, random: np.random.Generator, side: int, cell: int, finest: float):
        self.random, self.side, self.cell, self.finest = random, side, cell, finest
        self.is_snapped = random.random() < SNAPPED_SHARE
        self.colours = draw_colours(random)
        self.image = Image.new("RGB", (side * cell, side * cell), self.colours[0])
        self.pen = ImageDraw.Draw(self.image)

    def chance(self, share: float) -> bool:
        """Draw a boolean that is true with a probability of `share`."""
        return bool(self.random.random() < share)

    def stays_straight(self) -> bool:
        """Draw whether the next shape or line must be upright: most are where coordinates are whole low-res pixels."""
        return self.is_snapped and self.chance(0.7)

    def count(self, low: int, high: int) -> int:
        """Draw a whole number, both bounds included."""
        return int(self.random.integers(low, high + 1))

    def colour(self) -> Colour:
        """Draw one of the drawing's colours; the background's less often."""
        first = 0 if self.chance(0.15) else 1
        return self.colours[self.count(first, len(self.colours) - 1)]

    def place(self) -> int:
        """Draw a coordinate in canvas pixels."""
        return self.whole(self.random.uniform(-0.1, 1.0) * self.side)

    def length(self, low: float, high: float) -> int:
        """Draw a length evenly in its logarithm, in canvas pixels; bounds in low-res pixels."""
        low = max(low, self.finest)
        return max(1 if not self.is_snapped else self.cell, self.whole(low * (high / low) ** self.random.random()))

    def whole(self, length: float) -> int:
        """Convert low-res pixels to canvas pixels, rounded to whole low-res pixels if the drawing is snapped."""
        return round(length) * self.cell if self.is_snapped else round(length * self.cell)

    def rectangle(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle whose right and lower border are x + width and y + height."""
        self.pen.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)

    def stamp(self, mask: Image.Image, colour: Colour, turned_share: float) -> None:
        """Paint where a mask of the canvas's size is set, in a share of cases turned, stretched and slanted."""
        if self.chance(turned_share):
            angle, slant = self.random.uniform(-math.pi, math.pi), self.random.uniform(-0.3, 0.3)
            across, down = self.random.uniform(0.75, 1.3, 2)
            turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
            matrix = np.array([[across, slant], [0, down]]) @ turn
            middle = np.array([mask.width / 2, mask.height / 2])
            shift = middle - matrix @ middle
            values = (*matrix[0], shift[0], *matrix[1], shift[1])
            mask = mask.transform(mask.size, Image.Transform.AFFINE, values)
        self.image.paste(colour, mask=mask)


def draw_shapes(drawing: Drawing) -> None:
    """Draw rectangles, discs, rings, rounded boxes, polygons and stars."""
    for _ in range(drawing.count(4, 24)):
        x, y, colour = drawing.place(), drawing.place(), drawing.colour()
        width, height = drawing.length(1, 50), drawing.length(1, 50)
        box = (x, y, x + width - 1, y + height - 1)
        kind = 0 if drawing.stays_straight() else drawing.count(0, 5)
        if kind <= 1:
            drawing.rectangle(x, y, width, height, colour)
        elif kind == 2:
            drawing.pen.ellipse((x, y, x + width, y + width), fill=colour)
        elif kind == 3:
            drawing.pen.ellipse(box, outline=colour, width=drawing.length(0.5, 5))
        elif kind == 4:
            drawing.pen.rounded_rectangle(box, radius=min(width, height) / 3, fill=colour)
        else:
            draw_polygon(drawing, x, y, width, colour)


def draw_polygon(drawing: Drawing, x: int, y: int, radius: int, colour: Colour) -> None:
    """Draw a polygon or a star around a point."""
    corners, inner = drawing.count(3, 9), drawing.random.uniform(0.3, 1)
    angles = 2 * math.pi * (np.arange(2 * corners) / (2 * corners) + drawing.random.random())
    radii = radius * np.where(np.arange(2 * corners) % 2, inner, 1.0)
    points = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
    drawing.pen.polygon([tuple(point) for point in points.tolist()], fill=colour)


def draw_lines(drawing: Drawing) -> None:
    """Draw line art: straight, broken and curved lines from hairlines to bars."""
    for _ in range(drawing.count(4, 20)):
        width, colour = drawing.length(0.5, 4), drawing.colour()
        kind = 0 if drawing.stays_straight() else drawing.count(0, 3)
        if kind == 0:  # upright or level
            across, along = drawing.place(), drawing.length(8, 100)
            size = (along, width) if drawing.chance(0.5) else (width, along)
            drawing.rectangle(across, drawing.place(), *size, colour)
        elif kind == 1:
            points = [(drawing.place(), drawing.place()) for _ in range(drawing.count(2, 5))]
            drawing.pen.line(points, fill=colour, width=width, joint="curve")
        elif kind == 2:
            x, y, start = drawing.place(), drawing.place(), drawing.count(0, 360)
            box = (x, y, x + drawing.length(6, 80), y + drawing.length(6, 80))
            drawing.pen.arc(box, start, start + drawing.count(40, 320), fill=colour, width=width)
        else:
            draw_curve(drawing, width, colour)


def draw_curve(drawing: Drawing, width: int, colour: Colour) -> None:
    """Draw a cubic Bézier curve (Bernstein form) between random points."""
    t = np.linspace(0, 1, 60)[:, None]
    a, b, c, d = (np.array([drawing.place(), drawing.place()]) for _ in range(4))
    points = (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    drawing.pen.line([tuple(point) for point in points.tolist()], fill=colour, width=width, joint="curve")


def draw_text(drawing: Drawing) -> None:
    """Draw blocks of random words: small to large, thin to heavy, upright or turned, slanted and stretched."""
    for _ in range(drawing.count(1, 3)):
        size = drawing.length(14 if drawing.finest == 1 else 6, 40)
        stroke = drawing.count(1, max(1, size // 12)) if drawing.chance(0.3) else 0
        lines = max(1, min(8, drawing.image.height // size))
        words = [random_words(drawing.random, 2 * drawing.image.width // size) for _ in range(lines)]
        mask = Image.new("1", drawing.image.size)
        corner = (drawing.place(), drawing.place()) if drawing.chance(0.5) else (0, 0)
        ImageDraw.Draw(mask).multiline_text(corner, "\n".join(words), fill=1, font=font(size), stroke_width=stroke)
        drawing.stamp(mask, drawing.colour(), turned_share=0.5)


@lru_cache(maxsize=64)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Load Pillow's font at a height in pixels."""
    return ImageFont.load_default(size)  # type: ignore[return-value]  # a bitmap font only where FreeType is missing


def random_words(random: np.random.Generator, length: int) -> str:
    """Return random characters in words of one to nine."""
    letters = random.choice([*CHARACTERS], size=length)
    return "".join(letter + " " * (random.random() < 0.2) for letter in letters)


def draw_pattern(drawing: Drawing) -> None:
    """Draw stripes, a checkerboard, dots or a random mosaic such as pixel art, over all or a part of the canvas."""
    period = drawing.length(2 * drawing.finest, 16)
    cells = max(2, math.ceil(drawing.image.width / period))
    kind = drawing.count(0, 3)
    y, x = np.indices((cells, cells))
    if kind == 0:
        chosen = x % drawing.count(2, 4) == 0
    elif kind == 1:
        chosen = (x + y) % 2 == 0
    elif kind == 2:
        chosen = (x % 2 == 0) & (y % 2 == 0)
    else:
        chosen = drawing.random.random((cells, cells)) < drawing.random.uniform(0.1, 0.9)
    pattern = Image.fromarray(chosen).resize((cells * period, cells * period), Image.Resampling.NEAREST)
    mask = Image.new("1", drawing.image.size)
    if drawing.chance(0.4):
        pattern = pattern.crop((0, 0, drawing.length(10, drawing.side), drawing.length(10, drawing.side)))
        mask.paste(pattern, (drawing.place(), drawing.place()))
    else:
        mask.paste(pattern)
    drawing.stamp(mask, drawing.colour(), turned_share=0.0 if drawing.is_snapped else 0.7)


def draw_chart(drawing: Drawing) -> None:
    """Draw what diagrams consist of: a grid, axes, bars and a curve, with numbers beside them."""
    pitch, thin, size = drawing.length(6, 24), drawing.length(0.5, 1.5), drawing.image.width
    grid, axis = drawing.colour(), drawing.colour()
    for offset in range(pitch, size, pitch):
        drawing.rectangle(0, offset, size, thin, grid)
        drawing.rectangle(offset, 0, thin, size, grid)
        if drawing.chance(0.5):
            height = drawing.length(4, 0.8 * drawing.side)
            drawing.rectangle(offset, size - height, max(drawing.cell, pitch // 2), height, drawing.colour())
    if drawing.finest < 1:
        for offset in range(0, size, 2 * pitch):
            label = random_words(drawing.random, 3)
            drawing.pen.text((offset, drawing.place()), label, fill=axis, font=font(max(pitch // 2, 6 * drawing.cell)))
    points = [(offset, drawing.place()) for offset in range(0, size + pitch, pitch)]
    drawing.pen.line(points, fill=axis, width=drawing.length(0.5, 3), joint="curve")


def draw_interface(drawing: Drawing) -> None:
    """Draw what screens consist of: panels with borders, buttons and lines of text in them."""
    for _ in range(drawing.count(3, 10)):
        x, y, border = drawing.place(), drawing.place(), drawing.length(0.5, 2)
        width, height = drawing.length(12, 90), drawing.length(8, 60)
        frame, filling, ink = drawing.colour(), drawing.colour(), drawing.colour()
        drawing.rectangle(x, y, width, height, frame)
        drawing.rectangle(x + border, y + border, max(1, width - 2 * border), max(1, height - 2 * border), filling)
        line = drawing.length(14 if drawing.finest == 1 else 7, 20)
        for top in range(y + 2 * border, y + height - line, 3 * line // 2):
            text = random_words(drawing.random, max(1, width // line))
            drawing.pen.text((x + 3 * border, top), text, fill=ink, font=font(line))


def draw_flat(drawing: Drawing) -> None:
    """Draw nothing, or divide the canvas once."""
    if drawing.chance(0.7):
        size, part = drawing.image.width, max(1, drawing.place())
        width, height = (size, part) if drawing.chance(0.5) else (part, size)
        drawing.rectangle(0, 0, width, height, drawing.colour())


KINDS: dict[Callable[[Drawing], None], float] = {  # their shares
    draw_shapes: 0.3,
    draw_lines: 0.15,
    draw_text: 0.25,
    draw_pattern: 0.1,
    draw_chart: 0.05,
    draw_interface: 0.1,
    draw_flat: 0.05,
}
