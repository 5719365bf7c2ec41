"""The same details by bicubic, by every ×4 checkpoint, and as they were.

    python docs/contact_sheet.py

The pictures of docs/crops, reduced and enlarged again, at 1:1: docs/contact_sheet.png. For every card, limits.jpg:
small print, and a face that is degraded first: blurred, noisy, compressed as JPEG (`caesr.evaluation.evaluate.degraded`, medium).
`docs/degraded_sheet.py` draws degraded details beside the results of peers.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import zoo
from caesr import Upscaler
from caesr.evaluation.compare import sheet
from caesr.evaluation.degrade import STRENGTHS, degraded
from caesr.evaluation.evaluate import Enlarge, Reduce, bicubic
from caesr.imaging.resize import resize_image
from caesr.model.caeresnet import CAEResNet
from zoo.catalogue import CHECKPOINTS

HERE = Path(__file__).parent
DETAILS = ("text", "fabric", "foliage", "fur", "face", "facade")


def enlarger(name: str) -> Enlarge:
    """A checkpoint's network at its native scale, on the CPU."""
    return partial(Upscaler(CAEResNet.from_pretrained(name), "cpu"), scale=zoo.info(name).scale)


def rows(details: Sequence[tuple[str, Reduce]], ways: Mapping[str, Enlarge], scale: int) -> list[dict[str, np.ndarray]]:
    """For each detail, and how it is reduced: what every way makes of it, and the original."""
    made = []
    for detail, reduce in details:
        hr = np.array(Image.open(HERE / "crops" / f"{detail}.png").convert("RGB"))
        hr = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
        made.append({title: way(reduce(hr, 1 / scale)) for title, way in ways.items()} | {"original": hr})
    return made


def main() -> None:
    families = {zoo.info(name).family: enlarger(name) for name in zoo.names() if zoo.info(name).scale == 4}
    reference = {"seed": families.pop("seed")} if "seed" in families else {}
    ways = {"bicubic": bicubic(4)} | reference | families
    clean = [(detail, resize_image) for detail in DETAILS]
    sheet(rows(clean, ways, 4)).save(HERE / "contact_sheet.png", optimize=True)
    medium = partial(degraded, strength=STRENGTHS["medium"])
    for name in zoo.names():
        scale = zoo.info(name).scale
        ways = {"bicubic": bicubic(scale), name: enlarger(name)}
        limits = sheet(rows([("text", resize_image), ("face", medium)], ways, scale))
        limits.save(CHECKPOINTS / name / "limits.jpg", quality=92, subsampling=0)


if __name__ == "__main__":
    main()
