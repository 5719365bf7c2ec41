"""SRVGGNetCompact, the network of Real-ESRGAN's small models, and three peers' released weights for it.

The weights are in $CAESR_DATA/peers, for measuring only: they are neither committed nor shipped.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peers import conv
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from caesr.evaluation.evaluate import Enlarge, tensor
from caesr.files.data import data_folder


@dataclass(frozen=True)
class Peer:
    """A released checkpoint that is measured beside ours, at scale 4."""

    licence: str
    source: str
    network: str  # its row in results/speed.json


REAL_ESRGAN = "xinntao/Real-ESRGAN v0.2.5.0, by way of upscayl/custom-models"
PEERS = {
    "realesr-general-x4v3": Peer("BSD-3-Clause", REAL_ESRGAN, "Compact 64×32"),
    "realesr-general-wdn-x4v3": Peer("BSD-3-Clause", REAL_ESRGAN, "Compact 64×32"),
    "4xLSDIRCompactC3": Peer("CC-BY-4.0", "Phhofm/models, by way of upscayl/custom-models", "Compact 64×16"),
}


class Compact(nn.Module):
    """A plain stack of 3×3 convolutions with PReLU, a pixel shuffle, and the input enlarged by repetition added."""

    def __init__(self, channels: int = 64, blocks: int = 32, scale: int = 4):
        super().__init__()
        self.scale = scale
        layers: list[nn.Module] = [conv(3, channels), nn.PReLU(channels)]
        for _ in range(blocks):
            layers += [conv(channels, channels), nn.PReLU(channels)]
        self.body = nn.Sequential(*layers, conv(channels, 3 * scale**2))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) in [0, 1] -> (B, 3, sH, sW), not clamped."""
        repeated = F.interpolate(x, scale_factor=self.scale, mode="nearest")
        return F.pixel_shuffle(self.body(x), self.scale) + repeated


def peer_file(name: str) -> Path:
    """Return where the weights of a peer are."""
    return data_folder() / "peers" / f"{name}.safetensors"


def load_peer(file: Path) -> nn.Module:
    """Load a peer's weights in float32, in eval mode; the number of layers is read off the file.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
    """
    for path in (file.parent, file):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist. Put the peers' weights into $CAESR_DATA/peers.")
    weights = {name: weight.float() for name, weight in load_file(file).items()}
    convolutions = [name for name, weight in weights.items() if weight.dim() == 4]
    model = Compact(channels=len(weights["body.0.bias"]), blocks=len(convolutions) - 2)
    model.load_state_dict(weights)
    return model.eval()


def enlarger(model: nn.Module) -> Enlarge:
    """Make a function from bytes to bytes, (H, W, 3) -> (sH, sW, 3), of a network that takes (B, 3, H, W) in [0, 1]."""

    def enlarge(low_res: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            output = model(tensor(low_res) / 255)
        return output[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()

    return enlarge
