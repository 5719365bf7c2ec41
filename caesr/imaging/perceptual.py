"""Perceptual distances LPIPS and DISTS, and the frozen networks whose features they compare.

The networks are the convolutions of AlexNet, VGG16 and SqueezeNet 1.1, trained on ImageNet. Their weights are not part
of the project: they are read from $CAESR_DATA/features, and only training and evaluation need them.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.messages import Message

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The convolutions of VGG16's five stages, by torchvision's numbers.
VGG16_STAGES = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


class Features(nn.Module):
    """Frozen stages of a network trained on ImageNet; what each stage returns is a feature.

    Args:
        stages: each takes the feature of the one before.
        channels: of each feature.
        judged: the features that an adversary looks at: at a quarter of the resolution and below.
        lpips_name: how LPIPS names its weights for this network.
    """

    def __init__(self, stages: list[nn.Module], channels: tuple[int, ...], judged: tuple[int, ...], lpips_name: str):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.channels, self.judged, self.lpips_name = channels, judged, lpips_name
        self.mean: Tensor
        self.deviation: Tensor
        for name, values in (("mean", IMAGENET_MEAN), ("deviation", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Compute all features of (B, 3, H, W) in [0, 1], sides of at least 32."""
        x = (x - self.mean) / self.deviation
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


def vgg16(folder: Path, pool: str = "max") -> Features:
    """Build VGG16: the end of each of its five stages, (B, 64, H, W) to (B, 512, H/16, W/16).

    Args:
        folder: holds vgg16_features.safetensors.
        pool: "max" as VGG was trained, or "l2" as DISTS has it.
    """
    weights = read_features(folder, "vgg16_features")
    channels = (64, 128, 256, 512, 512)
    stages: list[nn.Module] = []
    for n, places in enumerate(VGG16_STAGES):
        layers: list[nn.Module] = []
        if n > 0:
            layers += [L2Pool(channels[n - 1]) if pool == "l2" else nn.MaxPool2d(2)]
        for place in places:
            layers += [load_convolution(weights, f"features.{place}", padding=1), nn.ReLU()]
        stages.append(nn.Sequential(*layers))
    return Features(stages, channels, judged=(2, 3, 4), lpips_name="vgg")


def alexnet(folder: Path) -> Features:
    """Build AlexNet's five convolutions, each with its ReLU: (B, 64, H/4, W/4) to (B, 256, H/16, W/16)."""
    conv = partial(load_convolution, read_features(folder, "alexnet_features"))
    pool = nn.MaxPool2d(3, 2)
    stages: list[nn.Module] = [
        nn.Sequential(conv("features.0", stride=4, padding=2), nn.ReLU()),
        nn.Sequential(pool, conv("features.3", padding=2), nn.ReLU()),
        nn.Sequential(pool, conv("features.6", padding=1), nn.ReLU()),
        nn.Sequential(conv("features.8", padding=1), nn.ReLU()),
        nn.Sequential(conv("features.10", padding=1), nn.ReLU()),
    ]
    return Features(stages, (64, 192, 384, 256, 256), judged=(0, 1, 4), lpips_name="alex")


def squeezenet(folder: Path) -> Features:
    """Build SqueezeNet 1.1 (Iandola et al. 2016): the seven features of LPIPS, at a twentieth of VGG16's work.

    (B, 64, H/2, W/2) to (B, 512, H/16, W/16).
    """
    weights = read_features(folder, "squeezenet11_features")
    fire = partial(Fire, weights)
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    stages: list[nn.Module] = [
        nn.Sequential(load_convolution(weights, "features.0", stride=2), nn.ReLU()),
        nn.Sequential(pool, fire("features.3"), fire("features.4")),
        nn.Sequential(pool, fire("features.6"), fire("features.7")),
        nn.Sequential(pool, fire("features.9")),
        fire("features.10"),
        fire("features.11"),
        fire("features.12"),
    ]
    return Features(stages, (64, 128, 256, 384, 384, 512, 512), judged=(1, 2, 4), lpips_name="squeeze")


FEATURES: dict[str, Callable[[Path], Features]] = {"alexnet": alexnet, "vgg16": vgg16, "squeezenet": squeezenet}


class Fire(nn.Module):
    """SqueezeNet's module: a 1×1 convolution to few channels, then 1×1 and 3×3 side by side."""

    def __init__(self, weights: dict[str, Tensor], name: str):
        super().__init__()
        self.squeeze = load_convolution(weights, f"{name}.squeeze")
        self.expand1 = load_convolution(weights, f"{name}.expand1x1")
        self.expand3 = load_convolution(weights, f"{name}.expand3x3", padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat((self.expand1(x), self.expand3(x)), dim=1).relu()


class L2Pool(nn.Module):
    """Halving of the resolution by a Hann-weighted root of the mean square (DISTS, Ding et al. 2020, section II-B)."""

    def __init__(self, channels: int):
        super().__init__()
        row = torch.hann_window(5, periodic=False)[1:-1]
        window = torch.outer(row, row) / row.sum() ** 2
        self.window: Tensor
        self.register_buffer("window", window.expand(channels, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        mean = F.conv2d(x.square(), self.window, stride=2, padding=1, groups=x.shape[1])
        return (mean + 1e-12).sqrt()


class LPIPS(nn.Module):
    """Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018, eq. 1).

    Args:
        folder: holds the weights of the network and lpips_heads.safetensors.
        network: "alexnet", with which the field reports it, "vgg16" or "squeezenet".
    """

    def __init__(self, folder: Path, network: str = "alexnet"):
        super().__init__()
        self.features = FEATURES[network](folder)
        heads = read_features(folder, "lpips_heads")
        for n in range(len(self.features.channels)):
            self.register_buffer(f"head{n}", heads[f"{self.features.lpips_name}.lin{n}.model.1.weight"].flatten())
        self.requires_grad_(False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the distance of two (B, 3, H, W) in [0, 1], sides of at least 32 -> (B,), 0 for equal pictures."""
        return self.compare(self.features(output), self.features(target))

    def compare(self, output: list[Tensor], target: list[Tensor]) -> Tensor:
        """Compute the distance from features of both -> (B,)."""
        distances = []
        for n, (x, y) in enumerate(zip(output, target, strict=True)):
            distances.append(Distance.apply(x, y, getattr(self, f"head{n}")))
        return torch.stack(distances).sum(dim=0)


class Distance(torch.autograd.Function):
    """Weighted squared distance of unit-length channels, averaged over pixels: x, y (B, C, H, W), weight (C,) -> (B,).

    With a gradient of its own, to x alone: autograd's takes three times as long on a CPU, because each intermediate
    result of a large feature map is a pass through memory.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        weight = weight.view(1, -1, 1, 1)
        distances, gradients = [], []
        batch = 1 if x.device.type == "cpu" else len(x)  # a CPU's cache holds one picture
        for a, b in zip(x.split(batch), y.split(batch), strict=True):
            a, b = a.float(), b.float()
            length = a.norm(dim=1, keepdim=True) + 1e-10
            a = a / length
            difference = a - b / (b.norm(dim=1, keepdim=True) + 1e-10)
            weighted = difference * weight
            distances.append((weighted * difference).sum(dim=1).mean(dim=(1, 2)))
            if ctx.needs_input_grad[0]:
                along = (a * weighted).sum(dim=1, keepdim=True)
                pixels = a.shape[-2] * a.shape[-1]
                gradients.append(((weighted - a * along) * (2 / pixels / length)).to(x.dtype))
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
        self.vgg = vgg16(folder, pool="l2")
        weights = read_features(folder, "dists_alpha_beta")
        total = weights["alpha"].sum() + weights["beta"].sum()
        self.texture, self.structure = (weights[name].flatten() / total for name in ("alpha", "beta"))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the distance of two (B, 3, H, W) in [0, 1] -> (B,), 0 for equal pictures."""
        texture, structure = [], []
        pairs = zip([output, *self.vgg(output)], [target, *self.vgg(target)], strict=True)
        for x, y in pairs:
            mx, my = x.mean(dim=(2, 3)), y.mean(dim=(2, 3))
            vx, vy = (x.square().mean(dim=(2, 3)) - mx**2), (y.square().mean(dim=(2, 3)) - my**2)
            covariance = (x * y).mean(dim=(2, 3)) - mx * my
            texture.append((2 * mx * my + 1e-6) / (mx**2 + my**2 + 1e-6))
            structure.append((2 * covariance + 1e-6) / (vx + vy + 1e-6))
        similarity = torch.cat(texture, dim=1) * self.texture.to(output)
        similarity = similarity + torch.cat(structure, dim=1) * self.structure.to(output)
        return 1 - similarity.sum(dim=1)


def load_convolution(weights: dict[str, Tensor], name: str, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    """Build a convolution from the tensors NAME.weight and NAME.bias."""
    weight = weights[f"{name}.weight"].float()
    out, into, side, _ = weight.shape
    layer = nn.Conv2d(into, out, side, stride, padding)
    layer.load_state_dict({"weight": weight, "bias": weights[f"{name}.bias"].float()})
    return layer


def read_features(folder: Path, name: str) -> dict[str, Tensor]:
    """Read the tensors of a file NAME.safetensors in $CAESR_DATA/features.

    Raises:
        FileNotFoundError: there is no such file.
    """
    file = folder / f"{name}.safetensors"
    if not file.is_file():
        raise FileNotFoundError(
            Message("{file} does not exist: LPIPS, DISTS and perceptual losses need it ($CAESR_DATA).", file=file)
        )
    return load_file(file)
