"""The device that all visitors share: one enlargement at a time; on ZeroGPU in a process that has the GPU for a while.

There, `spaces` forks a process for a call and gives it the GPU; this one never has any. Arguments, yields and errors
cross pickled, and what the process changes in memory is lost. So the lock, the Hub and the files stay here (libvips
does not survive a fork, either), and only the network's work is done there.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

try:
    import spaces  # only on ZeroGPU; nothing may touch CUDA before
except ImportError:
    spaces = None

from caesr import CAEResNet, Upscaler, checkpoint
from caesr.batch import enlarge_file
from caesr.page.words import PROBLEMS, sorry
from caesr.upscale import Progress

Folders = tuple[Path, ...]  # of the checkpoints that an Upscaler may choose from

FREE = threading.Lock()  # one enlargement at a time, whatever becomes of the queue
# Seconds asked of ZeroGPU: to begin with, for a tile, and for each of its pixels. Not measured there, and generous:
# what takes longer is aborted, what takes less only waits longer for its turn.
START, TILE, PIXEL = 10.0, 0.02, 1e-6


def enlarge(folders: Folders, source: Path, target: Path, scale: float, tile: int | str) -> Iterator[Progress | None]:
    """Enlarge a file once the device is free; None while another one is being enlarged."""
    while not FREE.acquire(timeout=0.5):
        yield None
    try:
        yield from enlarge_file(Shared(folders, tile), source, target, scale)
    finally:
        FREE.release()  # also when the visitor cancels or leaves: gradio closes the generator


@dataclass(frozen=True)
class Shared:
    """An Upscaler that is made where the device is."""

    folders: Folders
    tile: int | str

    def strips(self, image: np.ndarray, scale: float) -> Iterator[Progress]:
        """`Upscaler.strips`."""
        return on_device(self.folders, self.tile, image, scale)


def work(folders: Folders, tile: int | str, image: np.ndarray, scale: float) -> Iterator[Progress]:
    """What runs where the device is."""
    try:
        yield from Upscaler(networks(folders), tile=tile).strips(image, scale)
    except PROBLEMS as error:
        raise sorry(error) from error  # of any other error ZeroGPU passes on the name only


def seconds(folders: Folders, tile: int | str, image: np.ndarray, scale: float) -> float:
    """How long `work` may take on ZeroGPU, which wants to know before it lends the GPU: so much a tile."""
    side = 1024 if tile == "auto" else int(tile)
    height, width = image.shape[:2]
    tiles = Upscaler(networks(folders), "cpu", side).count_tiles(height, width, scale)
    layers = 2 if image.shape[2:] in ((2,), (4,)) else 1  # alpha is enlarged as well
    return START + tiles * layers * (TILE + PIXEL * side**2)


@lru_cache(maxsize=8)
def networks(folders: Folders) -> list[CAEResNet]:
    """The networks of these folders, read once."""
    return [checkpoint.load(folder) for folder in folders]


on_device = spaces.GPU(duration=seconds)(work) if spaces else work
