"""On a CUDA device: the results of a CPU, exact tiles, half precision that is checked, memory that runs out.

    python -m pytest --noconftest tests/engine/test_gpu.py

Besides pytest it needs torch, numpy, pillow and safetensors only, as a rented machine may have no more.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from caesr import CAEResNet, Upscaler
from caesr.engine.tile_engine import TileEngine

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return np.array(Image.open(ROOT / "examples" / "coffee.png").convert("RGB"))


@pytest.fixture(scope="module")
def base() -> CAEResNet:
    return CAEResNet.from_pretrained(ROOT / "zoo" / "checkpoints" / "caesr-base-x4")


def test_a_gpu_gives_what_a_cpu_gives(base, photograph):
    cpu, cuda = (Upscaler(base, device, precision="float32")(photograph, 4) for device in ("cpu", "cuda"))
    assert np.abs(cpu.astype(int) - cuda).max() <= 1


@pytest.mark.parametrize("tile", [32, 100, 256, "auto"])
def test_tiles_do_not_show_on_a_gpu(base, photograph, tile):
    tiled, whole = (
        Upscaler(base, "cuda", side, precision="float32")(photograph.astype(np.uint16) * 257, 4).astype(int)
        for side in (tile, 4096)
    )
    assert np.abs(tiled - whole).max() <= 4


def test_the_chosen_precision_stays_within_a_level_of_float32_tiled_or_whole(base, photograph):
    automatic, tiled, exact = (
        Upscaler(base, "cuda", tile, precision=precision)(photograph, 4).astype(int)
        for tile, precision in (("auto", "auto"), (100, "auto"), ("auto", "float32"))
    )
    for a, b in ((automatic, exact), (tiled, automatic)):
        assert np.abs(a - b).max() <= 1
        assert (a != b).mean() < 0.005


def test_nothing_waits_for_the_gpu_while_a_tile_is_launched(base, photograph):
    for scale, true_to_input in ((4, False), (2.5, False), (4, True)):
        upscaler = Upscaler(base, "cuda", 100, true_to_input=true_to_input)
        upscaler(photograph, scale)  # weights and taps are copied now
        launch, waits = upscaler.tile_engine.launch, []

        def launch_watched(plane, window, launch=launch, waits=waits):
            torch.cuda.set_sync_debug_mode("warn")
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                tile = launch(plane, window)
            torch.cuda.set_sync_debug_mode("default")
            waits.extend(caught)
            return tile

        upscaler.tile_engine.launch = launch_watched
        upscaler(photograph, scale)
        assert len(waits) == 0


def test_when_the_memory_of_a_gpu_runs_out_the_result_is_the_same(base, photograph, monkeypatch):
    expected = Upscaler(base, "cuda", 512, precision="float32")(photograph, 4)
    launch = TileEngine.launch

    def little_memory(self, plane, window):
        if max(stop - start for start, stop in window) > 600:
            torch.empty(1 << 50, device="cuda")  # a petabyte: torch's own error
        return launch(self, plane, window)

    monkeypatch.setattr(TileEngine, "launch", little_memory)
    halved = Upscaler(base, "cuda", 512, precision="float32")(photograph, 4)
    assert np.abs(halved.astype(int) - expected).max() <= 1


def test_the_whole_picture_is_never_on_the_gpu(base):
    upscaler = Upscaler(base, "cuda", 256)
    image = np.zeros((4000, 4000, 3), np.uint8)
    torch.cuda.reset_peak_memory_stats()
    for _ in upscaler.upscale_rows(image, 4, lambda strip: None):
        pass
    assert torch.cuda.max_memory_allocated() < 0.5 * image.nbytes * 16  # of the result as bytes


def test_grey_alpha_and_black_are_kept_on_a_gpu(base, photograph):
    grey, alpha = photograph[:100, :120, :1], np.zeros((100, 120, 1), np.uint8)
    alpha[20:80, 30:90] = 128
    cuda = Upscaler(base, "cuda", 64)
    result = cuda(np.dstack([grey, grey, grey, alpha]), 4)
    assert np.array_equal(result[:, :, :3], np.repeat(cuda(np.dstack([grey, alpha]), 4)[:, :, :1], 3, axis=2))
    assert result[:, :, 3].max() == 128
    assert (result[96:304, 136:344, 3] == 128).all()
    assert (cuda(np.full((50, 60, 3), 255, np.uint8), 4) == 255).all()
