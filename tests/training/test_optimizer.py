"""Optimizer: orthogonal updates, which parameters each rule takes, and agreement with torch's Adam."""

import torch

from caesr.training.optimizer import make_optimizer, orthogonalise
from tests.conftest import small


def test_orthogonalising_makes_all_singular_values_alike():
    matrices = torch.randn(3, 20, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.3
    tall = torch.linalg.svdvals(orthogonalise(matrices.mT))
    assert tall.min() > 0.5


def test_muon_takes_the_hidden_convolutions_and_adam_the_rest():
    net = small(2)
    rest, biases, hidden = make_optimizer(net, 0.01, 0.001).param_groups
    assert all(p.ndim == 4 for p in hidden["params"])
    ends = [net.encoder[0].weight, net.decoder[-1].weight]
    assert all(any(p is end for p in rest["params"]) for end in ends)
    assert all(p.ndim == 1 for p in biases["params"])
    assert biases["peak"] < rest["peak"]
    assert sum(len(group["params"]) for group in (rest, biases, hidden)) == len(list(net.parameters()))


def test_adam_agrees_with_torch():
    ours, theirs = small(2), small(2)
    optimizer = make_optimizer(ours, 0, 1e-3)
    for group in optimizer.param_groups:
        group["lr"] = 1e-3
    reference = torch.optim.Adam(theirs.parameters(), lr=1e-3, betas=(0.9, 0.99))
    x = torch.rand(1, 3, 12, 12)
    for _ in range(3):
        for net, rule in ((ours, optimizer), (theirs, reference)):
            rule.zero_grad()
            net(x).square().mean().backward()
            rule.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
