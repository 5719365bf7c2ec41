"""Decisions before an upscaling starts: the networks of its passes, the size of its tiles, whether memory suffices."""

import itertools
import math
from collections.abc import Iterable, Sequence

import torch

from caesr.engine.device import free_memory
from caesr.engine.pipeline import feature_bytes
from caesr.engine.tiles import Size
from caesr.model.caeresnet import CAEResNet
from caesr.options import MAX_SCALE, MIN_SCALE, MIN_TILE
from zoo.messages import Message

MAX_ROW_PIXELS = 8192  # of an automatic tile; a pass computes so many side by side
BAND_CACHE_BYTES = 5e6  # features of a band of rows, which are to stay in a CPU's cache
CPU_TILE_BYTES = 1e7  # a layer's features of a tile on a CPU, made in a moment: progress shows, and cancelling works


def choose_passes(native_scales: Iterable[int], scale: float) -> tuple[int, ...]:
    """Return the native scale of each pass: the lowest that reaches `scale`, else the two with the least excess.

    Raises:
        ValueError: the scale is out of bounds, or beyond what two passes reach.
    """
    check_scale(scale)
    natives = sorted(native_scales)
    pairs = itertools.combinations_with_replacement(natives, 2)
    routes = [route for route in [*zip(natives), *pairs] if math.prod(route) >= scale]
    if not routes:
        raise ValueError(
            Message("scale={scale}: two passes of this model reach {most} at most.", scale=scale, most=natives[-1] ** 2)
        )
    return min(routes, key=lambda route: (len(route), math.prod(route)))


def check_scale(scale: float) -> None:
    """Raise ValueError if a scale is out of bounds."""
    if not MIN_SCALE <= scale <= MAX_SCALE:  # NaN fails too
        raise ValueError(Message("scale={scale}: choose from 1 to {most}.", scale=scale, most=f"{MAX_SCALE:g}"))


def check_memory(size: Size, pixel_bytes: int) -> None:
    """Raise ValueError if a result of this size takes more than the free memory."""
    need, free = math.prod(size) * pixel_bytes, free_memory()
    if need > free:
        raise ValueError(
            Message(
                "The result of {width} x {height} pixels takes {need} GB of memory and {free} GB are free. "
                "Choose a smaller scale or a smaller picture.",
                width=size[1], height=size[0], need=f"{need / 1e9:.1f}", free=f"{free / 1e9:.1f}",
            )
        )  # fmt: skip


def band_cache_bytes(device: torch.device) -> float:
    """Return the bytes that the features of a band may take; on a GPU a tile passes through the network at once."""
    return BAND_CACHE_BYTES if device.type == "cpu" else math.inf


def choose_tile(model: CAEResNet, device: torch.device) -> int:
    """Return a tile's side in low-res pixels, 128 to 1024.

    On a GPU it is as large as half of the free memory allows. On a CPU a quarter counts, and the tile takes a moment
    only, so that progress shows and a run can be cancelled.
    """
    pixel = 6 * feature_bytes(model) + 4 * 4 * 3 * model.config.scale**2  # and a few copies of the result in floats
    if device.type == "cuda":
        area = torch.cuda.mem_get_info(device)[0] / 2 / pixel
    else:
        area = min(free_memory() / 4 / pixel, CPU_TILE_BYTES / feature_bytes(model))  # which grow with the work
    return int(min(1024, max(128, math.sqrt(area) // 64 * 64)))


def plan_tile_size(route: Sequence[CAEResNet], width: int, tile: int | str, device: torch.device, square: bool) -> Size:
    """Return a tile's height and width in pixels of the picture, such that no pass sees more than a tile.

    Args:
        route: the network of each pass.
        width: of the picture.
        tile: the side in low-res pixels, or "auto": then tiles are wide and low, which computes nothing twice between
            rows of tiles, unless they have to be square.
    """
    sides, factor = [], 1
    for model in route:
        side = choose_tile(model, device) if tile == "auto" else int(tile)
        sides.append(max(MIN_TILE, side // factor))
        factor *= model.config.scale
    side = min(sides)
    if tile != "auto" or square:
        return side, side
    columns = min(width, max(side, MAX_ROW_PIXELS // (factor // route[-1].config.scale)))
    return max(route[0].stride, side**2 // columns), columns
