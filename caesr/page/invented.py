"""The map that is laid over a result: where it says more than the picture does."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np

import zoo
from caesr.engine.progress import Progress
from caesr.files.picture import Picture, PictureError
from caesr.files.read import read_picture
from caesr.files.write import write_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.invention import VISIBLE_LUMA, contradiction, invention
from caesr.page.device import Device
from caesr.page.models import FAITHFUL_FAMILIES, family_of
from caesr.page.preview import keep
from caesr.page.queue import Waiting
from caesr.page.result import Result
from caesr.page.temporary import run_folder
from caesr.page.translations import say
from zoo.messages import Message

COMPARED_WITH = ("base", "lite")  # the first that the zoo has is what a result is compared with
MAX_PIXELS = 24_000_000  # of a result whose map is made
NOTHING_PERCENT = 0.05  # of the pixels: less is not worth a sentence
COLOUR = (255, 0, 200)  # that few photographs have
LEAST_ALPHA, MOST_ALPHA = 90, 220  # of what is just seen, and of what is twice as much or more


def map_of(
    device: Device, result: Result, request: gr.Request | None
) -> Generator[Progress | Waiting, None, tuple[Path, str]]:
    """Draw the map of a result: yields progress; returns the file and a sentence that agrees with it.

    A faithful network is held against the picture, reduced again; one that restores or invents, against a faithful one.

    Raises:
        PictureError: the result is too large.
    """
    if result.info.width * result.info.height > MAX_PIXELS:
        message = "This is shown of results up to {limit} megapixels. Choose a smaller scale."
        raise PictureError(Message(message, limit=f"{MAX_PIXELS / 1e6:g}"))
    after, before = (read_picture(file).pixels for file in (result.master, result.source))
    upscaled, source = to_rgb8(after), to_rgb8(before)
    if family_of(result.options.model) in FAITHFUL_FAMILIES:
        where = contradiction(upscaled, source)[0] * opacity(before)
        somewhere, nowhere = "contradicts", "contradicts_nowhere"
    else:
        where = (yield from departure(device, upscaled, source, result)) * opacity(after)
        somewhere, nowhere = "departs", "departs_nowhere"
    percent = 100 * float((where > VISIBLE_LUMA).mean())
    key = somewhere
    if percent < NOTHING_PERCENT:
        where, key = np.zeros_like(where), nowhere
    with run_folder() as folder:
        layer = keep(write_picture(Picture(draw(where)), folder / "map.png"))
    return layer, say(request, key, percent=f"{percent:.2g}" if percent < 1 else f"{percent:.0f}")


def departure(
    device: Device, upscaled: np.ndarray, source: np.ndarray, result: Result
) -> Generator[Progress | Waiting, None, np.ndarray]:
    """Upscale faithfully; returns where a result differs from that: (H, W) float32."""
    families = {zoo.info(name).family for name in zoo.names()}
    faithful = next(name for name in COMPARED_WITH if name in families)
    spec = device.spec(replace(result.options, model=faithful, texture=None, ensemble=False, true_to_input=False))
    timed = yield from device.upscale_array(spec, source, result.options.scale_for(*source.shape[:2]))
    return invention(upscaled, timed.picture)[0]


def opacity(pixels: np.ndarray) -> np.ndarray:
    """Return how opaque each of the pixels (H, W, C) is: (H, W) float32, 0 to 1."""
    if pixels.shape[2] in (1, 3):
        return np.ones(pixels.shape[:2], np.float32)
    return pixels[..., -1].astype(np.float32) / np.iinfo(pixels.dtype).max


def draw(where: np.ndarray) -> np.ndarray:
    """Draw a map (H, W), 0 to 1, as (H, W, 4) uint8: what cannot be seen is transparent."""
    strength = np.clip(where / VISIBLE_LUMA - 1, 0, 1)  # 1: twice as much as is seen
    alpha = np.where(where > VISIBLE_LUMA, LEAST_ALPHA + strength * (MOST_ALPHA - LEAST_ALPHA), 0)
    layer = np.empty((*where.shape, 4), np.uint8)
    layer[..., :3] = COLOUR
    layer[..., 3] = np.round(alpha)
    return layer
