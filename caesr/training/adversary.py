"""The projected adversary: small heads that tell results from photographs, by frozen features and by pixels.

The features begin at a quarter of the resolution, where a grid or a stray pixel cannot be seen; one head looks at the
picture itself.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

WIDTH = 64  # channels of a head


def head(channels: int) -> nn.Sequential:
    """Build a head: (B, channels, H, W) -> (B, 1, H, W) verdicts; every convolution has a spectral norm of 1.

    The norm (Miyato et al., ICLR 2018) bounds how fast a verdict can change.
    """
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, WIDTH, 1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(WIDTH, WIDTH, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(WIDTH, 1, 1)),
    )


def pixel_head(width: int = 32) -> nn.Sequential:
    """Build a head on pixels: (B, 3, H, W) -> (B, 1, H/2, W/2) verdicts, each on 12×12 pixels."""
    return nn.Sequential(
        spectral_norm(nn.Conv2d(3, width, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(width, width, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(width, 1, 3, padding=1)),
    )


class ProjectedAdversary:
    """A discriminator with its optimizer (Sauer et al., Projected GANs, NeurIPS 2021, section 3).

    It is asked about lists of tensors: a picture in [0, 1] and frozen features of it.

    Args:
        channels: of each feature.
        rate: Adam's.
    """

    def __init__(self, channels: Sequence[int], device: torch.device, rate: float):
        self.heads = nn.ModuleList([pixel_head(), *(head(c) for c in channels)]).to(device)
        self.optimiser = torch.optim.Adam(self.heads.parameters(), lr=rate, betas=(0.0, 0.99))

    def judge(self, output: Sequence[Tensor]) -> Tensor:
        """Return the generator's hinge loss, a scalar: how little its output looks real."""
        self.heads.requires_grad_(False)
        loss = -torch.stack([verdict.mean() for verdict in self._verdicts(output)]).sum()
        self.heads.requires_grad_(True)
        return loss

    def learn(self, output: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """Take one step on the hinge loss, without a gradient to the generator; returns it, 2 a head if blind."""
        real, fake = (self._verdicts([x.detach() for x in features]) for features in (target, output))
        loss = torch.stack([F.relu(1 - x).mean() + F.relu(1 + y).mean() for x, y in zip(real, fake, strict=True)]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _verdicts(self, features: Sequence[Tensor]) -> list[Tensor]:
        with torch.autocast(features[0].device.type, dtype=torch.bfloat16):
            picture, *rest = features
            return [judge(x).float() for judge, x in zip(self.heads, [2 * picture - 1, *rest], strict=True)]

    def state(self) -> dict[str, Tensor]:
        """Return weights and moments as flat named tensors."""
        tensors = {f"heads.{name}": t for name, t in self.heads.state_dict().items()}
        for n, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{n}.{key}": t for key, t in moments.items()}
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        prefix = "heads."
        self.heads.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("adam."):
                _, n, key = name.split(".")
                moments.setdefault(int(n), {})[key] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
