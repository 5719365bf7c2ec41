"""ZeroGPU: run a generator in a process that has the GPU, and estimate for how many seconds.

On ZeroGPU `spaces` forks a process for a call and gives it the GPU; this process never has any. Arguments, yields and
errors cross pickled, and what the forked process changes in memory is lost. So the queue, the Hub and the files stay
in this process (libvips does not survive a fork either), and only the networks compute there.
"""

import math
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import accumulate
from typing import Any

import gradio as gr
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from caesr.engine.tiles import Range, round_up
from caesr.model.caeresnet import CAEResNet, Config
from caesr.page.errors import EXPECTED_ERRORS
from zoo.messages import message_of

# The package is on every Space, whatever its hardware.
HAS_ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
if HAS_ZERO_GPU:
    import spaces  # nothing may touch CUDA before
else:
    spaces = None

MAX_CALLS = 8  # at the same time: each gets a GPU of its own
GPU_BYTES = 7e10  # of a GPU there
# Seconds to ask for: to begin with, and for each operation and each pixel of the result. Not measured there. What takes
# longer is aborted, and what is asked for, not what is used, has to be left of a visitor's quota.
START_SECONDS, MAX_SECONDS, FLOPS, PIXEL_SECONDS = 8.0, 60.0, 2e13, 1e-8
PART_ROWS = 32  # parts of a picture begin at multiples, which every network's stride divides
QUOTA_WORDS = (  # of ZeroGPU's refusals
    "quota",
    "credits",
    "GPU limit",
    "runs limit",
    "larger than the maximum",
    "No GPU was available",
)


class QuotaExceeded(RuntimeError):
    """A visitor, or the Space, has no time on a GPU left."""


def with_gpu(task: Callable[..., Generator], seconds: Callable[..., float]) -> Callable[..., Generator]:
    """Return a generator function as it is; on ZeroGPU one that runs it in a forked process with the GPU.

    Args:
        task: the process inherits the memory that it refers to, so what was loaded before is not loaded again there.
        seconds: how long it may take, of the same arguments.
    Raises:
        QuotaExceeded: from the generator: no GPU is to be had.
        RuntimeError: from the generator: whatever goes wrong in the forked process, in the same words.
    """
    if spaces is None:
        return task

    def forked(*arguments: Any) -> Generator:
        torch.set_num_threads(1)  # the threads of the process that was forked are not here
        try:
            yield from task(*arguments)
        except EXPECTED_ERRORS as error:
            raise gr.Error(message_of(error)) from error  # of any other error ZeroGPU passes on the name only

    decorated = spaces.GPU(duration=seconds)(forked)

    def call(*arguments: Any) -> Generator:
        try:
            yield from decorated(*arguments)
        except gr.Error as error:
            is_refused = any(words in f"{error.title} {error.message}" for words in QUOTA_WORDS)
            raise (QuotaExceeded if is_refused else RuntimeError)(error.message) from error

    return call


@lru_cache(maxsize=64)
def count_flops(config: Config) -> float:
    """Return the operations of a network for a pixel of its input: twice its multiplications with addition."""
    side = 64
    with FakeTensorMode(), FlopCounterMode(display=False) as counter, torch.no_grad():  # only shapes
        CAEResNet(**asdict(config))(torch.zeros(1, config.in_channels, side, side))
    return counter.get_total_flops() / side**2


def estimate_gpu_seconds(route: Sequence[CAEResNet], pixels: float, scale: float) -> float:
    """Return how long so many pixels may take on ZeroGPU's GPU, without the start.

    Args:
        route: the network of each pass.
        pixels: of the picture that go through it, those of planes and symmetries added up.
    """
    flops, factor = 0.0, 1
    for network in route:
        flops += count_flops(network.config) * pixels * factor**2
        factor *= network.config.scale
    return flops / FLOPS + PIXEL_SECONDS * pixels * scale**2


def cut_parts(height: int, seconds: float) -> list[Range]:
    """Cut the rows of a picture into parts, each of which takes a call of at most `MAX_SECONDS`.

    Args:
        seconds: that all rows take, without the start.
    """
    count = math.ceil(seconds / (MAX_SECONDS - START_SECONDS)) or 1
    rows = round_up(-(-height // count), PART_ROWS)
    return [(start, min(height, start + rows)) for start in range(0, height, rows)]


def fit_in_call(seconds: Sequence[float]) -> int:
    """Return how many of several pictures, the first ones, a call has time for: one at least.

    Args:
        seconds: that each takes, without the start.
    """
    return max(1, sum(total <= MAX_SECONDS - START_SECONDS for total in accumulate(seconds)))
