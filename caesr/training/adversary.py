"""Projected adversary: small heads that tell results from photographs by frozen features and by pixels.

The features begin at a quarter of the resolution, where a grid or a stray pixel cannot be seen; so one head looks at
the pixels themselves.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from caesr.training.precision import mixed_precision
from caesr.training.resume_file import add_prefix, strip_prefix


def build_head(channels: int, width: int, kernels: tuple[int, int, int], stride: int = 1) -> nn.Sequential:
    """Build three convolutions: (B, channels, H, W) -> (B, 1, H / stride, W / stride) verdicts.

    Each has a spectral norm of 1 (Miyato et al., ICLR 2018), which bounds how fast a verdict can change.
    """
    first, second, last = kernels
    return nn.Sequential(
        spectral_norm(nn.Conv2d(channels, width, first, stride, padding=(first - 1) // 2)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(width, width, second, padding=(second - 1) // 2)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(width, 1, last, padding=(last - 1) // 2)),
    )


class ProjectedAdversary:
    """A discriminator with its optimizer (Sauer et al., Projected GANs, NeurIPS 2021, section 3).

    It judges lists of tensors: a picture (B, 3, H, W) in [0, 1], then frozen features of it.

    Args:
        channels: of each feature.
        rate: learning rate of Adam.
    """

    def __init__(self, channels: Sequence[int], device: torch.device, rate: float):
        on_pixels = build_head(3, 32, kernels=(4, 3, 3), stride=2)  # each verdict on 12×12 pixels
        on_features = [build_head(c, 64, kernels=(1, 3, 1)) for c in channels]
        self.heads = nn.ModuleList([on_pixels, *on_features]).to(device)
        self.optimizer = torch.optim.Adam(self.heads.parameters(), lr=rate, betas=(0.0, 0.99))

    def generator_loss(self, output: Sequence[Tensor]) -> Tensor:
        """Return the generator's hinge loss, a scalar: the lower, the more real the output looks."""
        self.heads.requires_grad_(False)
        loss = -torch.stack([verdict.mean() for verdict in self._verdicts(output)]).sum()
        self.heads.requires_grad_(True)
        return loss

    def train_step(self, output: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """Take a step on the discriminator's hinge loss, without a gradient to the generator.

        Returns:
            The loss, a scalar; 2 per head if nothing can be told apart.
        """
        real, fake = (self._verdicts([x.detach() for x in tensors]) for tensors in (target, output))
        loss = torch.stack([F.relu(1 - x).mean() + F.relu(1 + y).mean() for x, y in zip(real, fake, strict=True)]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def _verdicts(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        picture, *features = tensors
        with mixed_precision(picture.device):
            return [head(x).float() for head, x in zip(self.heads, [2 * picture - 1, *features], strict=True)]

    def state_dict(self) -> dict[str, Tensor]:
        """Return weights and Adam's moments as flat named tensors."""
        tensors = add_prefix("heads.", self.heads.state_dict())
        for number, moments in self.optimizer.state_dict()["state"].items():
            tensors |= add_prefix(f"adam.{number}.", moments)
        return tensors

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.heads.load_state_dict(strip_prefix("heads.", tensors))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in strip_prefix("adam.", tensors).items():
            number, key = name.split(".")
            # Adam counts on the CPU: to ask a GPU would wait for it at every step.
            moments.setdefault(int(number), {})[key] = tensor.cpu() if key == "step" else tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": moments})
