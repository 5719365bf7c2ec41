"""The ComfyUI node, loaded as ComfyUI loads it and called with its layout of pictures and masks."""

import importlib.util
import sys
import types

import numpy as np
import pytest
import torch

from caesr import UpscaleOptions, Upscaler, load_family
from caesr.imaging.resize import resize_image
from caesr.options import OptionError, option_table
from tests.conftest import ROOT

FOLDER = ROOT / "integrations" / "comfyui"
CPU = {"device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def package():
    """Return the folder as ComfyUI imports it: from its path, under a name of its own."""
    spec = importlib.util.spec_from_file_location(
        "custom_nodes_caesr", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def node(package):
    return package.NODE_CLASS_MAPPINGS["CaesrUpscale"]()


@pytest.fixture
def picture(photograph) -> torch.Tensor:
    return torch.from_numpy(photograph[20:50, 40:81]).float()[None] / 255


def to_bytes(result: torch.Tensor) -> np.ndarray:
    return result.mul(255).round().to(torch.uint8).numpy()


def test_the_pixels_are_those_of_the_library(node, picture, photograph):
    (result,) = node.upscale(picture, model="lite", scale=2.0, tile=32, **CPU)
    assert (result.shape, result.dtype) == ((1, 60, 82, 3), torch.float32)
    expected = Upscaler(load_family("lite"), device="cpu", precision="float32")(photograph[20:50, 40:81], scale=2)
    assert np.abs(to_bytes(result)[0].astype(int) - expected).max() <= 1


def test_its_defaults_upscale_a_batch(node, picture):
    inputs = node.INPUT_TYPES()
    described = inputs["required"] | inputs["optional"]
    defaults = {name: rest[0]["default"] for name, (_, *rest) in described.items() if rest and "default" in rest[0]}
    (result,) = node.upscale(torch.cat((picture, picture.flip(1))), **defaults | CPU)
    assert result.shape == (2, 120, 164, 3)
    assert 0 <= result.min() <= result.max() <= 1
    assert not torch.equal(result[0], result[1])


def test_every_option_of_the_table_is_an_input_with_its_bounds(node):
    inputs = node.INPUT_TYPES()
    described = inputs["required"] | inputs["optional"]
    rows = {row.name: row for row in option_table(UpscaleOptions) if row.name != "keep_hidden_colours"}
    assert described.keys() == {"image", "keep", *rows}
    for name in ("scale", "texture"):
        kind, bounds = described[name]
        assert (kind, bounds["min"], bounds["max"]) == ("FLOAT", rows[name].least, rows[name].most)
    choices, bounds = described["model"]
    assert {"lite", "photo", "caesr-lite-x2"} <= set(choices)
    assert bounds["default"] in choices
    assert all(rows[name].words in described[name][1]["tooltip"] for name in rows.keys() - {"model", "device"})
    assert "folder" not in described["model"][1]["tooltip"]  # the list has none
    for name in ("tile", "width", "megapixels"):
        assert "0: " in described[name][1]["tooltip"]
        assert described[name][1]["min"] == 0
    assert described["tile"][1]["step"] >= rows["tile"].least  # so that no arrow leads to a tile that is refused
    assert described["megapixels"][1]["step"] < 1


@pytest.mark.parametrize(("name", "used"), [("cpu", "cpu"), ("mps", "mps"), ("xpu", "auto")])
def test_it_computes_where_comfyui_computes(node, package, picture, monkeypatch, name, used):
    chosen = []

    def from_options(options, **more):
        chosen.append(options.device)
        return Upscaler(load_family("lite"), device="cpu", precision="float32")

    management = types.SimpleNamespace(get_torch_device=lambda: torch.device(name))
    monkeypatch.setitem(sys.modules, "comfy", types.ModuleType("comfy"))
    monkeypatch.setitem(sys.modules, "comfy.model_management", management)
    monkeypatch.setattr(Upscaler, "from_options", from_options)
    package.upscale_node.load_upscaler.cache_clear()
    node.upscale(picture, model="lite", scale=2.0)
    package.upscale_node.load_upscaler.cache_clear()
    assert chosen == [used]


def test_where_the_mask_is_white_the_picture_is_only_resized(node, picture, photograph):
    keep = torch.zeros(1, 30, 41)
    keep[:, :, :20] = 1
    (plain,) = node.upscale(picture, model="photo", scale=4.0, **CPU)
    (result,) = node.upscale(picture, keep=keep, model="photo", scale=4.0, **CPU)
    resized = resize_image(photograph[20:50, 40:81], 4).astype(int)
    kept, changed = slice(0, 76), slice(84, None)
    assert np.abs(to_bytes(result)[0, :, kept] - resized[:, kept]).max() <= 1
    assert torch.equal(result[:, :, changed], plain[:, :, changed])
    assert np.abs(to_bytes(plain)[0, :, kept] - resized[:, kept]).max() > 10


def test_a_mask_of_another_size_fits_and_grey_mixes(node, picture):
    results = [
        node.upscale(picture, keep=torch.full((1, 64, 64), share), model="lite", scale=2.0, **CPU)[0]
        for share in (0.0, 0.5, 1.0)
    ]
    assert torch.allclose(results[1], (results[0] + results[2]) / 2, atol=1e-6)
    assert not torch.allclose(results[0], results[2], atol=1e-3)


def test_the_texture_dial_goes_from_base_to_texture(node, picture):
    def upscale(**values):
        return node.upscale(picture, scale=4.0, **values, **CPU)[0]

    assert torch.equal(upscale(model="texture", texture=0.0), upscale(model="base", texture=100.0))
    half, full = upscale(model="texture", texture=50.0), upscale(model="texture", texture=100.0)
    assert torch.equal(full, upscale(model="caesr-texture-x4", texture=100.0))
    assert not torch.allclose(half, full, atol=1e-3)


def test_a_width_may_be_asked_for_instead_of_a_scale(node, picture):
    (result,) = node.upscale(picture, model="lite", scale=4.0, width=100, height=0, **CPU)
    assert result.shape == (1, 73, 100, 3)
    with pytest.raises(OptionError, match="one size only"):
        node.upscale(picture, model="lite", scale=4.0, width=100, height=80, **CPU)


def test_progress_is_shown_and_a_stop_of_the_user_stops_it(node, picture, monkeypatch):
    seen, total = [], []

    def stop() -> None:
        if len(seen) == 3:
            raise KeyboardInterrupt

    class ProgressBar:
        def __init__(self, steps: int):
            total.append(steps)

        def update_absolute(self, value: int) -> None:
            seen.append(value)

    management = types.SimpleNamespace(throw_exception_if_processing_interrupted=stop)
    for name, module in {"comfy": types.ModuleType("comfy"), "comfy.model_management": management,
                         "comfy.utils": types.SimpleNamespace(ProgressBar=ProgressBar)}.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    batch = picture.repeat(2, 3, 1, 1)  # 90 rows: three tiles of 32
    with pytest.raises(KeyboardInterrupt):
        node.upscale(batch, model="lite", scale=2.0, tile=32, **CPU)
    assert seen == [1, 2, 3]
    assert len(total) == 1
    assert total[0] >= 6


def test_comfyuis_own_loader_takes_the_checkpoints_too(spandrel, package):
    assert "CAEResNet" in spandrel.MAIN_REGISTRY
