"""Initial weights: bicubic interpolation before the first step, or another checkpoint's weights."""

from dataclasses import asdict

import pytest
import torch

from caesr import CAEResNet
from caesr.training.initial_weights import copy_fitting_weights, initialise_as_identity
from tests.conftest import small


@pytest.mark.parametrize("config", [{}, {"scale": 3, "upsampling": "pre"}, {"scale": 2, "global_residual": True}])
def test_an_identity_network_returns_the_bicubic_interpolation(config):
    net = CAEResNet(**config)
    initialise_as_identity(net)
    x = torch.rand(1, 3, 17, 22)
    output, expected = net(x), net.bicubic(x) if net.config.scale > 1 else x
    if net.config.upsampling == "pre":  # the article's ReLUs cut what bicubic leaves below black
        output, expected = output.clamp(min=0), expected.clamp(min=0)
    assert torch.allclose(output, expected, atol=1e-5)


def test_every_tensor_that_fits_is_copied():
    source, model = small(2), CAEResNet(**asdict(small(4).config))
    assert copy_fitting_weights(source, model) == ["decoder.3.bias", "decoder.3.weight"]
    assert torch.equal(model.encoder[0].weight, source.encoder[0].weight)
