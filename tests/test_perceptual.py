"""LPIPS and DISTS, against what others measured with the authors' code."""

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.evaluate import tensor
from caesr.perceptual import DISTS, LPIPS, VGG16Features, read_features
from caesr.resize import resize_image


@pytest.fixture(scope="module")
def features(data):
    return data / "features"


@pytest.mark.data
def test_bicubic_on_ten_pictures_of_b100_measures_what_is_published(data, features):
    lpips, dists, values = LPIPS(features), DISTS(features), []
    for file in sorted((data / "test/B100").glob("*.png"))[:10]:
        hr = np.array(Image.open(file).convert("RGB"))
        height, width = (side // 4 * 4 for side in hr.shape[:2])
        hr = hr[:height, :width]
        x, y = (tensor(image) / 255 for image in (resize_image(resize_image(hr, 1 / 4), 4), hr))
        with torch.inference_mode():
            values.append((lpips(x, y).item(), dists(x, y).item()))
    assert np.mean(values, axis=0) == pytest.approx([0.495, 0.236], abs=0.0006)


@pytest.mark.data
def test_equal_pictures_differ_by_nothing_and_gradients_flow(features, photograph):
    x = (tensor(photograph[:64, :64]) / 255).requires_grad_()
    for measure in (LPIPS(features), DISTS(features)):
        assert measure(x, x.detach()).item() == pytest.approx(0, abs=1e-5)
        measure(x, x.detach().flip(3)).backward()
        assert x.grad.abs().sum() > 0
        assert not any(p.requires_grad for p in measure.parameters())


@pytest.mark.data
def test_features_before_the_relu_are_those_after_it_with_their_negative_side(features, photograph):
    x = tensor(photograph[:64, :80]) / 255
    before, after = VGG16Features(features, relu=False)(x), VGG16Features(features)(x)
    assert [f.shape[1] for f in after] == [64, 128, 256, 512, 512]
    for b, a in zip(before, after, strict=True):
        assert torch.equal(b.relu(), a)
        assert b.min() < 0


def test_missing_features_are_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="CAESR_DATA"):
        read_features(tmp_path, "vgg16_features")
