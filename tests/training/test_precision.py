"""Precision: a step computes in bfloat16 where the device multiplies it, and in float32 where it would be emulated."""

import pytest
import torch

from caesr.engine.device import computes_bfloat16
from caesr.training.recipe import read_recipe
from caesr.training.run import Run


@pytest.mark.parametrize(
    ("has_avx512", "has_amx", "dtype"),
    [(True, False, torch.bfloat16), (False, True, torch.bfloat16), (False, False, torch.float32)],
)
def test_a_step_computes_in_the_precision_that_the_processor_multiplies(
    has_avx512, has_amx, dtype, photos, recipe, monkeypatch
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    run = Run(read_recipe(recipe), torch.device("cpu"))
    seen = set()
    for module in run.model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, x, y: seen.add(y.dtype))
    assert run.advance().dtype == torch.float32
    assert dtype in seen
    assert seen <= {dtype, torch.float32}  # the last layer and the sum with the picture are always float32


@pytest.mark.parametrize("is_native", [True, False])
def test_a_gpu_that_would_emulate_bfloat16_does_not_get_it(is_native, monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or is_native
    )
    assert computes_bfloat16(torch.device("cuda")) == is_native
