"""TimeEstimate: how long upscaling will take, from what the same kind of work took on pictures of two sizes."""

import time
from collections.abc import Callable, Hashable

import numpy as np

from caesr.page.planner import count_planes

PROBE_SIDES = (64, 128, 256, 512, 1024)  # pixels; of the pictures that measure a network that has upscaled none yet
ENOUGH_SECONDS = 0.2  # a probe that takes so long is the last one
DISTINCT = 2.0  # times the pixels: such pictures tell what a start costs from what a pixel costs


class TimeEstimate:
    """What each kind of work took on this machine, as last measured: a line through two sizes of pictures."""

    def __init__(self) -> None:
        self._measured: dict[Hashable, list[tuple[int, float]]] = {}  # pixels and seconds, the newest last

    def record(self, work: Hashable, shape: tuple[int, ...], seconds: float) -> None:
        """Remember how long a picture of shape (H, W, C) took; one smaller than the least probe says too little."""
        pixels = count_pixels(shape)
        if pixels >= PROBE_SIDES[0] ** 2:
            others = [
                (other, spent)
                for other, spent in self._measured.get(work, [])
                if max(other, pixels) >= DISTINCT * min(other, pixels)
            ]
            self._measured[work] = [*others, (pixels, seconds)][-2:]

    def seconds(self, work: Hashable, shape: tuple[int, ...]) -> float | None:
        """Return about how long a picture of shape (H, W, C) takes; None if its kind of work was not measured."""
        if work not in self._measured:
            return None
        *others, (pixels, seconds) = self._measured[work]
        per_pixel = seconds / pixels  # at most: then a start costs nothing
        for other, spent in others:
            per_pixel = min(per_pixel, max(0.0, (seconds - spent) / (pixels - other)))
        return max(0.0, seconds + per_pixel * (count_pixels(shape) - pixels))


def count_pixels(shape: tuple[int, ...]) -> int:
    """Return how many pixels of a picture of shape (H, W, C) pass through a network."""
    height, width, channels = shape
    return height * width * count_planes(channels)


def probe(upscale: Callable[[np.ndarray], object], record: Callable[[tuple[int, ...], float], None]) -> None:
    """Upscale larger and larger pictures until one takes a moment; the first only warms the network up."""
    upscale(np.zeros((PROBE_SIDES[0] // 2, PROBE_SIDES[0] // 2, 3), np.uint8))
    for side in PROBE_SIDES:
        image, started = np.zeros((side, side, 3), np.uint8), time.monotonic()
        upscale(image)
        seconds = time.monotonic() - started
        record(image.shape, seconds)
        if seconds >= ENOUGH_SECONDS:
            return
