"""The texture dial: its ends are the two networks, and between them weights are interpolated linearly."""

import pytest
import torch

from caesr.model.family import blend
from tests.conftest import small


def pair():
    """Return two networks of one architecture with different weights."""
    faithful, texture = (small(4).to(memory_format=torch.channels_last) for _ in range(2))
    for p in texture.parameters():
        p.data += 0.01
    return faithful, texture


@torch.inference_mode()
def test_the_ends_of_the_dial_are_the_two_networks_bit_for_bit():
    faithful, texture = pair()
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(blend(faithful, texture, 0)(x), faithful(x))
    assert torch.equal(blend(faithful, texture, 1)(x), texture(x))
    assert not torch.equal(faithful(x), texture(x))


def test_half_way_every_weight_is_the_mean_and_the_networks_stay_as_they_were():
    faithful, texture = pair()
    before = {name: t.clone() for name, t in faithful.state_dict().items()}
    for name, t in blend(faithful, texture, 0.5).state_dict().items():
        assert torch.allclose(t, before[name] + 0.005, atol=1e-7), name
        assert torch.equal(faithful.state_dict()[name], before[name])


@pytest.mark.parametrize(
    ("other", "amount", "why"), [(2, 0.5, "same architecture"), (4, 1.2, "0 to 1"), (4, float("nan"), "0 to 1")]
)
def test_networks_that_cannot_be_blended_are_refused_with_a_reason(other, amount, why):
    with pytest.raises(ValueError, match=why):
        blend(small(4), small(other), amount)
