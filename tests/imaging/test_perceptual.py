"""LPIPS and DISTS, against values measured with the authors' code."""

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.evaluation.evaluate import to_tensor_255
from caesr.imaging.perceptual import DISTS, FEATURES, LPIPS, read_features
from caesr.imaging.resize import resize_image


@pytest.fixture(scope="module")
def features(data):
    return data / "features"


@pytest.mark.slow
@pytest.mark.data
def test_bicubic_on_three_pictures_of_b100_measures_what_the_authors_code_does(data, features):
    """The means of the first ten are 0.495 and 0.236, as by the authors' code; three take a third of the time."""
    lpips, dists, values = LPIPS(features), DISTS(features), []
    for file in sorted((data / "test/B100").glob("*.png"))[:3]:
        high_res = np.array(Image.open(file).convert("RGB"))
        height, width = (side // 4 * 4 for side in high_res.shape[:2])
        high_res = high_res[:height, :width]
        output = resize_image(resize_image(high_res, 1 / 4), 4)
        x, y = to_tensor_255(output) / 255, to_tensor_255(high_res) / 255
        with torch.inference_mode():
            values.append((lpips(x, y).item(), dists(x, y).item()))
    expected = [(0.6122, 0.2338), (0.4141, 0.2238), (0.5125, 0.2665)]
    assert np.array(values) == pytest.approx(np.array(expected), abs=0.0006)


@pytest.mark.data
def test_equal_pictures_differ_by_nothing_and_gradients_flow(features, photograph):
    x = (to_tensor_255(photograph[:64, :64]) / 255).requires_grad_()
    for measure in (LPIPS(features), DISTS(features)):
        assert measure(x, x.detach()).item() == pytest.approx(0, abs=1e-5)
        measure(x, x.detach().flip(3)).backward()
        assert x.grad.abs().sum() > 0
        assert not any(p.requires_grad for p in measure.parameters())


@pytest.mark.data
@pytest.mark.parametrize("network", FEATURES)
def test_features_have_the_channels_they_say_and_what_an_adversary_judges_is_small(features, photograph, network):
    net = FEATURES[network](features)
    found = net(to_tensor_255(photograph[:64, :80]) / 255)
    assert tuple(f.shape[1] for f in found) == net.channels
    assert all(found[n].shape[-2] <= 64 / 4 for n in net.judged)
    assert all(f.min() >= 0 for f in found)


@pytest.mark.data
@pytest.mark.parametrize("network", FEATURES)
def test_lpips_of_every_network_grows_with_a_blur_and_its_gradient_is_autograds_own(features, photograph, network):
    measure = LPIPS(features, network)
    x = to_tensor_255(photograph[:64, :64]) / 255
    soft, softer = (torch.nn.functional.avg_pool2d(x, side, 1, side // 2) for side in (3, 7))
    assert measure(x, x).item() == 0
    assert 0 < measure(soft, x).item() < measure(softer, x).item()
    output, target = measure.features(soft), measure.features(x)
    output = [f.detach().requires_grad_() for f in output]
    measure.compare(output, target).sum().backward()
    for n, (a, b) in enumerate(zip(output, target, strict=True)):
        plain = a.detach().requires_grad_()
        unit = [f / (f.norm(dim=1, keepdim=True) + 1e-10) for f in (plain, b)]
        weight = getattr(measure, f"head{n}").view(1, -1, 1, 1)
        ((unit[0] - unit[1]).square() * weight).sum(dim=1).mean().backward()
        assert torch.allclose(a.grad, plain.grad, rtol=1e-3, atol=1e-8)


def test_missing_features_are_named_with_their_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="CAESR_DATA"):
        read_features(tmp_path, "vgg16_features")
