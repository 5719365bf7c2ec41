"""TimeEstimate: how long upscaling will take, from the seconds per pixel last measured for the same kind of work."""

from collections.abc import Hashable

import numpy as np

from caesr.page.planner import count_planes

PROBE_SIDE = 64  # pixels; of the picture that is upscaled to measure a network that has upscaled none yet


class TimeEstimate:
    """The seconds per pixel of each kind of work on this machine, as last measured."""

    def __init__(self) -> None:
        self._seconds_per_pixel: dict[Hashable, float] = {}

    def record(self, work: Hashable, shape: tuple[int, ...], seconds: float) -> None:
        """Remember how long a picture of shape (H, W, C) took; one smaller than the probe says too little."""
        if count_pixels(shape) >= PROBE_SIDE**2:
            self._seconds_per_pixel[work] = seconds / count_pixels(shape)

    def seconds(self, work: Hashable, shape: tuple[int, ...]) -> float | None:
        """Return about how long a picture of shape (H, W, C) takes; None if its kind of work was not measured."""
        seconds_per_pixel = self._seconds_per_pixel.get(work)
        return None if seconds_per_pixel is None else seconds_per_pixel * count_pixels(shape)


def count_pixels(shape: tuple[int, ...]) -> int:
    """Return how many pixels of a picture of shape (H, W, C) pass through a network."""
    height, width, channels = shape
    return height * width * count_planes(channels)


def probe_pictures() -> list[np.ndarray]:
    """Return the pictures (H, W, 3) that measure a network: the first warms it up, the second is recorded."""
    return [np.zeros((side, side, 3), np.uint8) for side in (PROBE_SIDE // 2, PROBE_SIDE)]
