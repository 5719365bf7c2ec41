"""Checkpoints: what is saved is loaded again; what does not fit, or could do harm, is refused with a reason."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import save_file

from caesr import CAEResNet
from tests.conftest import small
from zoo.checkpoint_files import CheckpointError, read_facts

load = CAEResNet.from_pretrained


@pytest.fixture
def folder(tmp_path):
    small(2).save_pretrained(tmp_path / "net", minutes=3)
    return tmp_path / "net"


def edit(folder, **changes):
    """Change fields of config.json."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_a_saved_network_comes_back_the_same(folder):
    loaded = load(folder)
    x = torch.rand(1, 3, 9, 12)
    assert torch.allclose(loaded(x), small(2)(x), atol=1e-6)
    assert loaded.config == small(2).config
    assert read_facts(folder) == {"minutes": 3}
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_the_articles_weights_under_a_scale_2_config_are_refused_before_they_are_loaded(folder):
    CAEResNet().save_pretrained(folder.parent / "article")
    (folder.parent / "article/model.safetensors").rename(folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="does not belong"):
        load(folder)


def test_a_missing_tensor_is_refused_not_left_at_random(folder):
    tensors = dict(small(2).state_dict())
    del tensors["decoder.0.bias"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"lacks decoder\.0\.bias"):
        load(folder)


def test_a_tensor_of_another_shape_or_type_is_refused(folder):
    tensors = dict(small(2).state_dict())
    save_file(tensors | {"decoder.0.bias": torch.zeros(3)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="shape"):
        load(folder)
    integers = torch.zeros_like(tensors["decoder.0.bias"], dtype=torch.int64)
    save_file(tensors | {"decoder.0.bias": integers}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="floating-point"):
        load(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html><html>",
        pickle.dumps({"a": 1}),
        b"PK\x03\x04" + bytes(100),
        struct.pack("<Q", 1 << 60),
        bytes(64),
    ],
    ids=["empty", "a web page", "a pickle", "a zip", "an endless header", "zeros"],
)
def test_other_formats_than_safetensors_are_refused_by_their_content(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load(folder)


def test_weights_cut_short_are_refused(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        load(folder)


def test_a_network_of_24_gigabytes_is_refused_before_memory_is_taken(folder):
    with torch.device("meta"):
        giant = CAEResNet(widths=(1024,) * 5, encoder_blocks=(64,) * 5, decoder_blocks=(0,) * 4)
    edit(folder, scale=1, global_residual=False, skips="none", widths=[1024] * 5)
    edit(folder, encoder_blocks=[64] * 5, decoder_blocks=[0] * 4)
    shapes = {name: {"dtype": "F32", "shape": list(t.shape)} for name, t in giant.state_dict().items()}
    header = json.dumps(shapes).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(CheckpointError, match="too short"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"widths": [1000000, 16]}, "widths"),
        ({"architecture": "ResNet"}, "architecture"),
        ({"schema": "99"}, "schema"),
        ({"surprise": 1}, "surprise"),
        ({"widths": None}, "config.json"),
        ({"scale": "2; rm -rf"}, "scale"),
        ({"encoder_blocks": ["a", "b"]}, "config.json"),
    ],
)
def test_an_invalid_config_is_refused_with_the_reason(folder, changes, why):
    edit(folder, **changes)
    with pytest.raises(CheckpointError, match=why):
        load(folder)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [{"widths": [8.5, 16]}, {"widths": [8, True]}, {"scale": 2.0}, {"global_residual": "yes"}, {"in_channels": 3.0}],
)
def test_a_number_that_is_not_an_integer_is_refused_before_a_layer_is_built(folder, changes):
    edit(folder, **changes)
    with pytest.raises(CheckpointError, match=f"{next(iter(changes))}=.* is out of bounds"):
        load(folder)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_deeply_nested_lists_are_refused(folder, file):
    text = b"[" * 100_000
    (folder / file).write_bytes(text if file == "config.json" else struct.pack("<Q", len(text)) + text)
    with pytest.raises(CheckpointError, match="recursion"):
        load(folder)


def test_the_message_is_short_even_if_the_value_is_long(folder):
    edit(folder, upsampling="x" * 100_000)
    with pytest.raises(CheckpointError) as error:
        load(folder)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("facts", ["[1]", "no JSON", "[" * 100_000])
def test_facts_that_are_not_json_are_refused_with_a_reason(folder, facts):
    save_file(dict(small(2).state_dict()), folder / "model.safetensors", metadata={"facts": facts})
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_facts(folder)
