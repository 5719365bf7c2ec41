"""Parcels: every picture is in one of them, none is too large, and `tar` restores the files."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from caesr.training.parcels import pack
from tests.conftest import ROOT


@pytest.fixture
def root(tmp_path) -> Path:
    """Write 24 pictures to two folders; return the folder that holds both."""
    for folder in ("train/photos", "train/more"):
        (tmp_path / folder).mkdir(parents=True)
        for n in range(12):
            Image.open(ROOT / "examples/cat.png").resize((40 + n, 40)).save(tmp_path / folder / f"{n:02}.png")
    return tmp_path


def test_parcels_stay_below_the_limit_and_unpack_to_the_same_files(root, tmp_path):
    limit = 30_000 + 2 * 10_240
    parcels = pack(root, ["train/photos", "train/more"], tmp_path / "parcels", limit)
    assert len(parcels) > 2
    assert all(parcel.stat().st_size <= limit for parcel in parcels)
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    for parcel in parcels:
        subprocess.run(["tar", "-xf", parcel, "-C", unpacked], check=True)
    files = list(root.glob("train/*/*.png"))
    assert len(list(unpacked.glob("train/*/*.png"))) == len(files) == 24
    for file in files:
        assert (unpacked / file.relative_to(root)).read_bytes() == file.read_bytes()


def test_a_picture_larger_than_a_parcel_is_named(root, tmp_path):
    with pytest.raises(ValueError, match=r"\.png does not fit"):
        pack(root, ["train/photos"], tmp_path / "parcels", 21_000)
