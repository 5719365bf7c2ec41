"""Training history of a checkpoint: the stages that the header of its weights records, oldest first."""

from dataclasses import asdict, dataclass, field, replace


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one set of settings, on one kind of machine."""

    batch: int
    patch: int  # side of a crop, in low-res pixels
    device: str
    steps: int
    seconds: int
    degrade: str = "bicubic"
    loss: dict[str, float] = field(default_factory=dict)  # weight of each term
    drawings: float = 0.0  # share of the crops that were drawn
    features: str = ""  # the frozen network that perceptual and adversarial losses looked at
    colours: str = "rgb"  # what losses on pixels compared: rgb, or ycbcr

    @property
    def pixels(self) -> int:
        """Low-res pixels seen."""
        return self.steps * self.batch * self.patch**2


def read_stages(facts: dict) -> list[Stage]:
    """Return the stages that a header records.

    Headers written before December 2026 hold the figures of one run and, as "before", the header of the run before it.
    """
    if "stages" in facts:
        return [Stage(**stage) for stage in facts["stages"]]
    if "steps" not in facts:
        return []
    known = {name: facts[name] for name in ("batch", "patch", "device", "steps", "seconds")}
    return [*read_stages(facts.get("before", {})), Stage(**known)]


def count_steps(facts: dict) -> int:
    """Return the number of steps of all stages."""
    return sum(stage.steps for stage in read_stages(facts))


def append_stage(facts: dict, new: Stage) -> list[dict]:
    """Return all stages as a header holds them, `new` last; a resumed run makes its last stage longer."""
    stages = read_stages(facts)
    if stages and replace(new, steps=0, seconds=0) == replace(stages[-1], steps=0, seconds=0):
        last = stages.pop()
        new = replace(new, steps=last.steps + new.steps, seconds=last.seconds + new.seconds)
    return [asdict(stage) for stage in [*stages, new]]
