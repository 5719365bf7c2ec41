"""Degradations: JPEG is JPEG, blur is a blur, chances are kept, and the same seed makes the same picture."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.evaluate import tensor
from caesr.training.degrade import blur, jpeg, noise, photo, uniform


def seeded(n: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(n)


@pytest.mark.parametrize("quality", [20, 40, 75, 95])
def test_jpeg_is_what_a_real_encoder_makes(photograph, quality):
    buffer = io.BytesIO()
    Image.fromarray(photograph).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    real = np.array(Image.open(buffer)).astype(int)
    ours = (jpeg(tensor(photograph) / 255, torch.tensor([float(quality)]))[0] * 255).permute(1, 2, 0).numpy()
    loss = np.abs(real - photograph).mean()
    assert np.abs(ours - real).mean() < 0.25 * loss + 0.5  # they round differently, and spread chroma differently
    assert 0.85 < np.abs(ours - photograph).mean() / loss < 1.15


def test_every_picture_of_a_batch_has_its_own_quality(photograph):
    x = tensor(photograph).expand(2, -1, -1, -1) / 255
    both = jpeg(x, torch.tensor([10.0, 90.0]))
    assert torch.allclose(both[1:], jpeg(x[1:], torch.tensor([90.0])), atol=1e-6)
    assert (both[0] - x[0]).abs().mean() > 3 * (both[1] - x[1]).abs().mean()


def test_a_blur_keeps_the_mean_and_lowers_the_contrast(photograph):
    x = tensor(photograph) / 255
    y = blur(x, (2.0, 2.0), seeded())
    assert (y.mean() - x.mean()).abs() < 0.002
    assert y.std() < x.std()
    flat = torch.full((2, 3, 20, 20), 0.3)
    assert torch.allclose(blur(flat, (0.2, 3.0), seeded()), flat, atol=1e-6)


def test_noise_has_the_deviation_asked_for_and_no_bias():
    flat = torch.full((64, 3, 64, 64), 0.5)
    grain = noise(flat, torch.full((64, 1, 1, 1), 0.05), seeded()) - flat
    assert grain.mean().abs() < 0.001
    assert grain.std() == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize("scale", [2, 4])
def test_the_chain_gives_bytes_of_the_right_size_and_the_same_for_the_same_seed(photograph, scale):
    hr = tensor(photograph[:128, :192]).expand(3, -1, -1, -1) / 255
    lr = photo(hr, scale, seeded(3))
    assert lr.shape == (3, 3, 128 // scale, 192 // scale)
    assert torch.equal(lr, photo(hr, scale, seeded(3)))
    assert not torch.equal(lr, photo(hr, scale, seeded(4)))
    assert torch.allclose((lr * 255).round(), lr * 255, atol=1e-3)
    assert lr.min() >= 0
    assert lr.max() <= 1
    assert not torch.equal(lr[0], lr[1])  # each picture has its own fate


def test_the_chain_keeps_the_picture_recognisable(photograph):
    hr = tensor(photograph[:144, :224]).expand(8, -1, -1, -1) / 255
    plain = torch.nn.functional.interpolate(hr, scale_factor=0.25, mode="area")
    for seed in range(6):
        assert (photo(hr, 4, seeded(seed)) - plain).abs().mean() < 0.06
    assert uniform(1000, 2, 3, seeded()).mean() == pytest.approx(2.5, abs=0.03)
