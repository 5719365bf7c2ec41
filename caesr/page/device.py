"""The device that all visitors share: one enlargement at a time; on ZeroGPU in a process that has the GPU for a while.

It has a thread of its own, which makes tile after tile. Whoever runs an enlargement only looks, several times a second,
whether the next one is there: so a visitor who cancels or leaves is done with it at once, and the device is free as
soon as the network at work has ended.

On ZeroGPU `spaces` forks a process for a call and gives it the GPU; this one never has any. Arguments, yields and
errors cross pickled, and what the process changes in memory is lost. So the lock, the Hub and the files stay here
(libvips does not survive a fork, either), and only the network's work is done there.
"""

import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import numpy as np

try:
    import spaces  # only on ZeroGPU; nothing may touch CUDA before
except ImportError:
    spaces = None

from caesr import CAEResNet, Upscaler
from caesr.engine.progress import Progress
from caesr.files.lazy import LazyPixels
from caesr.jobs.runner import Wish, enlarge_file
from caesr.model.family import blend
from caesr.page.errors import PROBLEMS
from caesr.page.memory import give_back

Step = TypeVar("Step")
FREE = threading.Lock()  # one enlargement at a time
QUEUE: list[object] = []  # who waits for it, in the order in which they came
MOST = 32  # so many may wait; who comes then is told so at once
TURNS: dict[str, Any] = {"concurrency_limit": None}  # none waits in Gradio's own queue, where nobody is told anything
BEGUN = Progress(0, 1, 0.0, 0)  # nothing is there yet
THREAD = ThreadPoolExecutor(1, "device")  # what is submitted runs after the tile at hand
LOOK = 0.2  # seconds after which a visitor who has left is noticed
# Seconds asked of ZeroGPU: to begin with, for a tile, and for each of its pixels. Not measured there, and generous:
# what takes longer is aborted, what takes less only waits longer for its turn.
START, TILE, PIXEL = 10.0, 0.02, 1e-6
TRIAL = 64  # side of the picture that shows a network's pace before it has enlarged any


@dataclass(frozen=True)
class How:
    """How pictures are enlarged: what an `Upscaler` is made of, in a form that travels to another process.

    Args:
        folders: of the checkpoints that it may choose from.
        blended: with a texture, one more for each of them; `texture` of it is blended in.
    """

    folders: tuple[Path, ...]
    blended: tuple[Path, ...] = ()
    texture: float = 0.0
    tile: int | str = "auto"
    ensemble: bool = False
    true_to_input: bool = False

    def upscaler(self) -> Upscaler:
        """Made where the device is: on ZeroGPU, in the process that has it."""
        return Upscaler(self.networks(), "auto", self.tile, self.ensemble, self.true_to_input)

    def planner(self) -> Upscaler:
        """For questions only, asked where there may be no device."""
        return Upscaler(self.networks(), "cpu" if spaces else "auto", self.tile, self.ensemble, self.true_to_input)

    def networks(self) -> list[CAEResNet]:
        """Read once."""
        return networks(self.folders, self.blended, self.texture)

    def strips(self, image: np.ndarray | LazyPixels, scale: float) -> Iterator[Progress]:
        """`Upscaler.strips`, wherever the device is; while a tile is made, the progress so far again and again.

        Raises:
            RuntimeError: whatever goes wrong there.
        """
        if not spaces:
            self.networks()  # so that reading them does not count as pace
        elif isinstance(image, LazyPixels):
            image = image[:, :]  # a decoder does not go into another process
        began = time.monotonic()
        try:
            yield from watched(on_device(self, image, scale))
        except gr.Error as error:
            raise RuntimeError(error.message) from error
        pixels = image.shape[0] * image.shape[1] * layers(image.shape[2])
        if pixels >= TRIAL**2:
            PACES[self._work(scale)] = (time.monotonic() - began) / pixels

    def pace(self, scale: float) -> float | None:
        """Seconds for a pixel of the picture on this machine, as last measured; None if that cannot be known now."""
        key = self._work(scale)
        if key not in PACES and not spaces and FREE.acquire(blocking=False):
            try:
                for side in (TRIAL // 2, TRIAL):  # the first one warms up
                    for _ in self.strips(np.zeros((side, side, 3), np.uint8), scale):
                        pass
            finally:
                release()
        return PACES.get(key)

    def _work(self, scale: float) -> tuple["How", tuple[int, ...]]:
        """What makes the pace: not the tile, nor how much is blended."""
        route = tuple(model.config.scale for model in self.planner().route(scale))
        return replace(self, tile="auto", texture=0.0, blended=()), route


PACES: dict[tuple[How, tuple[int, ...]], float] = {}


@lru_cache(maxsize=8)
def networks(folders: tuple[Path, ...], blended: tuple[Path, ...], texture: float) -> list[CAEResNet]:
    """The networks of these folders, with as much of the others in them."""
    found = [CAEResNet.from_pretrained(folder) for folder in folders]
    if not blended:
        return found
    return [blend(one, CAEResNet.from_pretrained(other), texture) for one, other in zip(found, blended, strict=True)]


class Busy(RuntimeError):
    """Too many wait already."""


@dataclass(frozen=True)
class Waiting:
    """It is not one's turn yet."""

    before: int  # how many come first, with the one whom the device works for


def in_turn(steps: Generator[Step], most: float = MOST) -> Generator[Step | Waiting]:
    """Go through the steps of an enlargement once it is its turn.

    Args:
        most: how many may wait already.
    Raises:
        Busy: more do.
    """
    if len(QUEUE) >= most:
        raise Busy(f"{len(QUEUE)} pictures are waiting here already. Please come again in a minute.")
    yield from turn()
    try:
        yield from steps
    finally:
        release()  # also when the visitor cancels or leaves: gradio closes the generator


def enlarge(how: How, source: Path, target: Path, wish: Wish) -> Generator[Progress | Waiting]:
    """Enlarge a file in its turn."""
    return in_turn(enlarge_file(how, source, target, wish))


@dataclass(frozen=True)
class Enlarged:
    """A picture in memory, and how long it took once the device was free."""

    picture: np.ndarray
    seconds: float


def whole(how: How, image: np.ndarray, scale: float) -> Generator[Progress | Enlarged | Waiting]:
    """Enlarge a picture in memory in its turn; at last the result."""

    def steps() -> Generator[Progress | Enlarged]:
        if not spaces:
            how.networks()  # read now, they do not count as seconds
        began, strips = time.monotonic(), []
        for progress in how.strips(image, scale):
            if progress.strip is not None:
                strips.append(progress.strip)
            yield replace(progress, strip=None)
        yield Enlarged(np.concatenate(strips), time.monotonic() - began)

    return in_turn(steps())


def turn() -> Generator[Waiting]:
    """Wait for the device, first come, first served, and take it."""
    mine = object()
    QUEUE.append(mine)
    try:
        while QUEUE[0] is not mine or not FREE.acquire(timeout=LOOK):
            if place := QUEUE.index(mine):
                time.sleep(LOOK)
            yield Waiting(place + 1)
    finally:
        QUEUE.remove(mine)


def release() -> None:
    """Give the device back, once what it is at has ended, and then the memory that it took."""
    THREAD.submit(FREE.release)
    THREAD.submit(give_back)


def watched(steps: Generator[Progress]) -> Iterator[Progress]:
    """The steps, made in the device's thread; while the next one is not there, the last again, without its strip."""

    def more() -> Progress | None:
        return next(steps, None)

    last = BEGUN
    try:
        while True:
            coming = THREAD.submit(copy_context().run, more)  # ZeroGPU wants to know whose request it is
            while not wait([coming], LOOK).done:
                yield last
            step = coming.result()
            if step is None:
                return
            last = replace(step, strip=None)
            yield step
    finally:
        THREAD.submit(steps.close)  # after the tile at hand; nobody waits for that


def work(how: How, image: np.ndarray | LazyPixels, scale: float) -> Generator[Progress]:
    """What runs where the device is."""
    try:
        yield from how.upscaler().strips(image, scale)
    except PROBLEMS as error:
        raise gr.Error(str(error)) from error  # of any other error ZeroGPU passes on the name only


def seconds(how: How, image: np.ndarray | LazyPixels, scale: float) -> float:
    """How long `work` may take on ZeroGPU, which wants to know before it lends the GPU: so much a tile."""
    side = 1024 if how.tile == "auto" else int(how.tile)
    height, width = image.shape[:2]
    tiles = Upscaler(how.networks(), "cpu", side).count_tiles(height, width, scale)
    runs = layers(image.shape[2]) * (8 if how.ensemble else 1)
    return START + tiles * runs * (TILE + PIXEL * side**2)


def layers(channels: int) -> int:
    """How many pictures a network enlarges for one: alpha is a second."""
    return 2 if channels in (2, 4) else 1


on_device = spaces.GPU(duration=seconds)(work) if spaces else work


@dataclass(frozen=True)
class Plan:
    """What an enlargement will take."""

    tiles: int
    memory: float  # bytes, about
    seconds: float | None  # about; None: not known


def plan(how: How, height: int, width: int, channels: int, depth: int, scale: float) -> Plan:
    """What the enlargement of a picture will take, from its size, its channels and their depth in bits.

    Raises:
        ValueError: the scale cannot be had.
    """
    upscaler, pixel = how.planner(), channels * depth // 8
    tiles, pace = upscaler.count_tiles(height, width, scale), how.pace(scale)
    seconds = None if pace is None else pace * height * width * layers(channels)
    return Plan(tiles, upscaler.memory(height, width, scale, pixel), seconds)
