"""Keep hidden units alive: centred gradients, and new weights for units that died all the same.

Without either, two thirds of the units of base and a sixth of lite's were dead (docs/decisions.md): what flows through
these networks is small, so that a few steps of Muon can move a unit's mean by more than the unit varies, and a ReLU
that is zero everywhere has no gradient to come back by.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from caesr.model.caeresnet import CAEResNet, ResidualBlock


class HiddenUnits:
    """The convolutions of a model whose gradients are centred, and the units of its residual blocks.

    A unit is a channel between the two convolutions of a block.
    """

    def __init__(self, model: CAEResNet):
        self.model = model
        self.layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d)}
        self.blocks = {name: block for name, block in model.named_modules() if isinstance(block, ResidualBlock)}
        self.means: dict[str, Tensor] = {}  # of each layer's input, by channel

    @torch.no_grad()
    def inspect(self, low_res: Tensor) -> dict[str, Tensor]:
        """Measure the means of all inputs on (B, C, H, W).

        Returns:
            Which units of each block are dead: zero at every pixel.
        """
        dead: dict[str, Tensor] = {}

        def see_input(name: str, layer: nn.Module, inputs: tuple) -> None:
            self.means[name] = inputs[0].float().mean(dim=(0, 2, 3))

        def see_output(name: str, layer: nn.Module, inputs: tuple, output: Tensor) -> None:
            dead[name] = output.amax(dim=(0, 2, 3)) <= 0

        with ExitStack() as hooks:
            for name, layer in self.layers.items():
                hooks.callback(layer.register_forward_pre_hook(partial(see_input, name)).remove)
            for name, block in self.blocks.items():
                hooks.callback(block.relu.register_forward_hook(partial(see_output, name)).remove)
            self.model(low_res)
        return dead

    @torch.no_grad()
    def revive(self, dead: dict[str, Tensor], mean_model: CAEResNet, generator: torch.Generator) -> int:
        """Give dead units new weights, so that the network computes what it did before; return how many there were.

        ReDo (Sokar et al., "The dormant neuron phenomenon in deep reinforcement learning", ICML 2023): incoming weights
        by He et al. (ICCV 2015), outgoing ones zero. The bias makes a unit fire at about half of the pixels inspected.

        Args:
            mean_model: the running mean of the model's weights, which gets the same new weights.
            generator: on the CPU, whatever the device.
        """
        for name, block in self.blocks.items():
            deviation = (2 / block.conv1.weight[0].numel()) ** 0.5
            weight = deviation * torch.randn(block.conv1.weight.shape, generator=generator).to(dead[name].device)
            bias = -weight.sum(dim=(2, 3)) @ self.means[f"{name}.conv1"]
            mean_block = mean_model.get_submodule(name)
            assert isinstance(mean_block, ResidualBlock)
            for one in (block, mean_block):
                one.conv1.weight[dead[name]] = weight[dead[name]]
                one.conv1.bias[dead[name]] = bias[dead[name]]  # type: ignore[index]  # torch's stubs allow for None
                one.conv2.weight[:, dead[name]] = 0
        return sum(int(units.sum()) for units in dead.values())

    @contextmanager
    def centred(self) -> Iterator[None]:
        """Let an optimizer's step be one on convolutions of inputs less their means.

        Such a layer computes W (x - m) + b, and is the same layer with the bias b - W m (Schraudolph, "Centering neural
        network gradient factors", 1998): W's gradient loses the part that only moves means, and the bias follows W.
        """
        layers = [(layer.weight, layer.bias, self.means[name]) for name, layer in self.layers.items()]
        weights, biases, means = zip(
            *((w, b, m) for w, b, m in layers if b is not None and b.grad is not None), strict=True
        )
        with torch.no_grad():
            steps = [b.grad[:, None, None, None] * m[:, None, None] for b, m in zip(biases, means, strict=True)]
            torch._foreach_sub_([w.grad for w in weights], steps)
            before = torch._foreach_mul(weights, 1.0)
            yield
            moved = torch._foreach_sub(weights, before)
            shifts = [step.sum(dim=(2, 3)) @ mean for step, mean in zip(moved, means, strict=True)]
            torch._foreach_sub_(biases, shifts)
