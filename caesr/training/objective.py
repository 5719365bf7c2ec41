"""The weighted losses of a recipe: pixels, perceptual distance and adversary, balanced by their gradients."""

import random

import torch
from torch import Tensor

from caesr.files.data import data_folder
from caesr.imaging.perceptual import LPIPS
from caesr.training.adversary import ProjectedAdversary
from caesr.training.losses import COLOURS, LOSSES
from caesr.training.precision import mixed_precision
from caesr.training.recipe import FEATURE_LOSSES, Recipe
from caesr.training.resume_file import add_prefix, strip_prefix

BALANCE_STEPS = 16  # between two measurements of the gradients' norms


class Objective:
    """The losses of a recipe, with the frozen network and the adversary that some of them need.

    With `balance` a weight is a share of the gradient at the output, whatever the scale of its loss (EnCodec, Défossez
    et al. 2022, section 3.4): each loss's gradient is brought to the norm of the first one's. The norms are measured
    every 16 steps, so that the other steps go back through the frozen network once and not once per loss.

    Raises:
        FileNotFoundError: a perceptual or adversarial loss has no features in $CAESR_DATA/features.
    """

    def __init__(self, recipe: Recipe, device: torch.device):
        self.recipe = recipe
        self.weights = torch.tensor(list(recipe.loss.values()), device=device)
        self.scales = torch.ones(len(recipe.loss), device=device)  # bring each gradient to the norm of the first
        self.perceptual: LPIPS | None = None
        self.adversary: ProjectedAdversary | None = None
        if not FEATURE_LOSSES.isdisjoint(recipe.loss):
            lpips = LPIPS(data_folder() / "features", recipe.features).to(device)
            self.perceptual = lpips.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.judged = self.perceptual.features.judged
        if "adversarial" in recipe.loss and self.perceptual:
            channels = [self.perceptual.features.channels[n] for n in self.judged]
            self.adversary = ProjectedAdversary(channels, device, recipe.adversary_rate)

    def backward(self, output: Tensor, target: Tensor, step: int) -> Tensor:
        """Send the gradient of all losses into the graph of `output` and train the adversary.

        Args:
            output: (B, 3, H, W), with a graph.
            target: the same shape, in [0, 1].
            step: decides when norms are measured, and where the window lies that perceptual and adversarial losses look
                at. It begins at any pixel, so that no stride of the frozen network meets one phase of the output alone.
        Returns:
            The weighted sum, a scalar.
        """
        leaf = output.detach().requires_grad_()  # the student's graph is gone through once, at the end
        losses, judged = self._losses(leaf, target, step)
        if self.recipe.balance and step % BALANCE_STEPS == 0:
            norms = [torch.autograd.grad(loss, leaf, retain_graph=True)[0].norm() for loss in losses]
            self.scales = norms[0] / torch.stack(norms).clamp(min=1e-12)
        total = (torch.stack(losses) * self.weights * self.scales).sum()
        total.backward()
        output.backward(leaf.grad)
        if self.adversary:
            self.adversary.train_step(*judged)
        return total.detach()

    def pixel_loss(self, name: str, output: Tensor, target: Tensor) -> Tensor:
        """Return one of `LOSSES`, a scalar, of two (B, 3, H, W) in [0, 1], in the recipe's colours."""
        colours = COLOURS[self.recipe.colours]
        return LOSSES[name](colours(output), colours(target))

    def _losses(self, output: Tensor, target: Tensor, step: int) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Return every unweighted loss, and what the adversary judges of output and target."""
        features: list[list[Tensor]] = []  # of output and target
        judged: list[list[Tensor]] = []
        if self.perceptual:
            window = random_window(output.shape[-1], self.recipe.window, step)
            with mixed_precision(output.device):
                features.append(self.perceptual.features(output[window]))
                with torch.no_grad():
                    features.append(self.perceptual.features(target[window]))
            for picture, found in zip((output, target), features, strict=True):
                judged.append([picture[window], *(found[n] for n in self.judged)])
        losses = []
        for name in self.recipe.loss:
            if name == "perceptual" and self.perceptual:
                losses.append(self.perceptual.compare(*features).mean())
            elif name == "adversarial" and self.adversary:
                losses.append(self.adversary.generator_loss(judged[0]))
            else:
                losses.append(self.pixel_loss(name, output, target))
        return losses, judged

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a run needs to resume exactly, as flat named tensors."""
        adversary = self.adversary.state_dict() if self.adversary else {}
        return {"scales": self.scales} | add_prefix("adversary.", adversary)

    def load_state_dict(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        self.scales = tensors["scales"]
        if self.adversary:
            self.adversary.load_state_dict(strip_prefix("adversary.", tensors))


def random_window(side: int, window: int, step: int) -> tuple:
    """Return the index of a square window of a picture's last two axes; its position depends on the step alone."""
    room = max(0, side - window)
    positions = random.Random(step)  # noqa: S311 # not for secrets
    top, left = positions.randint(0, room), positions.randint(0, room)
    return ..., slice(top, top + window), slice(left, left + window)
