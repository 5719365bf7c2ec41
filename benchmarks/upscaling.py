"""Functions from bytes to bytes, (H, W, 3) -> (sH, sW, 3) uint8, of checkpoints and of peers' networks."""

from functools import partial

import numpy as np
import torch
from torch import nn

from caesr import CAEResNet, Upscaler
from caesr.evaluation.evaluate import Upscale, to_tensor_255


def checkpoint_upscale(model: CAEResNet, precision: str = "auto") -> Upscale:
    """Return the function of a checkpoint at its native scale.

    It runs on the CPU, where results do not depend on a GPU's arithmetic.
    """
    return partial(Upscaler(model, "cpu", precision=precision), scale=model.config.scale)


def network_upscale(model: nn.Module) -> Upscale:
    """Return the function of any network that takes (B, 3, H, W) in [0, 1]."""

    def upscale(low_res: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            output = model(to_tensor_255(low_res) / 255)
        return output[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()

    return upscale
