"""Degradations: JPEG like a real encoder's, blur, noise, resizing, and the whole chain by its seed."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.evaluation.evaluate import to_tensor_255
from caesr.training.degrade import METHODS, Draw, add_noise, blur, degrade, jpeg, resize, sharpen

pytestmark = pytest.mark.slow


def seeded(n: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def strength(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("quality", [20, 40, 75, 95])
def test_jpeg_agrees_with_a_real_encoder(photograph, quality, subsampling):
    buffer = io.BytesIO()
    Image.fromarray(photograph).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    real = np.array(Image.open(buffer)).astype(int)
    made = jpeg(to_tensor_255(photograph) / 255, strength(quality), strength(subsampling == "4:2:0").bool())
    ours = (made[0] * 255).permute(1, 2, 0).numpy()
    loss = np.abs(real - photograph).mean()
    assert np.abs(ours - real).mean() < 0.25 * loss + 0.5  # rounding and chroma upsampling differ
    assert 0.85 < np.abs(ours - photograph).mean() / loss < 1.15


def test_the_grid_of_a_jpeg_begins_at_the_offset(photograph):
    buffer = io.BytesIO()
    Image.fromarray(photograph).save(buffer, "JPEG", quality=20, subsampling="4:4:4")
    real = to_tensor_255(np.array(Image.open(buffer)))[..., 5:69, 3:83] / 255
    crop = to_tensor_255(photograph)[..., 5:69, 3:83] / 255
    errors = [
        (jpeg(crop, strength(20), strength(0).bool(), offset) - real)[..., 8:-8, 8:-8].abs().mean().item()
        for offset in ((5, 3), (0, 0), (3, 5))
    ]
    assert errors[0] < 0.3 * min(errors[1:])


def test_every_picture_of_a_batch_has_its_own_quality(photograph):
    x = to_tensor_255(photograph).expand(2, -1, -1, -1) / 255
    chroma = strength(1, 1).bool()
    both = jpeg(x, strength(10, 90), chroma)
    assert torch.allclose(both[1:], jpeg(x[1:], strength(90), chroma[1:]), atol=1e-6)
    assert (both[0] - x[0]).abs().mean() > 3 * (both[1] - x[1]).abs().mean()


def test_a_blur_keeps_the_mean_and_lowers_the_contrast_and_sharpening_raises_it(photograph):
    x = to_tensor_255(photograph) / 255
    y = blur(x, strength(2.0), strength(2.0), strength(0.0))
    assert (y.mean() - x.mean()).abs() < 0.002
    assert y.std() < x.std()
    assert sharpen(y, strength(1.0)).diff().abs().mean() > 1.05 * y.diff().abs().mean()
    flat = torch.full((2, 3, 20, 20), 0.3)
    widths = strength(0.2, 3.0)
    assert torch.allclose(blur(flat, widths, widths, widths), flat, atol=1e-6)
    assert torch.allclose(sharpen(flat, widths), flat, atol=1e-6)


def test_a_blur_along_one_axis_leaves_the_other_sharp():
    rows = torch.tensor([0.0, 1.0]).repeat(16)[:, None].expand(1, 3, 32, 32).contiguous()
    along_rows = blur(rows, strength(2.5), strength(0.2), strength(0.0))
    assert torch.allclose(along_rows[..., 8:-8, 8:-8], rows[..., 8:-8, 8:-8], atol=1e-3)
    across = blur(rows, strength(2.5), strength(0.2), strength(torch.pi / 2))
    assert across[..., 8:-8, 8:-8].std() < 0.01


def test_noise_has_the_deviation_asked_for_and_no_bias():
    flat = torch.full((64, 3, 64, 64), 0.5)
    noise = add_noise(flat, torch.full((64, 1, 1, 1), 0.05), Draw(64, seeded())) - flat
    assert noise.mean().abs() < 0.001
    assert noise.std() == pytest.approx(0.05, rel=0.02)
    is_grey = (noise[:, 0] == noise[:, 1]).flatten(1).all(dim=1).float().mean()
    assert 0.2 < is_grey < 0.6


@pytest.mark.parametrize("method", METHODS)
def test_no_resizing_method_moves_the_picture(photograph, method):
    x = to_tensor_255(photograph[:96, :96]) / 255
    again = resize(resize(x, (240, 240), method), (96, 96), "area")
    shifts = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    moved = [(again - x.roll(shift, (2, 3)))[..., 4:-4, 4:-4].abs().mean() for shift in shifts]
    assert min(moved) == moved[0]
    assert moved[0] < 0.5 * min(moved[1:])


@pytest.mark.parametrize("scale", [2, 4])
def test_the_chain_returns_bytes_of_the_right_size_that_depend_on_the_seed_alone(photograph, scale):
    high_res = to_tensor_255(photograph[:128, :192]).expand(3, -1, -1, -1) / 255
    low_res = degrade(high_res, scale, seeded(3))
    assert low_res.shape == (3, 3, 128 // scale, 192 // scale)
    assert torch.equal(low_res, degrade(high_res, scale, seeded(3)))
    assert not torch.equal(low_res, degrade(high_res, scale, seeded(4)))
    assert torch.allclose((low_res * 255).round(), low_res * 255, atol=1e-3)
    assert low_res.min() >= 0
    assert low_res.max() <= 1
    assert not torch.equal(low_res[0], low_res[1])  # each picture has its own strengths


def test_the_chain_keeps_pictures_recognisable_and_some_of_them_clean(photograph):
    high_res = to_tensor_255(photograph[:144, :224]).expand(16, -1, -1, -1) / 255
    plain = torch.nn.functional.interpolate(high_res, scale_factor=0.25, mode="bicubic", antialias=True)
    distances = torch.cat([(degrade(high_res, 4, seeded(n)) - plain).abs().mean(dim=(1, 2, 3)) for n in range(6)])
    assert distances.max() < 0.12
    assert 0.04 < (distances < 0.5 / 255).float().mean() < 0.3


def test_noise_reaches_the_inputs_from_nothing_to_strong():
    flat = torch.full((16, 3, 128, 128), 0.5)
    found = torch.cat([255 * degrade(flat, 4, seeded(n)).std(dim=(2, 3)).mean(dim=1) for n in range(12)])
    assert 0.3 < (found < 1).float().mean() < 0.6
    assert (found > 4).float().mean() > 0.25  # it was 0.09 when noise was added at full size only
    assert (found > 8).float().mean() > 0.08  # it was 0.004
