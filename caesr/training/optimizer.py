"""Optimizer: Muon on the hidden convolutions, Adam on the rest.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces the momentum of a weight
matrix by the nearest orthogonal matrix, so that every direction of the layer learns at the same rate. torch's own takes
matrices only; a convolution is one of out × (in·k·k).
"""

from collections import defaultdict

import torch
from torch import Tensor

from caesr.model.caeresnet import CAEResNet

MOMENTUM = 0.95  # of Muon
BIAS_SHARE = 0.1  # of Adam's rate: at the full rate a bias walks faster than what it is added to varies
BETAS, EPSILON = (0.9, 0.99), 1e-8  # of Adam


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Iterate by Newton and Schulz towards U Vᵀ of each matrix's singular value decomposition.

    Args:
        matrices: (N, rows, columns), any floating-point type.
    Returns:
        The same shape; singular values end between about 0.7 and 1.2, which is near enough.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic of Jordan et al., steepest at zero
    is_tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if is_tall else matrices
    x = wide / (wide.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):  # x <- a x + (b s + c s s) x with s = x xᵀ, in three kernels
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


class MuonAdam:
    """Two rules in one optimizer: groups with `muon=True` hold 4-D weights, the others follow Adam.

    There is no weight decay: networks this small never overfit. It works as torch's do, but is none of them: to make
    one of those imports torch's compiler, for which every training would wait.
    """

    def __init__(self, groups: list[dict]):
        self.param_groups = [{"lr": 1e-3, "muon": False} | group for group in groups]
        self.state: dict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter by its gradient."""
        for group in self.param_groups:
            pairs = [(p, p.grad) for p in group["params"] if p.grad is not None]
            if group["muon"]:
                self._muon(pairs, group["lr"])
            else:
                self._adam(pairs, group["lr"])

    # Operators on lists of tensors: on a GPU a kernel for each parameter would take longer than the network.
    def _muon(self, pairs: list[tuple[Tensor, Tensor]], rate: float) -> None:
        for p, _ in pairs:
            if not self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)
        momenta = [self.state[p]["momentum"] for p, _ in pairs]
        gradients = [gradient for _, gradient in pairs]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        updates = torch._foreach_lerp(gradients, momenta, MOMENTUM)  # Nesterov
        by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for (p, _), update in zip(pairs, updates, strict=True):
            by_shape[p.shape[0], p[0].numel()].append((p, update.reshape(p.shape[0], -1)))
        for (rows, columns), same in by_shape.items():  # one batched product for all layers of a shape
            orthogonal = orthogonalise(torch.stack([update for _, update in same]))
            shape_factor = max(1.0, rows / columns) ** 0.5
            weights = [p for p, _ in same]
            steps = [step.view(p.shape) for p, step in zip(weights, orthogonal, strict=True)]
            torch._foreach_add_(weights, steps, alpha=-rate * shape_factor)

    def _adam(self, pairs: list[tuple[Tensor, Tensor]], rate: float) -> None:
        beta1, beta2 = BETAS
        for p, _ in pairs:
            if not self.state[p]:
                self.state[p].update(step=torch.zeros(()), mean=torch.zeros_like(p), square=torch.zeros_like(p))
        parameters, gradients = [p for p, _ in pairs], [gradient for _, gradient in pairs]
        states = [self.state[p] for p in parameters]
        means, squares = [state["mean"] for state in states], [state["square"] for state in states]
        torch._foreach_add_([state["step"] for state in states], 1)
        steps = [state["step"].item() for state in states]
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
        scales = torch._foreach_div(squares, [1 - beta2**step for step in steps])
        torch._foreach_sqrt_(scales)
        torch._foreach_add_(scales, EPSILON)
        torch._foreach_addcdiv_(parameters, means, scales, [-rate / (1 - beta1**step) for step in steps])


def make_optimizer(model: CAEResNet, muon_rate: float, adam_rate: float) -> MuonAdam:
    """Assign the convolutions between the first and the last to Muon if `muon_rate` > 0, and the rest to Adam."""
    ends = {model.encoder[0].weight, model.decoder[-1].weight}
    hidden = [p for p in model.parameters() if muon_rate > 0 and p.ndim == 4 and p not in ends]
    biases = [p for p in model.parameters() if p.ndim == 1]
    rest = [p for p in model.parameters() if p.ndim > 1 and not any(p is h for h in hidden)]
    groups: list[dict] = [
        {"params": rest, "peak": adam_rate},
        {"params": biases, "peak": adam_rate * BIAS_SHARE},
    ]
    if hidden:
        groups.append({"params": hidden, "peak": muon_rate, "muon": True})
    return MuonAdam(groups)
