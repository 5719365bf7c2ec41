"""Muon on the hidden convolutions, AdamW on the rest.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces the
momentum of a weight matrix by the nearest orthogonal matrix, so that every direction of the layer
learns at the same rate. torch's own takes matrices only; a convolution is one of out × (in·k·k).
"""

from collections import defaultdict

import torch
from torch import Tensor

from caesr.model.caeresnet import CAEResNet


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Newton-Schulz iteration towards U Vᵀ of each matrix's singular value decomposition.

    Args:
        matrices: (N, rows, columns), any floating-point type.
    Returns:
        The same shape; singular values end between about 0.7 and 1.2, which is near enough.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic of Jordan et al., steepest at zero
    wide = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if matrices.shape[1] > matrices.shape[2] else x


class MuonAdamW(torch.optim.Optimizer):
    """Two rules in one optimizer: groups with `muon=True` hold 4-D weights, the others take AdamW."""

    def __init__(self, groups: list[dict]):
        defaults = {
            "lr": 1e-3,
            "betas": (0.9, 0.99),
            "momentum": 0.95,
            "eps": 1e-8,
            "decay": 0.0,
            "muon": False,
        }
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every parameter by its gradient."""
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            (self._muon if group["muon"] else self._adam)(pairs, group)

    def _muon(self, pairs: list[tuple[Tensor, Tensor]], group: dict) -> None:
        alike: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for p, gradient in pairs:
            state = self.state[p]
            if not state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(gradient, 1 - group["momentum"])
            update = gradient.lerp(state["momentum"], group["momentum"])  # Nesterov
            alike[p.shape[0], p[0].numel()].append((p, update.reshape(p.shape[0], -1)))
        for (rows, columns), same in alike.items():  # one batched product for all layers of a shape
            updates = orthogonalise(torch.stack([update for _, update in same]))
            rate = group["lr"] * max(1.0, rows / columns) ** 0.5
            for (p, _), update in zip(same, updates, strict=True):
                p.add_(update.view(p.shape), alpha=-rate)

    def _adam(self, pairs: list[tuple[Tensor, Tensor]], group: dict) -> None:
        beta1, beta2 = group["betas"]
        for p, gradient in pairs:
            state = self.state[p]
            if not state:
                state.update(step=torch.zeros(()), mean=torch.zeros_like(p), square=torch.zeros_like(p))
            state["step"] += 1
            state["mean"].lerp_(gradient, 1 - beta1)
            state["square"].lerp_(gradient.square(), 1 - beta2)
            step = state["step"].item()
            p.mul_(1 - group["lr"] * group["decay"])  # 0 here: a network this small never overfits
            scale = (state["square"] / (1 - beta2**step)).sqrt_().add_(group["eps"])
            p.addcdiv_(state["mean"], scale, value=-group["lr"] / (1 - beta1**step))


def make_optimiser(model: CAEResNet, muon_rate: float, adam_rate: float) -> MuonAdamW:
    """Muon for the convolutions between the first and the last, if `muon_rate` > 0; AdamW for the rest."""
    ends = {model.encoder[0].weight, model.decoder[-1].weight}
    hidden = [p for p in model.parameters() if muon_rate > 0 and p.ndim == 4 and p not in ends]
    rest = [p for p in model.parameters() if not any(p is h for h in hidden)]
    groups: list[dict] = [{"params": rest, "peak": adam_rate}]
    if hidden:
        groups.append({"params": hidden, "peak": muon_rate, "muon": True})
    return MuonAdamW(groups)
