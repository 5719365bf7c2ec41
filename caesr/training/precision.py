"""The precision in which the networks of a run compute: bfloat16 where that is the faster one."""

import torch

from caesr.engine.device import computes_bfloat16


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context in which convolutions compute in bfloat16, or, where that would be emulated, in float32.

    Emulated, it is no approximation worth having: on a processor with AVX2 alone a step takes twelve times as long.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_bfloat16(device))
