"""The projected adversary: small heads that tell results from photographs by the features of a frozen network."""

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


class ProjectedAdversary:
    """A discriminator on frozen features with its optimizer (Sauer et al., Projected GANs, NeurIPS 2021, section 3).

    Args:
        channels: of each feature that a head looks at.
        rate: Adam's.
    """

    def __init__(self, channels: Sequence[int], device: torch.device, rate: float):
        self.heads = nn.ModuleList(head(c) for c in channels).to(device)
        self.optimiser = torch.optim.Adam(self.heads.parameters(), lr=rate, betas=(0.0, 0.99))

    def judge(self, output: Sequence[Tensor]) -> Tensor:
        """Return the generator's hinge loss, a scalar: how little the features of its output look real."""
        self.heads.requires_grad_(False)
        loss = -torch.stack([verdict.mean() for verdict in self._verdicts(output)]).sum()
        self.heads.requires_grad_(True)
        return loss

    def learn(self, output: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """Take one step on the hinge loss of detached features; returns it, two a head when it cannot tell."""
        real, fake = (self._verdicts([x.detach() for x in features]) for features in (target, output))
        loss = torch.stack([F.relu(1 - x).mean() + F.relu(1 + y).mean() for x, y in zip(real, fake, strict=True)]).sum()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def _verdicts(self, features: Sequence[Tensor]) -> list[Tensor]:
        with torch.autocast(features[0].device.type, dtype=torch.bfloat16):
            return [judge(x).float() for judge, x in zip(self.heads, features, strict=True)]

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
