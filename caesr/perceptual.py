"""How alike two pictures look to a network that knows photographs: LPIPS and DISTS, and the features for training.

The networks are AlexNet's and VGG16's convolutions, trained on ImageNet. Their weights are not the project's: they
lie in $CAESR_DATA/features, and only training and evaluation need them.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
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
    """The end of each of VGG16's five stages, before or after its ReLU.

    Args:
        folder: holds vgg16_features.safetensors.
        pool: "max" as VGG was trained, or "l2" as DISTS has it.
        relu: whether features are taken after the stage's last ReLU.
    """

    def __init__(self, folder: Path, pool: str = "max", relu: bool = True):
        super().__init__()
        self.relu = relu
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
        x = normalise(x, IMAGENET_MEAN, IMAGENET_STD)
        features = []
        for n, stage in enumerate(self.stages):
            if n:
                x = self.pools[n - 1](x)
            for layer in stage:  # type: ignore[attr-defined]
                before = layer(x)
                x = before.relu()
            features.append(x if self.relu else before)
        return features


class LPIPS(nn.Module):
    """Learned perceptual image patch similarity, version 0.1 with AlexNet (Zhang et al., CVPR 2018, eq. 1)."""

    def __init__(self, folder: Path):
        super().__init__()
        weights = read_features(folder, "alexnet_features")
        layers = zip((0, 3, 6, 8, 10), ALEXNET, strict=True)
        self.layers = nn.ModuleList(
            convolution(weights, f"features.{n}", stride=stride, padding=padding) for n, (stride, padding) in layers
        )
        heads = read_features(folder, "lpips_heads")
        self.heads = [heads[f"alex.lin{n}.model.1.weight"] for n in range(5)]
        self.requires_grad_(False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Both (B, 3, H, W) in [0, 1], sides of at least 32 -> (B,), 0 for equal pictures."""
        pairs = zip(self.heads, self.features(output), self.features(target), strict=True)
        return torch.stack([((x - y).square() * w.to(x)).sum(dim=1).mean(dim=(1, 2)) for w, x, y in pairs]).sum(dim=0)

    def features(self, x: Tensor) -> list[Tensor]:
        """Unit-length features of five layers; LPIPS scales its input in its own way."""
        x = normalise(2 * x - 1, (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450))
        features = []
        for n, layer in enumerate(self.layers):
            x = F.relu(layer(F.max_pool2d(x, 3, 2) if n in (1, 2) else x))
            features.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10))
        return features


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


def normalise(x: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Per channel: less the mean, over the deviation; x: (B, 3, H, W)."""
    return (x - x.new_tensor(mean).view(1, 3, 1, 1)) / x.new_tensor(std).view(1, 3, 1, 1)


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
