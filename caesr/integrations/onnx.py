"""ONNX export: a checkpoint as one graph for pictures of any size, written node by node from the network's layers.

The graph makes what `Upscaler` makes at the native scale: it pads to the stride, applies the network, adds bicubic,
limits overshoot and crops. torch's exporters would bake the padding of one size, and their files change with every
version; this one is the same, byte for byte, wherever it is written.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from torch import Tensor, nn

from caesr.files.atomic import atomic_write
from caesr.imaging.limits import LEVEL, OVERSHOOT
from caesr.model.caeresnet import CAEResNet, ResidualBlock, stages
from zoo.messages import Message

OPSET, IR_VERSION = 17, 8  # of 2022: what programs with an older onnxruntime read, too
INPUT, OUTPUT = "pixel_values", "reconstruction"
DTYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def write_onnx(network: CAEResNet, file: Path, precision: str, properties: Mapping[str, str]) -> None:
    """Write a network as an ONNX file, atomically and always as the same bytes.

    Args:
        precision: "float32", or "float16": of the features and weights. Input, bicubic and output stay float32.
        properties: for the file's metadata, beside what the network knows of itself.
    Raises:
        ValueError: the network does not take and give RGB, or the precision is another.
    """
    model = build_model(network, precision, properties)
    checker.check_model(model, full_check=True)
    with atomic_write(file) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))


def build_model(network: CAEResNet, precision: str, properties: Mapping[str, str]) -> ModelProto:
    """Return a network as an ONNX model: pixel_values (B, 3, H, W) -> reconstruction (B, 3, sH, sW), all in [0, 1].

    Raises:
        ValueError: as `write_onnx`.
    """
    config = network.config
    if (config.in_channels, config.out_channels) != (3, 3):
        raise ValueError(Message("Only a network with three channels in and three out can be exported."))
    if precision not in DTYPES:
        choices = ", ".join(DTYPES)
        raise ValueError(Message("precision={precision}: choose from {choices}.", precision=precision, choices=choices))
    graph = Graph(precision)
    add_network(graph, network)
    sides = {INPUT: ("batch", 3, "height", "width"), OUTPUT: ("batch", 3, "height_out", "width_out")}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in sides.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "CAEResNet", ends[:1], ends[1:], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="caesr",
    )
    facts = {
        "architecture": "CAEResNet",
        "scale": config.scale,
        "stride": network.stride,
        "halo": network.halo,
        "receptive_field": network.receptive_field,
        "precision": precision,
    }
    helper.set_model_props(model, {name: str(value) for name, value in (facts | dict(properties)).items()})
    return model


class Graph:
    """An ONNX graph in the making: nodes in order, and the constants that they use.

    Args:
        precision: of features and weights.
    """

    def __init__(self, precision: str):
        self.precision = precision
        self.nodes: list = []
        self.constants: list = []

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        output = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values: np.ndarray) -> str:
        """Add a constant; returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def floats(self, values: Tensor | list[int] | float) -> str:
        """Add a float32 constant."""
        return self.constant(np.asarray(values, np.float32))

    def integers(self, *values: int) -> str:
        """Add a constant vector of int64."""
        return self.constant(np.array(values, np.int64))

    def weight(self, values: Tensor) -> str:
        """Add weights in the precision of the features."""
        return self.constant(values.detach().numpy().astype(self.precision))

    def cast(self, x: str, precision: str) -> str:
        """Convert features from or to the picture's float32, where they are not that already."""
        return x if self.precision == "float32" else self.add("Cast", x, to=DTYPES[precision])

    def convolve(self, x: str, layer: nn.Module) -> str:
        """Apply a convolution of any kind."""
        assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
        weight, stride, padding = layer.weight, layer.stride[0], int(layer.padding[0])
        attributes: dict[str, Any] = {"kernel_shape": layer.kernel_size, "strides": [stride] * 2, "pads": [padding] * 4}
        if isinstance(layer, nn.ConvTranspose2d) and stride == 1:  # which is a convolution, and as such is faster
            weight = weight.transpose(0, 1).flip(-2, -1)
        elif isinstance(layer, nn.ConvTranspose2d):
            attributes["output_padding"] = layer.output_padding
        operator = "Conv" if isinstance(layer, nn.Conv2d) or stride == 1 else "ConvTranspose"
        inputs = [self.weight(weight)] + ([] if layer.bias is None else [self.weight(layer.bias)])
        return self.add(operator, x, *inputs, **attributes)

    def apply(self, x: str, layers: Iterable[nn.Module]) -> str:
        """Apply convolutions, ReLUs and residual blocks, one after the other."""
        for layer in layers:
            if isinstance(layer, ResidualBlock):
                inner = self.add("Relu", self.convolve(x, layer.conv1))
                x = self.add("Add", x, self.convolve(inner, layer.conv2))
            else:
                x = self.add("Relu", x) if isinstance(layer, nn.ReLU) else self.convolve(x, layer)
        return x

    def pad(self, x: str, pads: str) -> str:
        """Repeat the border of x (B, C, H, W) by eight numbers of pixels: before each axis, then after each."""
        return self.add("Pad", x, pads, mode="edge")

    def pad_to_multiple(self, x: str, multiple: int) -> str:
        """Repeat the last row and column until height and width are multiples."""
        size = self.add("Shape", x, start=2, end=4)
        missing = self.add("Mod", self.add("Neg", size), self.integers(multiple))
        return self.pad(x, self.add("Concat", self.integers(0, 0, 0, 0, 0, 0), missing, axis=0))

    def bicubic(self, x: str, kernel: Tensor) -> str:
        """Upscale by bicubic all but the pixel shuffle: (B, 3, H, W) -> (B, 3·s², H, W)."""
        padded = self.pad(x, self.integers(0, 0, 2, 2, 0, 0, 2, 2))
        return self.add("Conv", padded, self.floats(kernel.repeat(3, 1, 1, 1)), kernel_shape=[5, 5], group=3)

    def shuffle(self, x: str, scale: int) -> str:
        """Spread the channels of a pixel: (B, 3·s², H, W) -> (B, 3, sH, sW)."""
        return self.add("DepthToSpace", x, blocksize=scale, mode="CRD") if scale > 1 else x

    def repeat_pixels(self, x: str, scale: int) -> str:
        """Give every pixel of a result the value of the pixel of x that it lies in: (B, 3, H, W) -> (B, 3, sH, sW)."""
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.add("Resize", x, "", self.floats([1, 1, scale, scale]), **how)

    def greatest_around(self, x: str) -> str:
        """Return the greatest of each value's 3 x 3 neighbours; at the border there are fewer."""
        return self.add("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    def least_around(self, x: str) -> str:
        """Return the least of each value's 3 x 3 neighbours."""
        return self.add("Neg", self.greatest_around(self.add("Neg", x)))


def add_network(graph: Graph, network: CAEResNet) -> None:
    """Add all that leads from the picture to its reconstruction, as `CAEResNet.forward` and the engine compute it."""
    config = network.config
    pre, shuffle = config.pre_scale, network.shuffle.upscale_factor
    x = INPUT if pre == 1 else graph.shuffle(graph.bicubic(INPUT, network.bicubic.kernel), pre)
    x = graph.pad_to_multiple(x, 2 ** (len(config.widths) - 1))
    y = graph.cast(add_autoencoder(graph, network, graph.cast(x, graph.precision)), "float32")
    if config.global_residual:
        y = graph.add("Add", y, graph.bicubic(x, network.bicubic.kernel) if shuffle > 1 else x)
    size = graph.add("Mul", graph.add("Shape", INPUT, start=2, end=4), graph.integers(config.scale))
    y = graph.add("Slice", graph.shuffle(y, shuffle), graph.integers(0, 0), size, graph.integers(2, 3))
    low, high = (graph.repeat_pixels(bound, config.scale) for bound in add_bounds(graph))
    graph.add("Min", graph.add("Max", y, low), high, output=OUTPUT)


def add_autoencoder(graph: Graph, network: CAEResNet, x: str) -> str:
    """Add encoder and decoder with the skips between: (B, 3, H, W) -> (B, 3·s², H, W) in features' precision."""
    config = network.config
    levels: list[str] = []
    for stage in stages(network.encoder, config.encoder_blocks):
        x = graph.apply(x, stage)
        levels.append(x)
    for i, stage in enumerate(stages(network.decoder, config.decoder_blocks[::-1])):
        x, skip = graph.apply(x, list(stage)[:2]), levels[-2 - i]
        if config.skips == "sum":
            x = graph.add("Add", x, skip)
        elif config.skips == "fuse":
            x = graph.convolve(graph.add("Concat", x, skip, axis=1), network.fusion[i])
        x = graph.apply(x, list(stage)[2:])
    return graph.convolve(x, network.decoder[-1])


def add_bounds(graph: Graph) -> tuple[str, str]:
    """Add the least and greatest value that each pixel of the input allows, as `caesr.imaging.limits.limit_overshoot`.

    They lie within [0, 1], so that nothing else need be clamped.
    """
    low, high = graph.least_around(INPUT), graph.greatest_around(INPUT)
    black, white = graph.floats(0), graph.floats(1)
    is_white, is_black = graph.add("Equal", low, white), graph.add("Equal", high, black)
    low, high = graph.least_around(low), graph.greatest_around(high)
    contrast = graph.add("Mul", graph.add("Sub", high, low), graph.floats(OVERSHOOT))
    slack = graph.add("Add", contrast, graph.floats(LEVEL))
    low = graph.add("Max", graph.add("Sub", low, slack), black)
    high = graph.add("Min", graph.add("Add", high, slack), white)
    return graph.add("Where", is_white, white, low), graph.add("Where", is_black, black, high)
