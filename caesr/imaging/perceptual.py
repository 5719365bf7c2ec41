"""Perceptual distances LPIPS and DISTS, and the frozen networks whose features they compare.

The networks are the convolutions of AlexNet, VGG16 and SqueezeNet 1.1, trained on ImageNet. Their weights are not the
project's: they lie in $CAESR_DATA/features, and only training and evaluation need them.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SQUEEZENET = (3, 4, 6, 7, 9, 10, 11, 12)  # places of the fire modules; the resolution halves before 3, 6 and 9
VGG16 = (2, 2, 3, 3, 3)  # convolutions of each stage; between the stages the resolution halves
ALEXNET = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))  # stride and padding of each convolution


class L2Pool(nn.Module):
    """Halve the resolution by a Hann-weighted root of the mean square (DISTS, Ding et al. 2020, section II-B)."""

    def __init__(self, channels: int):
        super().__init__()
        row = torch.hann_window(5, periodic=False)[1:-1]
        window = torch.outer(row, row) / row.sum() ** 2
        self.window: Tensor
        self.register_buffer("window", window.expand(channels, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        mean = F.conv2d(x.square(), self.window, stride=2, padding=1, groups=x.shape[1])
        return (mean + 1e-12).sqrt()


class VGG16Features(nn.Module):
    """The end of each of VGG16's five stages, after its last ReLU.

    Args:
        folder: holds vgg16_features.safetensors.
        pool: "max" as VGG was trained, or "l2" as DISTS has it.
    """

    heads = "vgg"  # how LPIPS names its weights
    channels = (64, 128, 256, 512, 512)
    judged = (2, 3, 4)  # the features at a quarter of the resolution and below, for an adversary

    def __init__(self, folder: Path, pool: str = "max"):
        super().__init__()
        weights = read_features(folder, "vgg16_features")
        self.stages, self.pools = nn.ModuleList(), nn.ModuleList()
        index, channels = 0, 3
        for count in VGG16:
            convolutions = []
            for _ in range(count):
                convolutions.append(convolution(weights, f"features.{index}", padding=1))
                channels, index = convolutions[-1].out_channels, index + 2
            self.stages.append(nn.ModuleList(convolutions))
            self.pools.append(L2Pool(channels) if pool == "l2" else nn.MaxPool2d(2))
            index += 1
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: (B, 3, H, W) in [0, 1] -> five features, (B, 64, H, W) to (B, 512, H/16, W/16)."""
        x = normalise(x)
        features = []
        for n, stage in enumerate(self.stages):
            if n:
                x = self.pools[n - 1](x)
            for layer in stage:  # type: ignore[attr-defined]
                x = layer(x).relu()
            features.append(x)
        return features


class AlexNetFeatures(nn.Module):
    """AlexNet's five convolutions, each after its ReLU."""

    heads = "alex"
    channels = (64, 192, 384, 256, 256)
    judged = (0, 1, 4)

    def __init__(self, folder: Path):
        super().__init__()
        weights = read_features(folder, "alexnet_features")
        self.layers = nn.ModuleList(
            convolution(weights, f"features.{n}", stride=stride, padding=padding)
            for n, (stride, padding) in zip((0, 3, 6, 8, 10), ALEXNET, strict=True)
        )
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: (B, 3, H, W) in [0, 1], sides >= 32 -> five features, (B, 64, H/4, W/4) to (B, 256, H/16, W/16)."""
        x = normalise(x)
        features = []
        for n, layer in enumerate(self.layers):
            x = layer(F.max_pool2d(x, 3, 2) if n in (1, 2) else x).relu()
            features.append(x)
        return features


class Fire(nn.Module):
    """SqueezeNet's module: a 1×1 convolution to few channels, then 1×1 and 3×3 side by side."""

    def __init__(self, weights: dict[str, Tensor], name: str):
        super().__init__()
        self.squeeze = convolution(weights, f"{name}.squeeze")
        self.expand1 = convolution(weights, f"{name}.expand1x1")
        self.expand3 = convolution(weights, f"{name}.expand3x3", padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat((self.expand1(x), self.expand3(x)), dim=1).relu()


class SqueezeNetFeatures(nn.Module):
    """Seven features of SqueezeNet 1.1, those of LPIPS (Iandola et al. 2016): a twentieth of VGG16's work."""

    heads = "squeeze"
    channels = (64, 128, 256, 384, 384, 512, 512)
    judged = (1, 2, 4)

    def __init__(self, folder: Path):
        super().__init__()
        weights = read_features(folder, "squeezenet11_features")
        self.first = convolution(weights, "features.0", stride=2)
        self.fires = nn.ModuleList(Fire(weights, f"features.{n}") for n in SQUEEZENET)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: (B, 3, H, W) in [0, 1], sides >= 32 -> seven features, (B, 64, H/2, W/2) to (B, 512, H/16, W/16)."""
        x = self.first(normalise(x)).relu()
        features = [x]
        for n, fire in zip(SQUEEZENET, self.fires, strict=True):
            x = fire(F.max_pool2d(x, 3, 2, ceil_mode=True) if n in (3, 6, 9) else x)
            if n not in (3, 6):
                features.append(x)
        return features


Features = AlexNetFeatures | VGG16Features | SqueezeNetFeatures
FEATURES: dict[str, type[Features]] = {
    "alexnet": AlexNetFeatures,
    "vgg16": VGG16Features,
    "squeezenet": SqueezeNetFeatures,
}


class LPIPS(nn.Module):
    """Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018, eq. 1).

    Args:
        folder: holds the weights of the network and lpips_heads.safetensors.
        network: "alexnet", by which it is reported, "vgg16" or "squeezenet".
    """

    def __init__(self, folder: Path, network: str = "alexnet"):
        super().__init__()
        self.features = FEATURES[network](folder)
        heads = read_features(folder, "lpips_heads")
        for n in range(len(self.features.channels)):
            self.register_buffer(f"head{n}", heads[f"{self.features.heads}.lin{n}.model.1.weight"].flatten())
        self.requires_grad_(False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compare two (B, 3, H, W) in [0, 1], sides of at least 32 -> (B,), 0 for equal pictures."""
        return self.compare(self.features(output), self.features(target))

    def compare(self, output: list[Tensor], target: list[Tensor]) -> Tensor:
        """Compare features that were computed already -> (B,)."""
        pairs = zip(output, target, strict=True)
        return torch.stack([Distance.apply(x, y, getattr(self, f"head{n}")) for n, (x, y) in enumerate(pairs)]).sum(
            dim=0
        )


class Distance(torch.autograd.Function):
    """Weighted squared distance of unit-length channels, a mean over places: x, y (B, C, H, W), weight (C,) -> (B,).

    Written with its gradient, which goes to x alone, since autograd's own takes three times as long on a CPU: every
    intermediate of a feature map of full size is a pass through memory.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        weight = weight.view(1, -1, 1, 1)
        distances, gradients = [], []
        for a, b in zip(x.split(1), y.split(1), strict=True) if x.device.type == "cpu" else ((x, y),):  # fits a cache
            a, b = a.float(), b.float()
            length = a.norm(dim=1, keepdim=True) + 1e-10
            a = a / length
            difference = a - b / (b.norm(dim=1, keepdim=True) + 1e-10)
            weighted = difference * weight
            distances.append((weighted * difference).sum(dim=1).mean(dim=(1, 2)))
            if ctx.needs_input_grad[0]:
                along = (a * weighted).sum(dim=1, keepdim=True)
                places = a.shape[-2] * a.shape[-1]
                gradients.append(((weighted - a * along) * (2 / places / length)).to(x.dtype))
        if gradients:
            ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(distances)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0].view(-1, 1, 1, 1).to(gradient.dtype), None, None


class DISTS(nn.Module):
    """Deep image structure and texture similarity (Ding et al., TPAMI 2020, eqs. 3-6), with VGG16."""

    def __init__(self, folder: Path):
        super().__init__()
        self.vgg = VGG16Features(folder, pool="l2")
        weights = read_features(folder, "dists_alpha_beta")
        total = weights["alpha"].sum() + weights["beta"].sum()
        self.texture, self.structure = (weights[name].flatten() / total for name in ("alpha", "beta"))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Both (B, 3, H, W) in [0, 1] -> (B,), 0 for equal pictures."""
        texture, structure = [], []
        pairs = zip([output, *self.vgg(output)], [target, *self.vgg(target)], strict=True)
        for x, y in pairs:
            mx, my = x.mean(dim=(2, 3)), y.mean(dim=(2, 3))
            vx, vy = (x.square().mean(dim=(2, 3)) - mx**2), (y.square().mean(dim=(2, 3)) - my**2)
            covariance = (x * y).mean(dim=(2, 3)) - mx * my
            texture.append((2 * mx * my + 1e-6) / (mx**2 + my**2 + 1e-6))
            structure.append((2 * covariance + 1e-6) / (vx + vy + 1e-6))
        alike = torch.cat(texture, dim=1) * self.texture.to(output) + torch.cat(structure, dim=1) * self.structure.to(
            output
        )
        return 1 - alike.sum(dim=1)


def normalise(x: Tensor) -> Tensor:
    """Subtract ImageNet's mean and divide by its deviation, channel by channel: (B, 3, H, W) in [0, 1] -> the same."""
    return (x - x.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)) / x.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)


def convolution(weights: dict[str, Tensor], name: str, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """A convolution of the given weights."""
    weight = weights[f"{name}.weight"].float()
    out, into, side, _ = weight.shape
    layer = nn.Conv2d(into, out, side, stride, padding)
    layer.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"].float()})
    return layer


def read_features(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a file of $CAESR_DATA/features.

    Raises:
        FileNotFoundError: it is not there.
    """
    file = folder / f"{name}.safetensors"
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist: LPIPS, DISTS and perceptual losses need it ($CAESR_DATA).")
    return load_file(file)
