"""Training pictures: crop pairs that fit together, their symmetries, degraded crops, held-out photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.imaging.resize import resize
from caesr.training.pictures import DegradedPictures, Mixture, Pictures, hold_out

CPU = torch.device("cpu")


def seeded(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_low_res_crop_is_the_reduction_of_its_high_res_crop(photos, scale):
    low_res, high_res = Pictures.read(photos[:4], scale, 16, CPU).sample(32, seeded(scale))
    assert low_res.shape == (32, 3, 16, 16)
    assert high_res.shape == (32, 3, 16 * scale, 16 * scale)
    again = resize(high_res.double(), 1 / scale)
    inner = (..., slice(3, -3), slice(3, -3))  # at its border a crop lacks the pixels that the picture has
    assert (again - low_res)[inner].abs().mean() < 0.5 / 255  # bytes are rounded, and clipped at white
    shifted = again[..., 1:] - low_res[..., :-1]
    assert shifted[inner].abs().mean() > 2 / 255  # a crop that is one pixel off would be noticed


def test_all_eight_symmetries_of_a_crop_occur(tmp_path):
    image = np.zeros((32, 32, 3), np.uint8)
    image[:16, :8] = 255
    image[:8, 8:16] = 120
    Image.fromarray(image).save(tmp_path / "0.png")
    low_res, _ = Pictures.read([tmp_path / "0.png"], 1, 32, CPU).sample(200, seeded(0))
    assert len({crop.numpy().tobytes() for crop in low_res}) == 8


def test_crops_reach_every_corner_and_stay_inside(photos):
    low_res, _ = Pictures.read(photos[:1], 1, 79, CPU).sample(300, seeded(0))
    picture = np.array(Image.open(photos[0]).convert("RGB"))
    corners = {tuple(picture[y, x]) for y in (0, 79) for x in (0, 95)}
    pixels = low_res[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].mul(255).round().byte()  # (300, 3, 4)
    seen = {tuple(pixel) for pixel in pixels.permute(0, 2, 1).reshape(-1, 3).tolist()}
    assert corners <= seen


def test_degraded_crops_depend_on_seed_and_step_alone(photos):
    pictures = Mixture(Pictures.read(photos[:4], 2, 16, CPU), 0.3, 4, seed=0)
    first, same_seed, other_seed = (DegradedPictures(pictures, seed) for seed in (1, 1, 2))
    for _ in range(3):
        first.sample(70)  # an earlier window, which the others skip
    low_res, high_res = first.sample(130)
    assert torch.equal(low_res, same_seed.sample(130)[0])
    assert not torch.equal(low_res, other_seed.sample(130)[0])
    assert (low_res.shape, high_res.shape) == ((4, 3, 16, 16), (4, 3, 32, 32))
    assert not torch.equal(first.sample(131)[0], low_res)


def test_no_photograph_is_both_trained_on_and_validated_with():
    files = [Path(f"{photo:04}_{tile}_0.webp") for photo in range(120) for tile in range(3)]
    train_files, held_out = hold_out(files)
    assert {f.stem[:4] for f in train_files}.isdisjoint({f.stem[:4] for f in held_out})
    assert len(held_out) == 6
    assert len(train_files) + len(held_out) == 360


def test_pictures_smaller_than_a_patch_are_refused(photos):
    with pytest.raises(ValueError, match="400x400 or larger"):
        Pictures.read(photos, 4, 100, CPU)
