"""Fixtures of the training tests: a folder of tiles and a recipe for a tiny network."""

from pathlib import Path

import pytest
from PIL import Image

from caesr.training.pictures import find_pictures
from tests.conftest import ROOT

RECIPE = """
data = ["train/photos"]
batch = 4
patch = 16
warmup = 2
loss = {charbonnier = 1.0, fft = 0.05}
cool_down_loss = "psnr"
[model]
scale = 2
widths = [8, 16]
skips = "fuse"
global_residual = true
"""


@pytest.fixture
def photos(tmp_path, monkeypatch) -> list[Path]:
    """Write 52 tiles of the example photographs to $CAESR_DATA, one of them for validation; return the files."""
    folder = tmp_path / "data/train/photos"
    folder.mkdir(parents=True)
    for n, example in enumerate(sorted((ROOT / "examples").glob("*.png")) * 13):
        Image.open(example).convert("RGB").crop((0, 0, 96, 80)).save(folder / f"{n:04}_0_0.png")
    monkeypatch.setenv("CAESR_DATA", str(tmp_path / "data"))
    return find_pictures([folder])


@pytest.fixture
def recipe(tmp_path) -> Path:
    """Write the recipe of a tiny network; return the file."""
    (tmp_path / "tiny-x2.toml").write_text(RECIPE)
    return tmp_path / "tiny-x2.toml"
