"""What a recipe asks for, term by term, and how the terms share in the gradient."""

from collections.abc import Callable

import torch
from torch import Tensor

from caesr.training.discriminator import Adversary
from caesr.training.losses import LOSSES, Perceptual, ldl
from caesr.training.recipe import Recipe, data_folder


class Objective:
    """The losses of a recipe, with the networks that some of them need.

    Raises:
        FileNotFoundError: a perceptual loss without its features in $CAESR_DATA/features.
    """

    def __init__(self, recipe: Recipe, device: torch.device):
        self.weights, self.balance = recipe.loss, recipe.balance
        self.perceptual = self.adversary = None
        if "perceptual" in recipe.loss:
            self.perceptual = Perceptual(data_folder() / "features").to(device)
        if "adversarial" in recipe.loss:
            self.adversary = Adversary(device, recipe.adversary_rate, recipe.adversary_width)

    def terms(self, output: Tensor, target: Tensor, mean: Callable[[], Tensor]) -> dict[str, Tensor]:
        """Every term before its weight; `mean` gives what the running mean of the weights makes of the input."""
        terms = {}
        for name in self.weights:
            if name == "perceptual" and self.perceptual:
                terms[name] = self.perceptual(output, target)
            elif name == "adversarial" and self.adversary:
                terms[name] = self.adversary.judge(output, target)
            elif name == "ldl":
                terms[name] = ldl(output, target, mean())
            else:
                terms[name] = LOSSES[name](output, target)
        return terms

    def backward(self, output: Tensor, target: Tensor, mean: Callable[[], Tensor]) -> Tensor:
        """Send the gradient of all terms into `output`'s graph; returns their weighted sum.

        With `balance` a weight is a share of the gradient at the output, whatever the scale of its term (EnCodec,
        Défossez et al. 2022, section 3.4): each term's gradient is brought to the norm of the first one's.
        """
        terms = self.terms(output, target, mean)
        loss = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        if not self.balance:
            loss.backward()
            return loss.detach()
        gradients = {name: torch.autograd.grad(term, output, retain_graph=True)[0] for name, term in terms.items()}
        norms = {name: gradient.norm().clamp(min=1e-12) for name, gradient in gradients.items()}
        first = norms[next(iter(norms))]
        shares = [self.weights[name] * first / norms[name] * gradient for name, gradient in gradients.items()]
        output.backward(torch.stack(shares).sum(dim=0))
        return loss.detach()
