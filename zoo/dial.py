"""The texture dial over the zoo: base at one end, texture at the other."""

from pathlib import Path

from caesr import CAEResNet, checkpoint
from caesr.blend import blend
from zoo import catalogue, hub
from zoo.catalogue import ZooError


def fetch_dial() -> list[tuple[Path, Path]]:
    """The folders of base and of texture, for every scale that both families have.

    Raises:
        ZooError, CheckpointError: as `zoo.fetch`; or there is no such scale.
    """
    entries = catalogue.read().values()
    base, texture = ({e.scale: e.name for e in entries if e.family == family} for family in ("base", "texture"))
    if not base.keys() & texture.keys():
        raise ZooError("The zoo has no scale in which there is a base and a texture network to blend.")
    return [(hub.fetch(base[scale]), hub.fetch(texture[scale])) for scale in sorted(base.keys() & texture.keys())]


def load_dial(amount: float) -> list[CAEResNet]:
    """For an `Upscaler`: every scale that both families have, their weights blended.

    Args:
        amount: 0 is base, 1 is texture.
    Raises:
        ZooError, CheckpointError: as `fetch_dial`.
        ValueError: the amount is out of bounds.
    """
    return [blend(checkpoint.load(base), checkpoint.load(texture), amount) for base, texture in fetch_dial()]
