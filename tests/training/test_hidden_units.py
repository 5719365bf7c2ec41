"""Hidden units: dead ones are found and begin anew without a change of the result; centred steps leave means alone."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from caesr import CAEResNet
from caesr.training.hidden_units import HiddenUnits
from caesr.training.optimizer import make_optimizer
from tests.conftest import small


@pytest.fixture
def low_res():
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net() -> CAEResNet:
    """A network with three dead units in its first residual block."""
    net = small(2)
    block = net.encoder[2]
    with torch.no_grad():
        block.conv1.bias[:3] = -100
    return net


def test_dead_units_are_found(net, low_res):
    dead = HiddenUnits(net).inspect(low_res)
    assert dead["encoder.2"][:3].all()
    assert not dead["encoder.2"][3:].all()


def test_revived_units_fire_and_the_network_and_its_mean_compute_what_they_did(net, low_res):
    hidden, mean = HiddenUnits(net), copy.deepcopy(net)
    with torch.no_grad():
        before = net(low_res)
        dead = hidden.inspect(low_res)
        count = hidden.revive(dead, mean, torch.Generator().manual_seed(1))
        assert count == sum(int(found.sum()) for found in dead.values()) >= 3
        for model in (net, mean):
            assert torch.allclose(model(low_res), before, atol=1e-6)
    assert not any(found.any() for found in hidden.inspect(low_res).values())


def test_revived_units_learn(net, low_res):
    hidden = HiddenUnits(net)
    hidden.revive(hidden.inspect(low_res), copy.deepcopy(net), torch.Generator().manual_seed(1))
    net(low_res).square().mean().backward()
    outgoing = net.encoder[2].conv2.weight.grad[:, :3]
    assert (outgoing.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_living_units_are_left_alone(low_res):
    net = small(2)
    hidden = HiddenUnits(net)
    before = copy.deepcopy(net.state_dict())
    dead = {name: torch.zeros_like(found) for name, found in hidden.inspect(low_res).items()}
    assert hidden.revive(dead, copy.deepcopy(net), torch.Generator()) == 0
    assert all(torch.equal(a, b) for a, b in zip(before.values(), net.state_dict().values(), strict=True))


class Centred(nn.Module):
    """W (x - m) + b, written out."""

    def __init__(self, layer: nn.Conv2d, mean: torch.Tensor):
        super().__init__()
        self.mean = mean
        self.weight = nn.Parameter(layer.weight.detach().clone())
        self.bias = nn.Parameter((layer.bias + layer.weight.sum(dim=(2, 3)) @ mean).detach().clone())

    def forward(self, x):
        plain = nn.functional.conv2d(x, self.weight, padding=1)
        return plain + (self.bias - self.weight.sum(dim=(2, 3)) @ self.mean)[:, None, None]


def test_a_centred_step_is_a_step_on_the_layer_written_with_its_mean(low_res):
    net = small(2)
    hidden = HiddenUnits(net)
    hidden.inspect(low_res)
    hidden.layers = {"encoder.0": net.encoder[0]}
    written_out = copy.deepcopy(net)
    written_out.encoder[0] = Centred(net.encoder[0], hidden.means["encoder.0"])
    for model, context in ((net, hidden.centred), (written_out, nullcontext)):
        optimizer = torch.optim.SGD(model.encoder[0].parameters(), lr=0.1)
        model(low_res).square().mean().backward()
        with context():
            optimizer.step()
    with torch.no_grad():
        assert torch.allclose(net(low_res), written_out(low_res), atol=1e-5)


def test_centring_keeps_units_alive_where_there_is_nothing_to_learn():
    """The inputs are far from zero and vary little, as in the networks of the zoo."""
    counts = {}
    for centred in (True, False):
        net = small(2, widths=(16, 32))
        hidden, optimizer = HiddenUnits(net), make_optimizer(net, 0.01, 0.002)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"]
        for step in range(100):
            high_res = 0.5 + 0.1 * torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(step))
            low_res = nn.functional.avg_pool2d(high_res, 2)
            dead = hidden.inspect(low_res)
            if step == 0:
                hidden.revive(dead, copy.deepcopy(net), torch.Generator().manual_seed(0))
            optimizer.zero_grad()
            (net(low_res) - high_res).abs().mean().backward()
            with hidden.centred() if centred else nullcontext():
                optimizer.step()
        counts[centred] = sum(int(found.sum()) for found in dead.values())
    assert counts[True] < counts[False]
