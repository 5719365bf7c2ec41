"""Released weights of peers, for measuring only: they lie in $CAESR_DATA/peers, neither committed nor shipped."""

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.architectures import Compact
from caesr.files.data import data_folder


@dataclass(frozen=True)
class ReleasedPeer:
    """A checkpoint at scale 4 that somebody else has released."""

    licence: str
    source: str
    network: str  # its row in results/speed.json


REAL_ESRGAN = "xinntao/Real-ESRGAN v0.2.5.0, by way of upscayl/custom-models"
RELEASED = {
    "realesr-general-x4v3": ReleasedPeer("BSD-3-Clause", REAL_ESRGAN, "Compact 64×32"),
    "realesr-general-wdn-x4v3": ReleasedPeer("BSD-3-Clause", REAL_ESRGAN, "Compact 64×32"),
    "4xLSDIRCompactC3": ReleasedPeer("CC-BY-4.0", "Phhofm/models, by way of upscayl/custom-models", "Compact 64×16"),
}


def peer_file(name: str) -> Path:
    """Return the path of a peer's weights."""
    return data_folder() / "peers" / f"{name}.safetensors"


def load_peer(file: Path) -> Compact:
    """Load a peer's weights in float32, in eval mode; the number of layers follows from the file.

    Raises:
        FileNotFoundError: the folder or the file does not exist.
    """
    for path in (file.parent, file):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist. Put the peers' weights into $CAESR_DATA/peers.")
    weights = {name: weight.float() for name, weight in load_file(file).items()}
    convolutions = [name for name, weight in weights.items() if weight.dim() == 4]
    model = Compact(channels=len(weights["body.0.bias"]), blocks=len(convolutions) - 2)
    model.load_state_dict(weights)
    return model.eval()
