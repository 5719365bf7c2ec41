"""How large a picture shall become: a scale, or a size that it works out for every picture."""

import math
from dataclasses import dataclass

KINDS = {"scale": "x", "width": "w", "height": "h", "long side": "px", "megapixels": "mp"}


@dataclass(frozen=True)
class Target:
    """What is asked for: a scale, or a width, height or long side in pixels, or a number of megapixels.

    Raises:
        ValueError: the kind is none of these, or the value is not a number above 0.
    """

    kind: str
    value: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"A target of {self.kind!r}: choose from {', '.join(KINDS)}.")
        if not 0 < self.value < math.inf:  # NaN fails too
            raise ValueError(f"A {self.kind} of {self.value}: give a number above 0.")

    def scale(self, height: int, width: int) -> float:
        """The scale that takes a picture of this size there."""
        match self.kind:
            case "width":
                return self.value / width
            case "height":
                return self.value / height
            case "long side":
                return self.value / max(height, width)
            case "megapixels":
                return math.sqrt(self.value * 1e6 / (height * width))
        return self.value

    def __str__(self) -> str:
        """For the name of a file: 4x, 1920w, 1080h, 3000px, 12mp."""
        return f"{self.value:.12g}{KINDS[self.kind]}"
