"""The network: the article's, layer for layer, and what the configs of the zoo promise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from caesr import CAEResNet
from caesr.imaging.resize import resize
from caesr.model.caeresnet import Bicubic
from tests.conftest import small


def article() -> nn.Module:
    """Build the network of the article's listing, independently of the code under test."""

    class Block(nn.Module):
        def __init__(self, c: int):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(c, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.conv2(torch.relu(self.conv1(x)))

    net = nn.Module()
    net.encoder = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), Block(64),
        nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.ReLU(), Block(128),
    )  # fmt: skip
    net.decoder = nn.Sequential(
        nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1, output_padding=1), nn.ReLU(), Block(64),
        nn.ConvTranspose2d(64, 3, 3, padding=1),
    )  # fmt: skip
    return net


def test_by_default_it_is_the_articles_network_and_loads_its_weights_strictly():
    listing, ours = article(), CAEResNet(in_channels=3, out_channels=3)
    ours.load_state_dict(listing.state_dict())
    x = torch.randn(1, 3, 64, 64)
    expected = listing.decoder(listing.encoder(x))
    assert ours(x).shape == (1, 3, 64, 64)
    assert torch.allclose(ours(x), expected, atol=1e-6)


def test_the_articles_network_as_a_checkpoint_of_scale_4_has_the_same_keys():
    assert CAEResNet(scale=4, upsampling="pre").state_dict().keys() == article().state_dict().keys()


@settings(max_examples=25)
@given(
    st.integers(1, 21),
    st.integers(1, 21),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from(["none", "sum", "fuse"]),
)
def test_any_size_comes_out_exactly_scale_times_as_large(height, width, scale, skips):
    net = small(scale, widths=(4, 6, 8), encoder_blocks=(1, 0, 1), decoder_blocks=(0, 1), skips=skips)
    assert net(torch.rand(2, 3, height, width)).shape == (2, 3, height * scale, width * scale)


CONFIGS = [
    {},
    {"scale": 4, "upsampling": "pre"},
    {"scale": 3, "upsampling": "pre"},
    {"scale": 4, "widths": (8, 16), "encoder_blocks": (1, 2), "decoder_blocks": (3,), "skips": "fuse"},
    {"scale": 3, "widths": (8, 16, 8), "encoder_blocks": (1, 0, 1), "decoder_blocks": (0, 1), "skips": "sum"},
    {"scale": 2, "widths": (8,), "encoder_blocks": (2,), "decoder_blocks": (), "global_residual": True},
]


@pytest.mark.slow
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_receptive_field_is_what_the_gradient_shows(config):
    net = CAEResNet(**config).double()
    for p in net.parameters():  # nothing cancels, every ReLU passes
        nn.init.uniform_(p, 0.01, 0.1)
    s, stride = net.config.scale, net.stride
    middle = -(-(net.halo + 8) // stride) * stride
    lefts, rights = [], []
    for phase in range(stride * s):  # every position of an output pixel within the strides
        x = torch.rand(1, 3, 2 * middle + stride, 2 * middle + stride, dtype=torch.float64, requires_grad=True)
        net(x)[0, 0, middle * s + phase, middle * s + phase].backward()
        seen = x.grad.abs().sum(dim=(0, 1, 2)).nonzero().flatten() - (middle + phase // s)
        lefts.append(int(seen.min()))
        rights.append(int(seen.max()))
    widths = [right - left + 1 for left, right in zip(lefts, rights, strict=True)]
    assert net.receptive_field == max(widths)
    assert net.halo == max(-min(lefts), max(rights))


def test_a_shift_by_the_stride_shifts_the_output_and_by_less_does_not_for_the_latent():
    net = small(2)
    x = torch.rand(1, 3, 80, 80)
    whole, shifted = net(x), net(x[..., net.stride :])
    inner = slice(2 * net.halo, -2 * net.halo)
    assert torch.allclose(whole[..., 2 * net.stride :][..., inner, inner], shifted[..., inner, inner], atol=1e-5)
    off = net(x[..., 1:])
    assert not torch.allclose(whole[..., 2:][..., inner, inner], off[..., inner, inner], atol=1e-5)


def test_the_fixed_convolution_upscales_as_bicubic_does():
    x = torch.rand(2, 3, 24, 31, dtype=torch.float64)
    for scale in (2, 3, 4):
        ours = Bicubic(scale).double()(x)
        inner = (..., slice(3 * scale, -3 * scale), slice(3 * scale, -3 * scale))
        assert torch.allclose(ours[inner], resize(x, scale)[inner], atol=1e-7)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"scale": 5}, "scale"),
        ({"widths": (10**6,), "encoder_blocks": (1,), "decoder_blocks": ()}, "widths"),
        ({"encoder_blocks": (1, 1000)}, "encoder_blocks"),
        ({"decoder_blocks": ()}, "decoder_blocks"),
        ({"skips": "concat"}, "skips"),
        ({"in_channels": 0}, "in_channels"),
        ({"out_channels": 1, "global_residual": True}, "global_residual"),
    ],
)
def test_a_config_out_of_bounds_is_refused_by_name(config, field):
    with pytest.raises(ValueError, match=field):
        CAEResNet(**config)
