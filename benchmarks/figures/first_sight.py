"""Draw the page's examples and make what page and README show first: examples/page, caesr/page/first_sight, docs.

    python -m benchmarks.figures.first_sight

The photographs are those of examples/README.md; the scan and the graphic are drawn here. All are free of rights.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import zoo
from benchmarks import ROOT
from benchmarks.pictures import EXAMPLES
from caesr import Upscaler
from caesr.imaging.resize import resize_image
from caesr.model.family import load_family

FOLDER = ROOT / "caesr" / "page" / "first_sight"
QUALITY, SAMPLE_QUALITY = 60, 50  # of the compressed photograph, and of the samples of the models
SAMPLE = (96, 40, 168, 112)  # left, top, right, bottom of the part of coffee.png that the models are shown on
TEXT = """The library opens at nine.
Readers are asked to keep
the windows closed in winter,
and to return each volume to
the shelf from which it came.

    No. 417   ·   24 March 1932"""


def draw_page() -> Image.Image:
    """Draw a scan of a typed page: uneven paper, a slight turn, ink that spread."""
    random = np.random.default_rng(1)
    paper = Image.new("L", (1400, 1000), 236)
    draw = ImageDraw.Draw(paper)
    draw.multiline_text((120, 130), TEXT, fill=45, font=ImageFont.load_default(64), spacing=38)
    paper = paper.rotate(0.7, fillcolor=236, resample=Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2.2))
    small = np.asarray(paper.resize((350, 250), Image.Resampling.BOX)).astype(float)
    shade = np.linspace(0, 14, small.shape[1])[None]
    noisy = small - shade + random.normal(0, 2.5, small.shape)
    tint = noisy[..., None] * np.array([1.0, 0.985, 0.94])
    return Image.fromarray(np.clip(tint, 0, 255).round().astype(np.uint8))


def draw_logo() -> Image.Image:
    """Draw a graphic with a transparent ground: flat colours, curves, small letters."""
    large = Image.new("RGBA", (1600, 1600), (0, 0, 0, 0))
    draw = ImageDraw.Draw(large)
    draw.ellipse((80, 80, 1520, 1520), fill=(15, 118, 110, 255))
    draw.polygon([(320, 1060), (660, 520), (900, 880), (1040, 700), (1290, 1060)], fill=(240, 253, 250, 255))
    draw.ellipse((1010, 350, 1190, 530), fill=(251, 191, 36, 255))
    draw.arc((160, 160, 1440, 1440), 200, 340, fill=(153, 246, 228, 255), width=26)
    text = ImageFont.load_default(165)
    draw.text((800, 1230), "ALPINE CLUB", fill=(240, 253, 250, 255), font=text, anchor="mm", stroke_width=5)
    return large.resize((200, 200), Image.Resampling.LANCZOS)


def compressed(picture: Image.Image, quality: int) -> Image.Image:
    """Return a picture after it was saved as a JPEG, as cameras and phones save it."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(buffer).convert("RGB")


def draw_halves(before: np.ndarray, after: np.ndarray) -> Image.Image:
    """Return the left half of a picture as it was and the right half as it became, a line between; (H, W, 3) each."""
    middle = before.shape[1] // 2
    halves = np.concatenate((before[:, :middle], after[:, middle:]), axis=1)
    halves[:, middle - 1 : middle + 1] = 255
    return Image.fromarray(halves)


def main() -> None:
    for folder in (FOLDER, ROOT / "examples" / "page"):
        folder.mkdir(exist_ok=True)
    examples = {file.stem: file for file in EXAMPLES}
    coffee = Image.open(examples["coffee"]).convert("RGB")
    coffee.save(ROOT / "examples" / "page" / "coffee.jpg", quality=QUALITY, subsampling="4:2:0")
    draw_page().save(ROOT / "examples" / "page" / "scan.png", optimize=True)
    draw_logo().save(ROOT / "examples" / "page" / "logo.png", optimize=True)

    before = Path(ROOT / "examples" / "page" / "coffee.jpg")
    (FOLDER / "before.jpg").write_bytes(before.read_bytes())
    after = Upscaler(load_family("photo"), "cpu")(np.array(Image.open(before)), 4)
    Image.fromarray(after).save(FOLDER / "after.webp", quality=82, method=6)
    halves = draw_halves(resize_image(np.array(Image.open(before)), 4), after)
    halves.save(ROOT / "docs" / "before-after.jpg", quality=88, optimize=True)

    sample = np.array(compressed(coffee, SAMPLE_QUALITY).crop(SAMPLE))
    pictures = {"original": resize_image(sample, 4)}
    for family in dict.fromkeys(zoo.info(name).family for name in zoo.names()):
        pictures[family] = Upscaler(load_family(family), "cpu")(sample, 4)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(FOLDER / f"sample_{name}.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
