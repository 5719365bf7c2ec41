"""ZeroGPU: run a generator in a process that has the GPU, and estimate for how many seconds.

On ZeroGPU `spaces` forks a process for a call and gives it the GPU; this process never has any. Arguments, yields and
errors cross pickled, and what the forked process changes in memory is lost. So the queue, the Hub and the files stay
in this process (libvips does not survive a fork either), and only the networks compute there.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any

import gradio as gr

try:
    import spaces  # only on ZeroGPU; nothing may touch CUDA before
except ImportError:
    spaces = None

from caesr.engine.upscaler import Upscaler
from caesr.model.caeresnet import CAEResNet
from caesr.options import AUTO, UpscaleOptions
from caesr.page.errors import EXPECTED_ERRORS
from caesr.page.planner import count_planes
from zoo.messages import message_of

HAS_ZERO_GPU = spaces is not None
# Seconds to ask for: to begin with, for a tile, and for each of its pixels. Not measured there, and generous: what
# takes longer is aborted, what takes less only waits longer for its turn.
START_SECONDS, TILE_SECONDS, PIXEL_SECONDS = 10.0, 0.02, 1e-6
AUTO_TILE = 1024  # low-res pixels: the side of an automatic tile at most


def with_gpu(task: Callable[..., Generator], seconds: Callable[..., float]) -> Callable[..., Generator]:
    """Return a generator function as it is; on ZeroGPU one that runs it in a forked process with the GPU.

    Args:
        task: the process inherits the memory that it refers to, so what was loaded before is not loaded again there.
        seconds: how long it may take, of the same arguments.
    Raises:
        RuntimeError: from the generator: whatever goes wrong in the forked process, in the same words.
    """
    if spaces is None:
        return task

    def forked(*arguments: Any) -> Generator:
        try:
            yield from task(*arguments)
        except EXPECTED_ERRORS as error:
            raise gr.Error(message_of(error)) from error  # of any other error ZeroGPU passes on the name only

    decorated = spaces.GPU(duration=seconds)(forked)

    def call(*arguments: Any) -> Generator:
        try:
            yield from decorated(*arguments)
        except gr.Error as error:
            raise RuntimeError(error.message) from error

    return call


def estimate_gpu_seconds(
    networks: Sequence[CAEResNet], options: UpscaleOptions, shape: tuple[int, ...], scale: float
) -> float:
    """Return how long a picture of shape (H, W, C) may take: ZeroGPU wants to know before it lends the GPU."""
    side = AUTO_TILE if options.tile == AUTO else int(options.tile)
    height, width, channels = shape
    tiles = Upscaler(networks, "cpu", side).count_tiles(height, width, scale)
    runs = count_planes(channels) * (8 if options.ensemble else 1)
    return START_SECONDS + tiles * runs * (TILE_SECONDS + PIXEL_SECONDS * side**2)
