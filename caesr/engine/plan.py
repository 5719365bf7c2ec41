"""What is decided before an enlargement begins: which networks, how large its tiles, whether memory will do."""

import itertools
import math
from collections.abc import Iterable

import torch

from caesr.engine.device import free_memory
from caesr.engine.pipeline import bytes_of_features
from caesr.engine.tiles import Range
from caesr.model.caeresnet import CAEResNet

SMALLEST_TILE = 32
WIDEST = 8192  # pixels that go through a network side by side, where the tile is chosen by itself
CACHE = 5e6  # bytes of a strip's features, which shall stay in a CPU's cache
LARGEST_SCALE = 8.0
MOMENT = 1e7  # bytes of a layer's features, of a tile on a CPU


def passes(natives: Iterable[int], scale: float) -> tuple[int, ...]:
    """The native scale of each pass: the next one that reaches `scale`, else the two that do with the least excess.

    Raises:
        ValueError: as `Upscaler.route`.
    """
    check_scale(scale)
    natives = sorted(natives)
    ways: list[tuple[int, ...]] = [(native,) for native in natives]
    ways += list(itertools.combinations_with_replacement(natives, 2))
    ways = [way for way in ways if math.prod(way) >= scale]
    if not ways:
        raise ValueError(f"scale={scale}: two passes of this model reach {natives[-1] ** 2} at most.")
    return min(ways, key=lambda way: (len(way), math.prod(way)))


def check_scale(scale: float) -> None:
    """Whether there can be such a scale.

    Raises:
        ValueError: it is out of bounds.
    """
    if not 1 <= scale <= LARGEST_SCALE:  # NaN fails too
        raise ValueError(f"scale={scale}: choose from 1 to {LARGEST_SCALE:g}.")


def check_memory(size: Range, pixel: int) -> None:
    """Refuse a result that this machine cannot hold, before it is begun.

    Args:
        size: its height and width.
        pixel: bytes of one of its pixels.
    Raises:
        ValueError: it takes more than the free memory.
    """
    need, free = math.prod(size) * pixel, free_memory()
    if need > free:
        raise ValueError(
            f"The result of {size[1]} x {size[0]} pixels takes {need / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB "
            "are free. Choose a smaller scale or a smaller picture."
        )


def cache(device: torch.device) -> float:
    """Bytes that a strip's features may take: on a GPU a tile goes through the network at once."""
    return CACHE if device.type == "cpu" else math.inf


def choose_tile(model: CAEResNet, device: torch.device) -> int:
    """A side in low-res pixels, 128 to 1024.

    On a GPU as large as half of the free memory allows, on a CPU a quarter, and there it shall take a moment only:
    progress shows, and a run stops when told.
    """
    pixel = 6 * bytes_of_features(model) + 4 * 4 * 3 * model.config.scale**2  # and the result in floats, some times
    if device.type == "cuda":
        area = torch.cuda.mem_get_info(device)[0] / 2 / pixel
    else:
        area = min(free_memory() / 4 / pixel, MOMENT / bytes_of_features(model))  # which grow with the work
    return int(min(1024, max(128, math.sqrt(area) // 64 * 64)))
