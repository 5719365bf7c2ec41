"""Parcels: every picture once, none too heavy, and back where it was."""

from pathlib import Path

import pytest
from PIL import Image

from caesr.training.parcels import pack, unpack
from tests.conftest import ROOT


@pytest.fixture
def root(tmp_path) -> Path:
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
    assert unpack(parcels, tmp_path / "there") == 24
    for file in root.glob("train/*/*.png"):
        assert (tmp_path / "there" / file.relative_to(root)).read_bytes() == file.read_bytes()


def test_a_picture_larger_than_a_parcel_is_said(root, tmp_path):
    with pytest.raises(ValueError, match="does not fit"):
        pack(root, ["train/photos"], tmp_path / "parcels", 21_000)
