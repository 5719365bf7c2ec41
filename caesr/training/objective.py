"""What a recipe asks for, term by term, and how the terms share in the gradient."""

import random

import torch
from torch import Tensor

from caesr.files.data import data_folder
from caesr.imaging.perceptual import LPIPS
from caesr.training.adversary import ProjectedAdversary
from caesr.training.losses import LOSSES
from caesr.training.recipe import Recipe

MEASURE_EVERY = 16  # steps between two measurements of the gradients' norms
ON_FEATURES = ("perceptual", "adversarial")


class Objective:
    """The losses of a recipe, with the frozen network and the adversary that some of them need.

    With `balance` a weight is a share of the gradient at the output, whatever the scale of its term (EnCodec, Défossez
    et al. 2022, section 3.4): each term's gradient is brought to the norm of the first one's. The norms are measured
    every 16 steps, so that the other steps go back through the frozen network once and not once a term.

    Raises:
        FileNotFoundError: a perceptual or adversarial loss without its features in $CAESR_DATA/features.
    """

    def __init__(self, recipe: Recipe, device: torch.device):
        self.weights, self.balance, self.window = recipe.loss, recipe.balance, recipe.window
        self.shares = torch.tensor(list(self.weights.values()), device=device)
        self.scales = torch.ones(len(self.weights), device=device)  # what brings each gradient to the first one's norm
        self.perceptual: LPIPS | None = None
        self.adversary: ProjectedAdversary | None = None
        if not self.weights.keys().isdisjoint(ON_FEATURES):
            lpips = LPIPS(data_folder() / "features", recipe.features).to(device)
            self.perceptual = lpips.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.judged = self.perceptual.features.judged
        if "adversarial" in self.weights and self.perceptual:
            channels = [self.perceptual.features.channels[n] for n in self.judged]
            self.adversary = ProjectedAdversary(channels, device, recipe.adversary_rate)

    def backward(self, output: Tensor, target: Tensor, step: int) -> Tensor:
        """Send the gradient of all terms into the graph of `output`, teach the adversary, return the weighted sum.

        Args:
            output: (B, 3, H, W), with a graph; target: the same shape, in [0, 1].
            step: decides when norms are measured, and where the window lies that perceptual and adversarial terms look
                at. It begins at any pixel, so that no stride of the frozen network meets one phase of the output alone.
        """
        leaf = output.detach().requires_grad_()  # the student's graph is gone through once, at the end
        terms, features = self._terms(leaf, target, step)
        if self.balance and step % MEASURE_EVERY == 0:
            norms = [torch.autograd.grad(term, leaf, retain_graph=True)[0].norm() for term in terms]
            self.scales = norms[0] / torch.stack(norms).clamp(min=1e-12)
        loss = (torch.stack(terms) * self.shares * self.scales).sum()
        loss.backward()
        output.backward(leaf.grad)
        if self.adversary:
            self.adversary.learn(*features)
        return loss.detach()

    def _terms(self, output: Tensor, target: Tensor, step: int) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Return every term before its weight, and the features that the adversary judges, of output and target."""
        found: list[list[Tensor]] = []
        judged: list[list[Tensor]] = []
        if self.perceptual:
            window = cut(output.shape[-1], self.window, step)
            with torch.autocast(output.device.type, dtype=torch.bfloat16):
                found.append(self.perceptual.features(output[window]))
                with torch.no_grad():
                    found.append(self.perceptual.features(target[window]))
            judged = [
                [x[window], *(features[n] for n in self.judged)]
                for x, features in zip((output, target), found, strict=True)
            ]
        terms = []
        for name in self.weights:
            if name == "perceptual" and self.perceptual:
                terms.append(self.perceptual.compare(*found).mean())
            elif name == "adversarial" and self.adversary:
                terms.append(self.adversary.judge(judged[0]))
            else:
                terms.append(LOSSES[name](output, target))
        return terms, judged

    def state(self) -> dict[str, Tensor]:
        """Return what a run needs to go on exactly, as flat named tensors."""
        adversary = self.adversary.state() if self.adversary else {}
        return {"scales": self.scales} | {f"adversary.{name}": t for name, t in adversary.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        self.scales = tensors["scales"]
        if self.adversary:
            prefix = "adversary."
            self.adversary.load({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})


def cut(side: int, window: int, step: int) -> tuple:
    """Return the index of a square window of a picture's last two axes; with the step it wanders everywhere."""
    room = max(0, side - window)
    places = random.Random(step)  # noqa: S311 # not for secrets
    top, left = places.randint(0, room), places.randint(0, room)
    return ..., slice(top, top + window), slice(left, left + window)
