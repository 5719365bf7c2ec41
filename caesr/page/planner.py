"""Plan: the tiles, memory and time that upscaling a picture will take."""

from dataclasses import dataclass

from caesr.engine.plan import Planner
from caesr.files.picture import MODES, ImageInfo


@dataclass(frozen=True)
class Plan:
    """What upscaling a picture will take."""

    tiles: int
    memory: float  # bytes, about
    seconds: float | None  # about; None: not known


def plan_upscaling(planner: Planner, info: ImageInfo, scale: float, seconds: float | None) -> Plan:
    """Return the plan of upscaling a picture.

    Args:
        seconds: as estimated elsewhere.
    Raises:
        ValueError: the scale cannot be had.
    """
    tiles = planner.count_tiles(info.height, info.width, scale)
    pixel_bytes = count_channels(info) * info.depth // 8
    return Plan(tiles, planner.estimate_memory(info.height, info.width, scale, pixel_bytes), seconds)


def count_channels(info: ImageInfo) -> int:
    """Return how many channels a picture has."""
    return next(channels for channels, mode in MODES.items() if mode == info.mode)


def count_planes(channels: int) -> int:
    """Return how many planes a network upscales: alpha is a second one."""
    return 2 if channels in (2, 4) else 1
