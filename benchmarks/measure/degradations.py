"""Measure noise, JPEG blocks and blur in the inputs that training makes, in real photographs and in the test inputs.

    pip install --no-deps --target photographs scikit-learn scikit-image matplotlib nikola psychopy thumbor
    PYTHONPATH=photographs python -m benchmarks.measure.degradations [--real FOLDER]

Sets, all cut into crops of 64x64 pixels:

- clean: crops of training photographs, reduced by 4 with bicubic; what the measures find where nothing is degraded.
- chain: the same crops at high-res after `caesr.training.degrade.degrade` at scale 4.
- real: JPEG photographs with free licences at 1:1, from installed Python packages (`SOURCES`) or from FOLDER.
- bsds400: the JPEGs of $CAESR_DATA/train/bsds400 at 1:1.
- light, medium, heavy: the inputs of `caesr evaluate` at these strengths, from the first ten pictures of B100.

Noise can only be measured where a photograph is smooth. Chain and tests: in crops with less than 1 grey level of noise
before degradation. Real photographs and bsds400: in the smoothest quarter of each picture's crops. In addition, chain
and tests run on flat grey, where all that is left is noise. The measures themselves are in
caesr/imaging/artefacts.py and benchmarks/edge_width.py.

Writes benchmarks/results/degradations.json, and docs/degradations.png by benchmarks/figures/degradations.py.
"""

import argparse
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks import results
from benchmarks.edge_width import edge_width
from benchmarks.figures.degradations import draw
from benchmarks.pictures import FEW, read_rgb
from caesr.evaluation.degrade import STRENGTHS, degrade_picture
from caesr.files.data import data_folder
from caesr.imaging.artefacts import blockiness, luma, noise
from caesr.imaging.resize import resize_image
from caesr.training.degrade import degrade
from caesr.training.pictures import Pictures, find_pictures

SIDE, SCALE = 64, 4  # pixels of a low-res crop; high-res pixels per low-res pixel
SOURCES = [  # package, files, licence of the photographs
    ("sklearn", "datasets/images/*.jpg", "CC BY 2.0, danielbuechele and vultilion (Flickr)"),
    ("skimage", "data/r*.jpg", "public domain (rocket, SpaceX), CC0 (retina)"),
    ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "public domain (US Navy)"),
    ("nikola", "data/samplesite/galleries/demo/*.jpg", "public domain (photographs of Nikola Tesla and his works)"),
    ("psychopy", "demos/**/randomisedBlocks/stims/*.jpg", "GPL-3.0-or-later, as the package"),
    ("psychopy", "demos/**/gcCursor/images/*.jpg", "GPL-3.0-or-later, as the package"),
    ("thumbor", "fixtures/filters/[8G]*.jpg", "Wikimedia Commons; the package (MIT) does not repeat their licences"),
]
MEASURES = ("noise", "blockiness", "edge_width")
Groups = Iterable[tuple[Tensor, Tensor]]  # crops (B, 3, H, W) in [0, 1]; whether each counts for noise (B,)


def measure(groups: Groups) -> dict[str, Tensor]:
    """Return all values of each measure, without those that cannot be measured."""
    found: dict[str, list[Tensor]] = {name: [] for name in MEASURES}
    for crops, is_smooth in groups:
        found["noise"].append(noise(luma(crops))[is_smooth])
        found["blockiness"].append(blockiness(luma(crops)))
        found["edge_width"].append(edge_width(luma(crops)))
    values = {name: torch.cat(parts) for name, parts in found.items()}
    return {name: x[~x.isnan()] for name, x in values.items()}


def training_crops(folder: Path, is_clean: bool, batches: int = 80, batch: int = 8) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of training crops, reduced only or degraded; sizes and kernels are drawn for each batch."""
    pictures = Pictures.read(find_pictures([folder])[::10], SCALE, SIDE, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    for _ in range(batches):
        lr, hr = pictures.sample(batch, generator)
        yield lr if is_clean else degrade(hr, SCALE, generator), noise(luma(lr)) < 1


def cut(picture: np.ndarray, count: int = 16) -> Tensor:
    """Cut so many crops (count, 3, 64, 64) in [0, 1] out of a picture (H, W, 3) uint8, always at the same places."""
    places = np.array(picture.shape[:2]) - SIDE + 1
    corners = (np.random.default_rng(0).random((count, 2)) * places).astype(int)
    crops = [picture[y : y + SIDE, x : x + SIDE] for y, x in corners]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2) / 255


def real_crops(files: Iterable[Path]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the crops of each photograph at 1:1."""
    for file in files:
        crops = cut(read_rgb(file))
        sd = noise(luma(crops))
        yield crops, sd <= sd.nanquantile(0.25)


def degraded_crops(name: str, files: Iterable[Path]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the crops of each test picture, degraded at a strength of `caesr.evaluation.degrade`."""
    for file in files:
        hr = read_rgb(file, SCALE)
        clean = cut(resize_image(hr, 1 / SCALE))
        yield cut(degrade_picture(hr, 1 / SCALE, STRENGTHS[name])), noise(luma(clean)) < 1


def packaged_photographs() -> tuple[dict[Path, str], list[str]]:
    """Find the JPEG photographs of installed packages and their licences; name what is missing."""
    found: dict[Path, str] = {}
    missing = []
    for package, pattern, licence in SOURCES:
        spec = find_spec(package)
        folders = spec.submodule_search_locations if spec else None
        files = [file for folder in folders or [] for file in sorted(Path(folder).glob(pattern))]
        found |= dict.fromkeys(files, licence)
        missing += [] if files else [f"{package}: {pattern}"]
    return found, missing


def flat_noise() -> dict[str, dict[str, float]]:
    """Return the standard deviations on luma that chain and tests leave on flat grey."""
    grey, generator = torch.full((4, 3, 32 * SCALE, 32 * SCALE), 0.5), torch.Generator().manual_seed(0)
    sd = torch.cat([luma(degrade(grey, SCALE, generator)).std((1, 2, 3)) for _ in range(250)])
    found = {"chain": summary(sd, sd)}
    found["chain"] |= {f"share_above_{limit}": round((sd > limit).float().mean().item(), 3) for limit in (4, 8)}
    for name, strength in STRENGTHS.items():
        crops = cut(degrade_picture(np.full((512, 512, 3), 128, np.uint8), 1 / SCALE, strength))
        found[name] = {"p50": round(luma(crops).std((1, 2, 3)).median().item(), 3)}
    return found


def summary(values: Tensor, chain: Tensor) -> dict[str, float]:
    """Return quantiles, number, and the shares below and above 98 % of what the chain makes."""
    found = {f"p{q}": values.quantile(q / 100).item() for q in (1, 5, 25, 50, 75, 95, 99)}
    found["below_chain"] = (values < chain.quantile(0.01)).float().mean().item()
    found["above_chain"] = (values > chain.quantile(0.99)).float().mean().item()
    return {name: round(x, 3) for name, x in found.items()} | {"n": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="folder of JPEG photographs to use in place of the packages'")
    folder = parser.parse_args().real
    about = results.header()
    about["command"] = f"PYTHONPATH=photographs {about['command']}"
    photographs, missing = packaged_photographs()
    if folder:
        photographs, missing = dict.fromkeys(find_pictures([folder]), "unknown"), []
    for name in missing:
        print(f"Not installed, so left out: {name}")
    train, b100 = data_folder() / "train", find_pictures([data_folder() / "test" / "B100"])[:FEW]
    groups: dict[str, Groups] = {
        "clean": training_crops(train / "photos", is_clean=True),
        "chain": training_crops(train / "photos", is_clean=False),
        "real": real_crops(photographs),
        "bsds400": real_crops(find_pictures([train / "bsds400"])[::10]),
    }
    groups |= {name: degraded_crops(name, b100) for name in STRENGTHS}
    values = {name: measure(crops) for name, crops in groups.items()}
    sets = {}
    for name, by_measure in values.items():
        sets[name] = {key: summary(x, values["chain"][key]) for key, x in by_measure.items()}
    medians = []
    for file, licence in photographs.items():
        found = {key: round(x.median().item(), 2) for key, x in measure(real_crops([file])).items() if len(x)}
        medians.append({"file": file.name, "licence": licence} | found)
    flat_grey = flat_noise()
    results.show(flat_grey | sets)
    about |= {"missing": missing, "flat_grey": flat_grey, "sets": sets, "photographs": medians}
    results.write("degradations", about)
    draw(values)


if __name__ == "__main__":
    main()
