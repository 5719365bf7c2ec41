"""Objective: the adversary, and how perceptual, adversarial and pixel losses share in the gradient."""

from pathlib import Path

import pytest
import torch

from caesr.evaluation.evaluate import to_tensor_255
from caesr.model.caeresnet import Config
from caesr.training.adversary import ProjectedAdversary
from caesr.training.losses import LOSSES
from caesr.training.objective import Objective, random_window
from caesr.training.recipe import Recipe

CPU = torch.device("cpu")


def recipe(loss: dict[str, float], **fields: object) -> Recipe:
    return Recipe(name="t", model=Config(), data=("x",), loss=loss, **fields)


def test_an_adversary_learns_to_tell_blurred_from_sharp_and_gives_the_generator_a_gradient():
    torch.manual_seed(0)
    adversary = ProjectedAdversary([4], CPU, rate=1e-2)
    sharp = [torch.rand(4, 3, 32, 32), torch.rand(4, 4, 8, 8)]
    blurred = [torch.nn.functional.avg_pool2d(x, 3, 1, 1).requires_grad_() for x in sharp]
    untrained = adversary.generator_loss(blurred).item()
    losses = [adversary.train_step(blurred, sharp).item() for _ in range(60)]
    assert losses[-1] < 0.6 * losses[0]
    loss = adversary.generator_loss(blurred)
    assert loss.item() > untrained
    loss.backward()
    assert all(x.grad.abs().sum() > 0 for x in blurred)
    assert all(p.requires_grad for p in adversary.heads.parameters())


def test_every_layer_of_a_head_has_a_spectral_norm_of_one():
    adversary = ProjectedAdversary([8], CPU, rate=1e-3)
    for _ in range(20):
        adversary.generator_loss([torch.rand(1, 3, 32, 32), torch.rand(1, 8, 8, 8)])
    layers = [m for m in adversary.heads.eval().modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(layers) == 6
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight.detach().flatten(1)).max() == pytest.approx(1, abs=0.15)


def test_a_restored_adversary_takes_the_same_steps():
    torch.manual_seed(0)
    x, y = ([torch.rand(2, 3, 16, 16), torch.rand(2, 4, 4, 4)] for _ in range(2))
    ours, theirs = ProjectedAdversary([4], CPU, 1e-3), ProjectedAdversary([4], CPU, 1e-3)
    ours.train_step(x, y)
    theirs.load_state_dict({name: tensor.clone() for name, tensor in ours.state_dict().items()})
    assert ours.train_step(y, x).item() == pytest.approx(theirs.train_step(y, x).item(), abs=1e-6)
    for a, b in zip(ours.heads.parameters(), theirs.heads.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_balanced_weights_are_shares_of_the_gradient():
    torch.manual_seed(0)
    x, target = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)

    def gradient(loss: dict[str, float], balance: bool) -> torch.Tensor:
        output = x.clone().requires_grad_()
        Objective(recipe(loss, balance=balance), CPU).backward(output, target, step=0)
        return output.grad

    l1, mse = gradient({"l1": 1.0}, False), gradient({"mse": 1.0}, False)
    balanced = gradient({"l1": 1.0, "mse": 0.5}, True)
    assert torch.allclose(balanced, l1 + 0.5 * mse * l1.norm() / mse.norm(), atol=1e-7)
    plain = gradient({"l1": 1.0, "mse": 0.5}, False)
    assert torch.allclose(plain, l1 + 0.5 * mse, atol=1e-7)


@pytest.mark.data
@pytest.mark.parametrize("features", ["squeezenet", "vgg16"])
def test_all_losses_reach_the_output_by_their_shares(data: Path, photograph, features):
    target = to_tensor_255(photograph[:64, :64]) / 255
    soft = torch.nn.functional.avg_pool2d(target, 3, 1, 1)
    loss = {"l1": 1.0, "perceptual": 0.5, "adversarial": 0.25}
    objective = Objective(recipe(loss, balance=True, features=features, window=64), CPU)
    output = soft.clone().requires_grad_()
    objective.backward(output, target, step=0)
    pixels = torch.autograd.grad(LOSSES["l1"](soft.requires_grad_(), target), soft)[0]
    assert 0.2 < (output.grad - pixels).norm() / pixels.norm() < 0.8  # two vectors of half and a quarter its length
    again = soft.detach().clone().requires_grad_()
    objective.backward(again, target, step=1)  # by the norms measured before
    assert 0.6 < again.grad.norm() / output.grad.norm() < 1.6


def test_windows_lie_everywhere_and_begin_at_every_pixel():
    windows = [random_window(40, 32, step) for step in range(400)]
    assert {(w[1].start, w[2].start) for w in windows} >= {(y, x) for y in (0, 1, 7, 8) for x in (0, 1, 7, 8)}
    assert all(w[1].stop - w[1].start == w[2].stop - w[2].start == 32 for w in windows)
    assert random_window(40, 32, 5) == random_window(40, 32, 5)
    assert random_window(20, 32, 5)[1].start == 0


def test_missing_features_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CAESR_DATA", str(tmp_path))
    for features, file in (("squeezenet", "squeezenet11_features"), ("vgg16", "vgg16_features")):
        with pytest.raises(FileNotFoundError, match=file):
            Objective(recipe({"perceptual": 1.0}, features=features), CPU)
