"""Which model Auto takes for a picture, and why."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr.engine.auto_model import choose_by_pixels, choose_model, models_for, resolve_model
from caesr.files.picture import PictureError
from caesr.options import UpscaleOptions
from tests.serving import ROOT

COFFEE = ROOT / "examples" / "coffee.png"


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    """A clean photograph, 400x600."""
    return Image.open(COFFEE).convert("RGB")


@pytest.mark.parametrize("quality", [30, 60, 85])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_a_compressed_jpeg_is_restored(tmp_path: Path, photograph: Image.Image, quality: int, subsampling: str):
    photograph.save(tmp_path / "p.jpg", quality=quality, subsampling=subsampling)
    choice = choose_model(tmp_path / "p.jpg")
    assert choice.model == "photo"
    assert f"quality about {quality}" in choice.reason


def test_a_jpeg_of_high_quality_and_a_clean_png_are_kept_faithfully(tmp_path: Path, photograph: Image.Image):
    photograph.save(tmp_path / "p.jpg", quality=96)
    photograph.save(tmp_path / "p.png")
    for name in ("p.jpg", "p.png"):
        assert choose_model(tmp_path / name).model == "lite"


def test_blocks_are_found_in_a_picture_that_was_a_jpeg_before(tmp_path: Path, photograph: Image.Image):
    photograph.save(tmp_path / "p.jpg", quality=30)
    Image.open(tmp_path / "p.jpg").save(tmp_path / "p.png")
    choice = choose_model(tmp_path / "p.png")
    assert (choice.model, "locks" in choice.reason) == ("photo", True)


def test_noise_is_found(tmp_path: Path, photograph: Image.Image):
    noisy = np.array(photograph) + np.random.default_rng(0).normal(0, 10, (*photograph.size[::-1], 3))
    Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)).save(tmp_path / "p.png")
    choice = choose_model(tmp_path / "p.png")
    assert (choice.model, "oise" in choice.reason) == ("photo", True)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (65, 65)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_pictures_of_any_size_and_kind_are_looked_at(tmp_path: Path, size: tuple[int, int], mode: str):
    Image.new(mode, size).save(tmp_path / "p.png")
    assert choose_model(tmp_path / "p.png").model == "lite"


def test_what_is_no_picture_is_refused(tmp_path: Path):
    (tmp_path / "p.jpg").write_text("no picture")
    with pytest.raises(PictureError):
        choose_model(tmp_path / "p.jpg")


def test_auto_becomes_a_model_with_its_reason_and_what_was_chosen_stays(tmp_path: Path, photograph: Image.Image):
    photograph.save(tmp_path / "p.jpg", quality=50)
    options, reason = resolve_model(UpscaleOptions(scale=2), tmp_path / "p.jpg")
    assert (options, len(reason)) == (UpscaleOptions("photo", scale=2), 1)
    assert options.model in models_for(UpscaleOptions())
    chosen = UpscaleOptions("base")
    assert resolve_model(chosen, tmp_path / "gone.jpg") == (chosen, ())
    assert models_for(chosen) == ("base",)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pixels_alone_tell_as_much_as_a_file_that_says_nothing(photograph: Image.Image, dtype: type):
    clean = np.array(photograph).astype(dtype) * (257 if dtype == np.uint16 else 1)
    assert choose_by_pixels(clean).model == "lite"
    noise = np.random.default_rng(0).normal(0, np.iinfo(dtype).max / 25, clean.shape)
    noisy = (clean + noise).round().clip(0, np.iinfo(dtype).max).astype(dtype)
    assert choose_by_pixels(noisy).model == "photo"
