"""Recipe: a TOML file that says what is trained, on what and how; the command line says how long."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caesr.model.caeresnet import Config
from caesr.training.losses import COLOURS, LOSSES
from zoo.messages import Message

FEATURE_LOSSES = {"perceptual", "adversarial"}  # on features of a frozen network


@dataclass(frozen=True)
class Recipe:
    """One training run; unknown fields and unknown losses are refused.

    Resume files hold its fields as JSON: a run can only be resumed while these stay the same, `drawings` excepted.

    Raises:
        ValueError: a field is missing, unknown or out of bounds.
    """

    name: str  # of the checkpoint; by default the file's
    model: Config
    data: tuple[str, ...]  # folders of $CAESR_DATA
    start: str = ""  # a checkpoint whose fitting tensors are the first weights: a name, or a path from the recipe
    batch: int = 16
    patch: int = 32  # side of a crop, in low-res pixels
    muon_rate: float = 0.01  # constant rate of Muon; 0 leaves everything to Adam
    adam_rate: float = 2e-3  # constant rate of Adam
    warmup: int = 100  # steps over which the rates rise
    ema: float = 0.999  # decay of the running mean of the weights, which is what is saved
    clip: float = 1.0  # largest norm of the gradient
    loss: dict[str, float] = field(default_factory=lambda: {"charbonnier": 1.0})
    cool_down_loss: str = ""  # the only loss during the cool-down; by default `loss`
    colours: str = "rgb"  # what losses on pixels compare: "rgb", or "ycbcr", where chroma counts less
    balance: bool = False  # whether a loss's weight is its share of the gradient at the output
    degrade: str = "bicubic"  # how low_res is made from high_res: "bicubic", or "photo" (training/degrade.py)
    drawings: float = 0.0  # share of the crops that are drawn (training/drawings.py) and not photographs
    features: str = "squeezenet"  # the frozen network of "perceptual" and "adversarial", or "vgg16"
    window: int = 96  # side of what both look at in each crop, in high-res pixels
    adversary_rate: float = 1e-3  # Adam's rate for the adversary's heads
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = {*self.loss} - LOSSES.keys() - FEATURE_LOSSES
        if self.degrade not in ("bicubic", "photo"):
            why = Message("degrade={value!r} is neither bicubic nor photo", value=self.degrade)
        elif not 0 <= self.drawings <= 1:
            why = Message("drawings={value!r} is not a share from 0 to 1", value=self.drawings)
        elif self.features not in ("squeezenet", "vgg16"):
            why = Message("features={value!r} is neither squeezenet nor vgg16", value=self.features)
        elif self.colours not in COLOURS:
            why = Message("colours={value!r} is neither rgb nor ycbcr", value=self.colours)
        elif self.colours != "rgb" and "even" in (*self.loss, self.cool_down_loss):
            why = Message("the loss even needs rgb")
        elif unknown:
            why = Message("unknown loss {names}", names=", ".join(sorted(unknown)))
        elif self.cool_down_loss and self.cool_down_loss not in LOSSES:
            why = Message("cool_down_loss must be a loss on pixels: {names}", names=", ".join(LOSSES))
        else:
            return
        raise ValueError(Message("Recipe {name}: {why}.", name=self.name, why=why))


def read_recipe(file: Path, device: str = "cpu") -> Recipe:
    """Read and check a recipe.

    Args:
        device: on "cuda" the fields of the recipe's table [on_cuda] replace the others: a GPU wants larger batches.
    Raises:
        ValueError: the file is not TOML or not a recipe; the message says why.
    """
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text())
        on_cuda = values.pop("on_cuda", {})
        values |= on_cuda if device == "cuda" else {}
        values["model"] = Config(**values.get("model", {}))
        values["data"] = tuple(values["data"])
        start = values.get("start", "")
        if start and (file.parent / start).is_dir():
            values["start"] = str(file.parent / start)
        return Recipe(**{"name": file.stem} | values)
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).removesuffix(".")
        raise ValueError(Message("{file} is not a recipe: {why}.", file=file, why=why)) from error
