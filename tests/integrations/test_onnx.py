"""ONNX files give the pixels of `Upscaler`, whatever the size of the picture, and are always the same bytes."""

from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx.tools.update_model_dims import update_inputs_outputs_dims

import zoo
from caesr import CAEResNet, Upscaler
from caesr.integrations.onnx import build_model

EXACT = 1e-5 + 0.5 / 65535  # `Upscaler` rounds to 16 bits
LEVEL = 1 / 255
KINDS = {  # every kind of CAEResNet that the article or the zoo has
    "fused": {},
    "summed": {"skips": "sum"},
    "plain": {"skips": "none", "global_residual": False},
    "deep": {"widths": (4, 6, 8), "encoder_blocks": (1, 0, 2), "decoder_blocks": (2, 1)},
    "flat": {"widths": (6,), "encoder_blocks": (2,), "decoder_blocks": ()},
    "seed": {"upsampling": "pre", "skips": "none", "global_residual": False},
    "seed and bicubic": {"upsampling": "pre"},
}


@cache
def network(kind: str, scale: int) -> CAEResNet:
    """Return a network with random weights, whose results are about as bright as pictures."""
    torch.manual_seed(1)
    fields = {"widths": (8, 16), "encoder_blocks": (1, 1), "decoder_blocks": (1,), "skips": "fuse"}
    net = CAEResNet(scale=scale, **({"global_residual": True} | fields | KINDS[kind])).eval()
    if not net.config.global_residual:
        torch.nn.init.constant_(net.decoder[-1].bias, 0.5)
    return net


def start(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@cache
def session(kind: str, scale: int) -> onnxruntime.InferenceSession:
    return start(build_model(network(kind, scale), "float32", {}))


@cache
def checkpoint(name: str, precision: str = "float32") -> tuple[CAEResNet, onnxruntime.InferenceSession]:
    net = CAEResNet.from_pretrained(name)
    return net, start(build_model(net, precision, {}))


def run(model: onnxruntime.InferenceSession, pixels: np.ndarray) -> np.ndarray:
    """Upscale pictures of 16 bits, (B, H, W, 3): (B, sH, sW, 3) in [0, 1]."""
    values = (pixels / np.float32(65535)).astype(np.float32).transpose(0, 3, 1, 2)
    (result,) = model.run(["reconstruction"], {"pixel_values": values})
    return result.transpose(0, 2, 3, 1)


def reference(net: CAEResNet, pixels: np.ndarray) -> np.ndarray:
    """Upscale a picture of 16 bits, (H, W, 3), by the engine: (sH, sW, 3) in [0, 1]."""
    return Upscaler(net, device="cpu", precision="float32")(pixels, scale=net.config.scale) / np.float32(65535)


def draw_picture(height: int, width: int, seed: int) -> np.ndarray:
    """Return noise with a black and a white corner, where the engine keeps values exact: (H, W, 3) of 16 bits."""
    pixels = np.random.default_rng(seed).integers(0, 65536, (height, width, 3), np.uint16)
    pixels[: height // 3, : width // 2] = 0
    pixels[-(height // 3) or height :, : width // 2] = 65535
    return pixels


@settings(max_examples=60)
@given(st.sampled_from(list(KINDS)), st.integers(1, 4), st.integers(1, 24), st.integers(1, 24), st.integers(0, 99))
@example("fused", 2, 1, 1, 0)
@example("deep", 3, 1, 9, 0)
@example("seed", 4, 7, 1, 0)
def test_every_kind_of_network_gives_the_pixels_of_the_engine_at_every_size(kind, scale, height, width, seed):
    if scale == 1:
        kind = "plain"  # nothing is upscaled by bicubic
    pixels = draw_picture(height, width, seed)
    difference = run(session(kind, scale), pixels[None])[0] - reference(network(kind, scale), pixels)
    assert np.abs(difference).max() <= EXACT


@pytest.mark.parametrize("name", zoo.names())
@pytest.mark.parametrize("size", [(1, 1), (19, 30)])
def test_every_checkpoint_gives_the_pixels_of_the_engine(name, size):
    net, model = checkpoint(name)
    pixels = draw_picture(*size, seed=1)
    assert np.abs(run(model, pixels[None])[0] - reference(net, pixels)).max() <= EXACT


def test_a_photograph_that_the_engine_tiles_gives_the_same_pixels(photograph):
    net, model = checkpoint("caesr-lite-x3")
    pixels = np.tile(photograph, (2, 2, 1))[:283, :331].astype(np.uint16) * 257
    assert np.abs(run(model, pixels[None])[0] - reference(net, pixels)).max() <= EXACT


def test_a_batch_gives_what_each_of_its_pictures_gives():
    model = session("fused", 2)
    pictures = np.stack([draw_picture(9, 7, seed) for seed in range(3)])
    alone = np.concatenate([run(model, picture[None]) for picture in pictures])
    assert np.abs(run(model, pictures) - alone).max() < 1e-6


def test_in_float16_the_file_is_half_as_large_and_the_picture_less_than_a_level_away(photograph):
    pixels = photograph[:60, :90].astype(np.uint16) * 257
    exact, half = (run(checkpoint("caesr-lite-x2", precision)[1], pixels[None]) for precision in ("float32", "float16"))
    assert half.dtype == np.float32
    assert 0 < np.abs(half - exact).max() < LEVEL
    sizes = [build_model(checkpoint("caesr-lite-x2")[0], one, {}).ByteSize() for one in ("float32", "float16")]
    assert sizes[1] < 0.52 * sizes[0]


def test_the_interface_is_that_of_the_documentation():
    model = build_model(network("fused", 3), "float32", {"license": "Apache-2.0", "link": "https://example.org"})
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version >= 17
    ends = {end.name: [dim.dim_param or dim.dim_value for dim in end.type.tensor_type.shape.dim]
            for end in (*model.graph.input, *model.graph.output)}  # fmt: skip
    assert ends == {
        "pixel_values": ["batch", 3, "height", "width"],
        "reconstruction": ["batch", 3, "height_out", "width_out"],
    }
    facts = {row.key: row.value for row in model.metadata_props}
    net = network("fused", 3)
    assert facts == {
        "architecture": "CAEResNet",
        "scale": "3",
        "stride": "2",
        "halo": str(net.halo),
        "receptive_field": str(net.receptive_field),
        "precision": "float32",
        "license": "Apache-2.0",
        "link": "https://example.org",
    }


def test_the_halo_of_the_metadata_is_what_a_tile_needs():
    net = network("fused", 2)
    model, pixels, halo = session("fused", 2), draw_picture(64, 80, 3), net.halo + net.halo % net.stride
    whole = run(model, pixels[None])[0]
    top, left = 30, 40
    part = run(model, pixels[None, top - halo :, left - halo :])[0]
    assert np.abs(part[2 * halo :, 2 * halo :] - whole[2 * top :, 2 * left :]).max() < 1e-6
    assert np.abs(part[2 * halo - 20 :, 2 * halo :] - whole[2 * top - 20 :, 2 * left :]).max() > 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_can_be_inferred_as_chainner_does(kind):
    model = build_model(network(kind, 4), "float32", {})
    shapes = {"pixel_values": [1, 3, 16, 16]}, {"reconstruction": ["batch", 3, "height_out", "width_out"]}
    fixed = update_inputs_outputs_dims(model, *shapes)
    output = onnx.shape_inference.infer_shapes(fixed, strict_mode=True).graph.output[0].type.tensor_type.shape
    assert [dim.dim_value for dim in output.dim[2:]] == [64, 64]


def test_the_same_network_gives_the_same_bytes():
    first, second = (build_model(network("fused", 2), "float16", {"a": "1", "b": "2"}) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)


def test_what_cannot_be_exported_is_said():
    with pytest.raises(ValueError, match="three channels"):
        build_model(CAEResNet(1, 1), "float32", {})
    with pytest.raises(ValueError, match="choose from float32, float16"):
        build_model(network("fused", 2), "int8", {})
