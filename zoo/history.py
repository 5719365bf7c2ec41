"""What a checkpoint remembers of its training: the stages it went through, one run after the other."""

from dataclasses import asdict, dataclass, field, replace


@dataclass(frozen=True)
class Stage:
    """A stretch of training of one kind, on one kind of machine; a run that goes on makes it longer."""

    batch: int
    patch: int  # side of a crop, in low-res pixels
    device: str
    steps: int
    seconds: int
    degrade: str = "bicubic"
    loss: dict[str, float] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Low-res pixels seen."""
        return self.steps * self.batch * self.patch**2

    def extends(self, other: "Stage") -> bool:
        """Return whether both are of one kind, so that they add up."""
        return replace(self, steps=0, seconds=0) == replace(other, steps=0, seconds=0)


def stages(facts: dict) -> list[Stage]:
    """Return the stages that a checkpoint's header tells of, the first one first.

    Headers of before December 2026 hold the figures of one run and, as "before", the header of the run before it.
    """
    if "stages" in facts:
        return [Stage(**stage) for stage in facts["stages"]]
    if "steps" not in facts:
        return []
    known = {name: facts[name] for name in ("batch", "patch", "device", "steps", "seconds")}
    return [*stages(facts.get("before", {})), Stage(**known)]


def steps(facts: dict) -> int:
    """Return the number of steps of all stages."""
    return sum(stage.steps for stage in stages(facts))


def add(facts: dict, new: Stage) -> list[dict]:
    """Return all stages with a new one at the end, merged with the last where it extends it, as a header holds them."""
    earlier = stages(facts)
    if earlier and new.extends(earlier[-1]):
        last = earlier.pop()
        new = replace(new, steps=last.steps + new.steps, seconds=last.seconds + new.seconds)
    return [asdict(stage) for stage in [*earlier, new]]
