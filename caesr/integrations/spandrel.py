"""CAE-ResNets in spandrel, the loader of models that ComfyUI and chaiNNer use.

import spandrel
import caesr.integrations.spandrel

caesr.integrations.spandrel.install()
model = spandrel.ModelLoader().load_from_file("model.safetensors")  # an ImageModelDescriptor
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from spandrel import (
    MAIN_REGISTRY,
    Architecture,
    ArchRegistry,
    ArchSupport,
    ImageModelDescriptor,
    ModelLoader,
    ModelTiling,
    SizeRequirements,
)
from torch import Tensor

from caesr.imaging.limits import limit_overshoot
from caesr.model.caeresnet import CAEResNet, Config
from zoo.checkpoint_files import ARCHITECTURE, read_header
from zoo.messages import Message

SCALE = "caesr_scale"  # a tensor among the weights: what their shapes do not tell


class CAEResNetArch(Architecture[CAEResNet]):
    """CAE-ResNets, recognised by the names and shapes of all their weights."""

    def __init__(self) -> None:
        super().__init__(id=ARCHITECTURE, detect=is_caeresnet)

    def load(self, state_dict: Mapping[str, Tensor]) -> ImageModelDescriptor[CAEResNet]:
        """Return the descriptor of a network; its pixels are those of `Upscaler` at the native scale.

        Raises:
            ValueError: the weights do not tell their scale, and it did not come with them.
        """
        weights, config = dict(state_dict), deduce_config(state_dict)
        if config.scale == 1 and SCALE not in weights:
            message = (
                "The scale of these weights is only in their file: load it by ModelLoader().load_from_file, "
                "in ComfyUI by the node Upscale (CAESR)."
            )
            raise ValueError(Message(message))
        weights.pop(SCALE, None)
        network = CAEResNet(**asdict(config)).eval()
        return ImageModelDescriptor(
            network,
            weights,
            self,
            purpose="SR" if config.scale > 1 else "Restoration",
            tags=[f"{'-'.join(map(str, config.widths))}nf", f"{'-'.join(map(str, config.encoder_blocks))}nb"],
            supports_half=True,
            supports_bfloat16=True,
            scale=config.scale,
            input_channels=config.in_channels,
            output_channels=config.out_channels,
            size_requirements=SizeRequirements(),  # any: the network pads to its stride by itself
            tiling=ModelTiling.SUPPORTED,
            call_fn=upscale,
        )


def install(registry: ArchRegistry = MAIN_REGISTRY) -> None:
    """Register the architecture with spandrel; a second call changes nothing.

    A network that is upscaled by bicubic first (*seed*) has the same weights for every scale. Only the file's header
    names it, and `ModelLoader.load_from_file` is made to pass that on.
    """
    if ARCHITECTURE in registry:
        return
    others = tuple(entry.architecture.id for entry in registry)
    registry.add(ArchSupport.from_architecture(CAEResNetArch(), before=others))
    if not hasattr(ModelLoader.load_state_dict_from_file, "__wrapped__"):
        ModelLoader.load_state_dict_from_file = with_scale(ModelLoader.load_state_dict_from_file)


def with_scale(load: Callable[..., dict]) -> Callable[..., dict]:
    """Return a method that loads weights as `load` does, and adds the scale that a header of ours names."""

    @functools.wraps(load)
    def load_with_scale(self: ModelLoader, path: str | Path) -> dict:
        weights = load(self, path)
        if Path(path).suffix.lower() == ".safetensors":
            facts = read_header(Path(path)).get("__metadata__", {})
            if facts.get("architecture") == ARCHITECTURE and str(facts.get("scale")).isdecimal():
                weights[SCALE] = torch.tensor(int(facts["scale"]))
        return weights

    return load_with_scale


def is_caeresnet(state_dict: Mapping[str, Tensor]) -> bool:
    """Return whether weights have the names and shapes of a CAE-ResNet's."""
    try:
        with torch.device("meta"):  # allocates nothing
            expected = CAEResNet(**asdict(deduce_config(state_dict))).state_dict()
    except (AttributeError, IndexError, KeyError, ValueError):
        return False
    shapes = {name: weight.shape for name, weight in state_dict.items() if name != SCALE}
    return shapes == {name: weight.shape for name, weight in expected.items()}


def deduce_config(weights: Mapping[str, Tensor]) -> Config:
    """Return the config that weights tell, of the kinds of networks that the zoo has.

    A network with fused skips adds bicubic to what it predicts; one without skips does not. Where no pixel shuffle
    tells the scale, it is that of the tensor `SCALE`, or 1.

    Raises:
        KeyError, IndexError, ValueError: the weights are not those of a CAE-ResNet.
    """
    encoder, decoder = count_blocks(weights, "encoder"), count_blocks(weights, "decoder")
    channels = weights["encoder.0.weight"].shape[1]
    shuffle = math.isqrt(weights[f"decoder.{max(decoder)}.weight"].shape[1] // channels)
    scale = int(weights[SCALE]) if SCALE in weights else shuffle
    is_fused = "fusion.0.weight" in weights
    return Config(
        in_channels=channels,
        out_channels=channels,
        scale=scale,
        upsampling="post" if shuffle == scale else "pre",
        widths=tuple(weights[f"encoder.{layer}.weight"].shape[0] for layer in encoder),
        encoder_blocks=tuple(encoder.values()),
        decoder_blocks=tuple(decoder.values())[-2::-1],  # full resolution first, without the head
        skips="fuse" if is_fused else "none",
        global_residual=is_fused,
    )


def count_blocks(weights: Mapping[str, Tensor], part: str) -> dict[int, int]:
    """Return the number of residual blocks after each convolution of the encoder or decoder, by its place."""
    counts: dict[int, int] = {}
    names = [name.split(".") for name in weights if name.startswith(f"{part}.") and name.endswith(".weight")]
    for _, place, *inner in sorted(names, key=lambda name: int(name[1])):
        if inner == ["weight"]:
            counts[int(place)] = 0
        elif inner == ["conv1", "weight"]:
            counts[max(counts)] += 1
    return counts


def upscale(network: CAEResNet, image: Tensor) -> Tensor:
    """Upscale pictures as the engine does, whole: (B, C, H, W) -> (B, C, sH, sW), in [0, 1]."""
    result, scale = network(image).clamp_(0, 1), network.config.scale
    (height, width), (out_height, out_width) = image.shape[-2:], result.shape[-2:]
    source, output = ((0, height), (0, width)), ((0, out_height), (0, out_width))
    limit_overshoot(result, image, source, output, scale)
    return result
