"""The texture dial over the zoo: base at one end, texture at the other."""

from caesr import CAEResNet
from caesr.blend import blend
from zoo import catalogue, hub
from zoo.catalogue import ZooError


def load_dial(amount: float) -> list[CAEResNet]:
    """For an `Upscaler`: every scale that both families have, their weights blended.

    Args:
        amount: 0 is base, 1 is texture.
    Raises:
        ZooError, CheckpointError: as `zoo.load`; or there is no scale that both families have.
        ValueError: the amount is out of bounds.
    """
    entries = catalogue.read().values()
    base, texture = ({e.scale: e.name for e in entries if e.family == family} for family in ("base", "texture"))
    if not base.keys() & texture.keys():
        raise ZooError("The zoo has no scale in which there is a base and a texture network to blend.")
    both = sorted(base.keys() & texture.keys())
    return [blend(hub.load(base[scale]), hub.load(texture[scale]), amount) for scale in both]
