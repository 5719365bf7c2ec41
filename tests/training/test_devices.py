"""Training on a GPU: MPS has no float64, and no step waits for the device to know what was drawn."""

import pytest
import torch

from caesr.training import degrade as degradations
from caesr.training.adversary import ProjectedAdversary
from caesr.training.degrade import degrade
from caesr.training.pictures import DegradedPictures, Mixture, Pictures
from tests.training.pretended_device import OnDevice, PretendedDevice

CPU, CUDA, MPS = map(torch.device, ("cpu", "cuda", "mps"))


def seeded(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


def crops(photos, device: torch.device) -> list[torch.Tensor]:
    pictures = Pictures.read(photos[:4], 2, 16, device)
    degraded = DegradedPictures(Mixture(pictures, 0.3, 4, seed=0), seed=1)
    return [*pictures.sample(8, seeded(2)), *degraded.sample(3)]


def test_on_a_mac_a_seed_and_a_step_give_the_crops_of_a_cpu_without_float64(photos):
    with PretendedDevice("mps"):
        found = crops(photos, MPS)
    for x, y in zip(found, crops(photos, CPU), strict=True):
        assert x.device == MPS
        assert torch.equal(x.on_cpu, y)


def test_a_gpu_is_not_waited_for_when_crops_are_cut(photos, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: x)
    device = PretendedDevice("cuda")
    with device:
        pictures = Pictures.read(photos[:4], 2, 16, CUDA)
        device.waits.clear()
        low_res, _ = pictures.sample(8, seeded(2))
    assert low_res.device == CUDA
    assert not +device.waits


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_gpu_is_not_waited_for_when_crops_are_degraded(seed):
    high_res = torch.rand(3, 3, 64, 96, generator=seeded(0))
    device = PretendedDevice("cuda")
    try:
        with device:
            for _ in range(2):  # constants are copied once
                device.waits.clear()
                low_res = degrade(OnDevice(high_res, CUDA), 2, seeded(seed), seeded(9))
        assert low_res.device == CUDA
        assert not +device.waits
    finally:
        degradations.table_on.cache_clear()
    assert torch.equal(low_res.on_cpu, degrade(high_res, 2, seeded(seed), seeded(9)))


def test_on_a_cpu_one_generator_draws_everything():
    high_res = torch.rand(3, 3, 64, 96, generator=seeded(0))
    generator = seeded(4)
    assert torch.equal(degrade(high_res, 2, generator, generator), degrade(high_res, 2, seeded(4)))


def test_a_resumed_adversary_counts_its_steps_on_the_cpu():
    adversary = ProjectedAdversary([4], CPU, 1e-3)
    pair = [[torch.rand(2, 3, 16, 16), torch.rand(2, 4, 4, 4)] for _ in range(2)]
    adversary.train_step(*pair)
    saved = {name: OnDevice(x, CUDA) if name.endswith(".step") else x for name, x in adversary.state_dict().items()}
    with PretendedDevice("cuda"):
        adversary.load_state_dict(saved)
    steps = [state["step"] for state in adversary.optimizer.state.values()]
    assert {step.device for step in steps} == {CPU}
    assert {step.item() for step in steps} == {1}
