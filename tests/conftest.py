"""What the tests share: a real photograph, small networks, the pictures of $CAESR_DATA if there are any."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from caesr import CAEResNet

ROOT = Path(__file__).parent.parent
os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # where nobody answers: no test reaches the real Hub
os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# Fixtures, from files that import huggingface_hub, which reads these variables at once.
from tests.browsing import browser, chromium_at_work, server  # noqa: E402, F401
from tests.small_zoo import bare, cache, files, hub, nets, published, shipped  # noqa: E402, F401


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """A cat: (150, 226, 3) uint8."""
    return np.array(Image.open(ROOT / "examples" / "cat.png").convert("RGB"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with the training and test pictures."""
    folder = Path(os.environ.get("CAESR_DATA", ROOT / "../shared/data"))
    if not (folder / "test").is_dir():
        pytest.skip("LEFT OUT: no test pictures here; CAESR_DATA names their folder.")
    return folder


def small(scale: int = 2, **more: object) -> CAEResNet:
    """A network of the zoo's shape, small enough for a test, with weights that do something."""
    torch.manual_seed(1)
    config = {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "skips": "fuse"}
    return CAEResNet(scale=scale, global_residual=True, **(config | more)).eval()  # type: ignore[arg-type]


@pytest.fixture
def family() -> list[CAEResNet]:
    """Networks of scale 2, 3 and 4."""
    return [small(scale) for scale in (2, 3, 4)]
