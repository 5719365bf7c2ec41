"""The adversary of texture training: a U-Net that says of every pixel whether it looks photographed."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class UNetDiscriminator(nn.Module):
    """The discriminator of Real-ESRGAN (Wang et al., ICCV-W 2021, section 3.3): three levels, spectral norm.

    Every convolution but the first and the last is kept at a spectral norm of 1 (Miyato et al., ICLR 2018), which
    bounds how fast its verdict can change. Works on any H and W that are multiples of 8.
    """

    def __init__(self, width: int = 32):
        super().__init__()

        def conv(into: int, out: int, side: int = 3, stride: int = 1) -> nn.Module:
            return spectral_norm(nn.Conv2d(into, out, side, stride, padding=1, bias=False))

        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList(conv(width << n, width << (n + 1), side=4, stride=2) for n in range(3))
        self.up = nn.ModuleList(conv(width << (n + 1), width << n) for n in reversed(range(3)))
        self.last = nn.Sequential(
            conv(width, width),
            nn.LeakyReLU(0.2),
            conv(width, width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) in [0, 1] -> (B, 1, H, W) logits, above 0 for what looks real."""
        x = F.leaky_relu(self.first(x), 0.2)
        skips = []
        for layer in self.down:
            skips.append(x)
            x = F.leaky_relu(layer(x), 0.2)
        for layer in self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(layer(x), 0.2) + skips.pop()
        return self.last(x)


class Adversary:
    """A discriminator with its optimizer: it judges what the generator makes, and learns from it."""

    def __init__(self, device: torch.device, rate: float, width: int = 32):
        net: UNetDiscriminator = UNetDiscriminator(width).to(device)
        self.net = net
        self.optimiser = torch.optim.Adam(net.parameters(), lr=rate, betas=(0.9, 0.99))

    def judge(self, output: Tensor, target: Tensor) -> Tensor:
        """The generator's loss: how little its output looks real beside the target.

        Relativistic, on averages (Jolicoeur-Martineau, ICLR 2019, eq. 8, RaGAN), a scalar.
        """
        self.net.requires_grad_(False)
        with torch.autocast(output.device.type, dtype=torch.bfloat16):
            fake = self.net(output).float()
            with torch.no_grad():
                real = self.net(target).float()
        self.net.requires_grad_(True)
        return 0.5 * (F.softplus(-(fake - real.mean())).mean() + F.softplus(real - fake.mean()).mean())

    def learn(self, output: Tensor, target: Tensor) -> Tensor:
        """One step of the discriminator on detached output; returns its loss, 0.69 when it cannot tell."""
        with torch.autocast(output.device.type, dtype=torch.bfloat16):
            fake, real = self.net(torch.cat((output.detach(), target))).float().chunk(2)
        loss = 0.5 * (F.softplus(-(real - fake.mean())).mean() + F.softplus(fake - real.mean()).mean())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return loss.detach()

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, as flat named tensors."""
        tensors = {f"net.{name}": t for name, t in self.net.state_dict().items()}
        for n, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{n}.{key}": t for key, t in moments.items()}
        return tensors

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `state` gave."""
        prefix = "net."
        self.net.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("adam."):
                _, n, key = name.split(".")
                moments.setdefault(int(n), {})[key] = tensor
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
