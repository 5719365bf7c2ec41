"""Texture training: the perceptual, adversarial and artefact terms, and how they share in the gradient."""

from pathlib import Path

import pytest
import torch
from torch.nn.utils.parametrizations import _SpectralNorm

from caesr.model import Config
from caesr.training.discriminator import Adversary, UNetDiscriminator
from caesr.training.losses import LOSSES, Perceptual, ldl
from caesr.training.objective import Objective
from caesr.training.recipe import Recipe

CPU = torch.device("cpu")


def recipe(loss: dict[str, float], **more: object) -> Recipe:
    return Recipe(name="t", model=Config(), data=("x",), steps=1, loss=loss, **more)


def test_the_wavelet_loss_sees_details_and_not_brightness():
    x = torch.rand(1, 3, 12, 12)
    assert LOSSES["wavelet"](x + 0.1, x).item() == pytest.approx(0, abs=1e-6)
    stripes = torch.tensor([0.0, 1.0]).repeat(6).expand(1, 3, 12, 12)
    # columns alternate: the horizontal band alone is ±1/2·2 per pixel, 2·0.5 rows of the filter
    assert LOSSES["wavelet"](stripes, torch.zeros_like(stripes)).item() == pytest.approx(0.2 * 0.5, abs=1e-6)


def test_ldl_weighs_only_where_the_live_network_is_the_worse_one():
    torch.manual_seed(0)
    target, output = torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24)
    assert ldl(output, target, mean=output + 10).item() == 0  # the running mean is further off everywhere
    assert ldl(output, target, mean=target).item() > 0
    assert ldl(target, target, mean=target).item() == 0


def test_the_discriminator_has_a_verdict_for_every_pixel_and_bounded_layers():
    net = UNetDiscriminator(8)
    for _ in range(20):
        net(torch.rand(1, 3, 32, 48))
    assert net(torch.rand(2, 3, 32, 48)).shape == (2, 1, 32, 48)
    bounded = [m for m in net.modules() if isinstance(m, _SpectralNorm)]
    assert len(bounded) == 8
    weight = net.eval().down[0].weight.detach()
    assert torch.linalg.svdvals(weight.flatten(1)).max() == pytest.approx(1, abs=0.1)


def test_a_discriminator_learns_to_tell_blurred_from_sharp_and_its_judgement_moves_the_generator():
    torch.manual_seed(0)
    adversary = Adversary(CPU, rate=1e-3, width=8)
    sharp = torch.rand(4, 3, 32, 32)
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1).requires_grad_()
    first = adversary.judge(blurred, sharp).item()
    losses = [adversary.learn(blurred, sharp).item() for _ in range(40)]
    assert losses[-1] < 0.6 * losses[0]
    verdict = adversary.judge(blurred, sharp)
    assert verdict.item() > first
    verdict.backward()
    assert blurred.grad.abs().sum() > 0
    assert all(p.requires_grad for p in adversary.net.parameters())


def test_an_adversary_goes_on_where_it_was_saved():
    torch.manual_seed(0)
    x, y = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    ours, theirs = Adversary(CPU, 1e-3, 4), Adversary(CPU, 1e-3, 4)
    ours.learn(x, y)
    theirs.load({name: tensor.clone() for name, tensor in ours.state().items()})
    assert ours.learn(y, x).item() == pytest.approx(theirs.learn(y, x).item(), abs=1e-6)
    for a, b in zip(ours.net.parameters(), theirs.net.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_balanced_weights_are_shares_of_the_gradient():
    torch.manual_seed(0)
    x, target = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)

    def gradient(loss: dict[str, float], balance: bool) -> torch.Tensor:
        output = x.clone().requires_grad_()
        Objective(recipe(loss, balance=balance), CPU).backward(output, target, lambda: target)
        return output.grad

    l1, mse = gradient({"l1": 1.0}, False), gradient({"mse": 1.0}, False)
    both = gradient({"l1": 1.0, "mse": 0.5}, True)
    assert torch.allclose(both, l1 + 0.5 * mse * l1.norm() / mse.norm(), atol=1e-7)
    plain = gradient({"l1": 1.0, "mse": 0.5}, False)
    assert torch.allclose(plain, l1 + 0.5 * mse, atol=1e-7)


@pytest.mark.data
def test_the_perceptual_loss_is_zero_for_equal_pictures_and_grows_with_a_blur(data: Path, photograph):
    loss = Perceptual(data / "features")
    x = torch.from_numpy(photograph[:64, :64].copy()).permute(2, 0, 1)[None].float() / 255
    soft = torch.nn.functional.avg_pool2d(x, 3, 1, 1).requires_grad_()
    softer = torch.nn.functional.avg_pool2d(x, 7, 1, 3)
    assert loss(x, x).item() == 0
    assert 0 < loss(soft, x).item() < loss(softer, x).item()
    loss(soft, x).backward()
    assert soft.grad.abs().sum() > 0


def test_missing_features_stop_a_texture_recipe_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("CAESR_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="vgg16_features"):
        Objective(recipe({"perceptual": 1.0}), CPU)
