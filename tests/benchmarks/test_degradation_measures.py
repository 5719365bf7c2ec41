"""The measures of noise, JPEG blocks and blur find them in known strength."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from benchmarks.edge_width import edge_width
from caesr.imaging.artefacts import blockiness, luma, noise


def crops(picture: np.ndarray) -> Tensor:
    """Cut six crops of 64x64 pixels out of the photograph, as lumas, anywhere in the grid of a JPEG."""
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    return torch.cat([luma(x[..., y : y + 64, left : left + 64]) for y in (3, 77) for left in (5, 80, 158)])


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return a picture compressed by Pillow as JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Return a picture blurred by a Gaussian."""
    return np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


@pytest.mark.parametrize("sd", [1, 3, 10, 20])
def test_noise_of_a_known_deviation_is_found(sd):
    ramp = torch.linspace(90, 160, 64).expand(16, 1, 64, 64)
    grain = sd * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(0))
    assert noise((ramp + grain).round()).numpy() == pytest.approx(sd, rel=0.15)


def test_noise_is_found_beside_an_edge():
    picture = torch.full((16, 1, 64, 64), 60.0)
    picture[..., 40:] = 190
    grain = 5 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(0))
    assert noise(picture + grain).numpy() == pytest.approx(5, rel=0.15)


def test_clipped_areas_do_not_count():
    picture = torch.full((1, 1, 64, 64), 255.0)
    assert noise(picture).isnan().all()
    picture[..., :32] = 128 + 5 * torch.randn(1, 1, 64, 32, generator=torch.Generator().manual_seed(0))
    assert noise(picture).item() == pytest.approx(5, rel=0.15)


def test_a_jpeg_is_blockier_the_lower_its_quality(photograph):
    clean, good, bad = (
        blockiness(crops(x)) for x in (photograph, compressed(photograph, 50), compressed(photograph, 20))
    )
    assert (bad > clean).all()
    assert clean.median() < good.median() < bad.median()
    assert clean.median() < 1.4


def test_a_blur_widens_edges(photograph):
    clean, soft = edge_width(crops(photograph)), edge_width(crops(blurred(photograph, 1)))
    assert (soft > clean).all()


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_an_edge_is_two_and_a_half_standard_deviations_wide(sigma):
    step = np.full((64, 64, 3), 40, np.uint8)
    step[:, 32:] = 210
    y = luma(torch.from_numpy(blurred(step, sigma)).permute(2, 0, 1)[None] / 255)
    assert edge_width(y).item() == pytest.approx(2.5 * sigma, rel=0.15)
    grain = 10 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    assert edge_width(y / 10 + 100 + grain).isnan()  # hidden by noise
