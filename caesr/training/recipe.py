"""A recipe: a TOML file that says what is trained, on what, how and for how long."""

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caesr.model import Config
from caesr.training.losses import LOSSES


@dataclass(frozen=True)
class Recipe:
    """One training run. Unknown fields and unknown losses are refused.

    Raises:
        ValueError: a field is missing, unknown or out of bounds.
    """

    name: str  # of the checkpoint
    model: Config
    data: tuple[str, ...]  # folders of $CAESR_DATA
    start: str = ""  # a checkpoint whose fitting tensors are the first weights; its name is the base_model
    minutes: float = 0  # length of the schedule: wall-clock training time …
    steps: int = 0  # … or a number of steps; one of the two
    batch: int = 16
    patch: int = 32  # side of a crop, in low-res pixels
    muon_rate: float = 0.01  # peak rate of Muon; 0 leaves everything to AdamW
    adam_rate: float = 2e-3  # peak rate of AdamW
    warmup: int = 100  # steps over which the rates rise
    ema: float = 0.999  # decay of the running mean of the weights, which is what is saved
    clip: float = 1.0  # largest norm of the gradient
    loss: dict[str, float] = field(default_factory=lambda: {"charbonnier": 1.0})
    balance: bool = False  # whether a loss's weight is its share of the gradient at the output
    degrade: str = "bicubic"  # how low_res comes from high_res: "bicubic", or "photo" (training/degrade.py)
    adversary_rate: float = 2e-4  # Adam's rate for the discriminator
    adversary_width: int = 32  # channels of its first level
    pixel_first: float = 0.0  # the first part of the schedule, which minimises the first loss alone
    finish: float = 0.0  # the last part of the schedule, which minimises psnr
    seed: int = 0

    def __post_init__(self) -> None:
        if bool(self.minutes) == bool(self.steps):
            raise ValueError(f"Recipe {self.name}: give either minutes or steps.")
        if self.degrade not in ("bicubic", "photo"):
            raise ValueError(f"Recipe {self.name}: degrade={self.degrade!r} is neither bicubic nor photo.")
        unknown = self.loss.keys() - LOSSES.keys() - {"perceptual", "adversarial", "ldl"}
        if unknown:
            raise ValueError(f"Recipe {self.name}: unknown loss {', '.join(unknown)}.")
        if self.pixel_first and next(iter(self.loss)) not in LOSSES:
            raise ValueError(f"Recipe {self.name}: pixel_first wants a loss on pixels as the first one.")


def read_recipe(file: Path, minutes: float | None = None, device: str = "cpu", again: bool = False) -> Recipe:
    """Read and check a recipe.

    Args:
        minutes: replaces the recipe's length.
        again: the recipe's table [again], if it has one, replaces other fields: a finished network wants lower rates.
        device: on "cuda" the fields of the recipe's table [on_cuda] replace the others: a GPU wants larger batches.
    Raises:
        ValueError: the file is not TOML or not a recipe; the message says why.
    """
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text())
        on_cuda, once_more = values.pop("on_cuda", {}), values.pop("again", {})
        values |= on_cuda if device == "cuda" else {}
        values |= once_more if again else {}
        if minutes is not None:
            values |= {"minutes": minutes, "steps": 0}
        values["model"] = Config(**values.get("model", {}))
        values["data"] = tuple(values["data"])
        return Recipe(name=file.stem, **values)
    except (OSError, KeyError, TypeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).removesuffix(".")
        raise ValueError(f"{file} is not a recipe: {why}.") from error


def data_folder() -> Path:
    """Where training and test pictures lie: $CAESR_DATA, by default ../shared/data.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    folder = Path(os.environ.get("CAESR_DATA", "../shared/data"))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} does not exist. Set CAESR_DATA to the folder with the train/ and test/ pictures."
        )
    return folder
