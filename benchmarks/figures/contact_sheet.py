"""Draw docs/contact_sheet.png: the same details by bicubic, by every ×4 checkpoint, and the originals, at 1:1.

    python -m benchmarks.figures.contact_sheet

The pictures of docs/crops are reduced and upscaled again. Also draws limits.jpg of every card: small print, and a face
that is degraded first (`caesr.evaluation.degrade`, medium). `benchmarks.figures.degraded_sheet` draws degraded
details beside the results of peers.
"""

from collections.abc import Mapping
from functools import partial

from PIL import Image

import zoo
from benchmarks import ROOT
from benchmarks.pictures import read_rgb
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.compare import draw_sheet
from caesr.evaluation.degrade import STRENGTHS, degrade_picture
from caesr.evaluation.evaluate import Reduce, Upscale, bicubic
from caesr.imaging.resize import resize_image
from zoo.catalogue import CHECKPOINTS

DETAILS = ("text", "fabric", "foliage", "fur", "face", "facade")


def upscale_of(name: str) -> Upscale:
    """Return the function of a checkpoint at its native scale."""
    return checkpoint_upscale(CAEResNet.from_pretrained(name))


def draw(details: Mapping[str, Reduce], upscalers: Mapping[str, Upscale], scale: int) -> Image.Image:
    """Draw a row for each detail: reduced as given, upscaled by every upscaler, and the original."""
    rows = []
    for detail, reduce in details.items():
        original = read_rgb(ROOT / "docs" / "crops" / f"{detail}.png", scale)
        low_res = reduce(original, 1 / scale)
        row = {title: upscale(low_res) for title, upscale in upscalers.items()}
        rows.append(row | {"original": original})
    return draw_sheet(rows)


def draw_contact_sheet() -> Image.Image:
    """Draw clean details by bicubic, the founding article's network and every family at ×4."""
    families = {zoo.info(name).family: name for name in zoo.names() if zoo.info(name).scale == 4}
    seed_first = sorted(families, key=lambda family: family != "seed")
    upscalers = {"bicubic": bicubic(4)} | {family: upscale_of(families[family]) for family in seed_first}
    return draw(dict.fromkeys(DETAILS, resize_image), upscalers, 4)


def draw_limits(name: str) -> Image.Image:
    """Draw what a checkpoint makes of small print and of a degraded face."""
    scale = zoo.info(name).scale
    medium = partial(degrade_picture, strength=STRENGTHS["medium"])
    return draw({"text": resize_image, "face": medium}, {"bicubic": bicubic(scale), name: upscale_of(name)}, scale)


def main() -> None:
    draw_contact_sheet().save(ROOT / "docs" / "contact_sheet.png", optimize=True)
    for name in zoo.names():
        draw_limits(name).save(CHECKPOINTS / name / "limits.jpg", quality=92, subsampling=0)


if __name__ == "__main__":
    main()
