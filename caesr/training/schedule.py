"""Learning-rate schedule: a warm-up, constant rates for as long as wanted, then a cool-down to zero (a trapezoid).

The cool-down branches off and the weights at constant rates are kept, so that a run can always go on (Hägele et al.,
"Scaling laws and compute-optimal training beyond fixed training durations", 2024).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A length of training, in steps or in minutes; endless with neither."""

    minutes: float | None = None
    steps: int | None = None

    def fraction_done(self, steps: int, seconds: float) -> float:
        """Return how much is over after so many steps and seconds, from 0 to 1."""
        if self.steps is not None:
            return min(1.0, steps / self.steps) if self.steps else 1.0
        if self.minutes is not None:
            return min(1.0, seconds / (60 * self.minutes)) if self.minutes else 1.0
        return 0.0


@dataclass(frozen=True)
class Phase:
    """A part of a run: the step and the second at which it began, and how long it lasts."""

    step: int
    seconds: float
    span: Span

    def fraction_done(self, step: int, seconds: float) -> float:
        """Return how much is over at a step and a second of the run, from 0 to 1."""
        return self.span.fraction_done(step - self.step, seconds - self.seconds)
