"""Fixtures of all tests: a photograph, small networks, and the pictures of $CAESR_DATA if there are any."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from caesr import CAEResNet

ROOT = Path(__file__).parent.parent
os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"  # refuses connections: no test reaches the real Hub
os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

settings.register_profile("caesr", deadline=None)  # machines are noisy: no example fails because it was slow
settings.load_profile("caesr")

# Imported late: these fixtures import huggingface_hub, which reads the variables above on import.
from tests.browsing import browser, page, server, session_browser, session_page  # noqa: E402, F401
from tests.small_zoo import bare, cache, files, hub, nets, published, shipped  # noqa: E402, F401


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """Return a photograph of a cat, (150, 226, 3) uint8."""
    return np.array(Image.open(ROOT / "examples" / "cat.png").convert("RGB"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder with the training and test pictures, or skip the test."""
    folder = Path(os.environ.get("CAESR_DATA", ROOT / "../shared/data"))
    if not (folder / "test").is_dir():
        pytest.skip("LEFT OUT: no test pictures here; CAESR_DATA names their folder.")
    return folder


def small(scale: int = 2, **fields: object) -> CAEResNet:
    """Build a network of the zoo's shape with few channels; its weights are random, always the same."""
    torch.manual_seed(1)
    config = {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "skips": "fuse"}
    return CAEResNet(scale=scale, global_residual=True, **(config | fields)).eval()  # type: ignore[arg-type]


@pytest.fixture
def family() -> list[CAEResNet]:
    """Return networks of scale 2, 3 and 4."""
    return [small(scale) for scale in (2, 3, 4)]
