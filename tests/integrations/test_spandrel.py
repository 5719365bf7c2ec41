"""spandrel's own loader reads every checkpoint, and gives the pixels of `Upscaler`."""

import shutil
from importlib import import_module

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import zoo
from caesr import CAEResNet, Upscaler
from tests.conftest import small
from zoo.checkpoint_files import WEIGHTS


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", zoo.names())
def test_every_checkpoint_is_loaded_and_gives_the_same_pixels(spandrel, photograph, name, tmp_path):
    file = shutil.copy(zoo.fetch(name) / WEIGHTS, tmp_path / "any name.safetensors")  # alone, without config.json
    model = spandrel.ModelLoader().load_from_file(file)
    net = CAEResNet.from_pretrained(name)
    assert isinstance(model, spandrel.ImageModelDescriptor)
    assert model.model.config == net.config
    assert (model.architecture.name, model.purpose, model.scale) == ("CAEResNet", "SR", net.config.scale)
    assert (model.input_channels, model.output_channels) == (3, 3)
    assert model.size_requirements.check(1, 1)
    assert model.size_requirements.check(31, 17)
    assert model.tiling == spandrel.ModelTiling.SUPPORTED
    pixels = photograph[60:91, 80:113]
    result = model(to_tensor(pixels))[0].permute(1, 2, 0).mul(255).round().numpy()
    expected = Upscaler(net, device="cpu", precision="float32")(pixels, scale=net.config.scale)
    assert np.abs(result - expected).max() <= 1
    assert (result != expected).mean() < 0.001


def test_its_limits_of_overshoot_are_those_of_the_engine(spandrel):
    pixels = np.full((16, 16, 3), 40, np.uint8)
    pixels[:, 8:] = (255, 250, 255)
    model = spandrel.ModelLoader().load_from_file(zoo.fetch("caesr-lite-x2") / WEIGHTS)
    result = model(to_tensor(pixels))[0].permute(1, 2, 0).mul(255).round().numpy()
    net = CAEResNet.from_pretrained("caesr-lite-x2")
    assert np.abs(result - Upscaler(net, device="cpu", precision="float32")(pixels, scale=2)).max() <= 1
    bare = net(to_tensor(pixels))[0].permute(1, 2, 0).clamp(0, 1).mul(255).round().detach().numpy()
    assert np.abs(bare - result).max() > 1


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 0.003), (torch.bfloat16, 0.02)])
def test_half_precision_is_supported(spandrel, photograph, dtype, tolerance):
    file, x = zoo.fetch("caesr-lite-x4") / WEIGHTS, to_tensor(photograph[:24, :24])
    exact = spandrel.ModelLoader().load_from_file(file)(x)
    half = spandrel.ModelLoader().load_from_file(file).to(dtype)(x.to(dtype))
    assert half.dtype == dtype
    assert (half.float() - exact).abs().max() < tolerance


def test_other_networks_of_the_kind_are_recognised_by_their_weights(spandrel, tmp_path):
    deep = {"widths": (4, 6, 8), "encoder_blocks": (1, 0, 2), "decoder_blocks": (2, 1)}
    for scale, fields in ((2, {}), (3, deep), (4, {"widths": (6,), "encoder_blocks": (2,), "decoder_blocks": ()})):
        net = small(scale, **fields)
        net.save_pretrained(tmp_path)
        model = spandrel.ModelLoader().load_from_file(tmp_path / WEIGHTS)
        assert model.scale == scale
        assert model.model.config.encoder_blocks == net.config.encoder_blocks
        assert model.model.config.decoder_blocks == net.config.decoder_blocks


def test_networks_of_others_are_left_to_them(spandrel):
    compact = import_module("spandrel.architectures.Compact.__arch.SRVGG").SRVGGNetCompact(num_feat=8, num_conv=2)
    assert spandrel.ModelLoader().load_from_state_dict(compact.state_dict()).architecture.id == "Compact"
    weights = small(2).state_dict()
    weights["encoder.0.weight"] = weights["encoder.0.weight"][:, :, :1]
    with pytest.raises(spandrel.UnsupportedModelError):
        spandrel.ModelLoader().load_from_state_dict(weights)


def test_of_weights_that_do_not_tell_their_scale_it_says_how_to_load_them(spandrel, tmp_path):
    weights = load_file(zoo.fetch("caesr-seed-x4") / WEIGHTS)
    with pytest.raises(ValueError, match=r"ModelLoader\(\)\.load_from_file"):
        spandrel.ModelLoader().load_from_state_dict(weights)
    save_file(weights, tmp_path / "bare.safetensors")  # its header says nothing
    with pytest.raises(ValueError, match="scale"):
        spandrel.ModelLoader().load_from_file(tmp_path / "bare.safetensors")
