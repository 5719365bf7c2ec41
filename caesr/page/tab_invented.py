"""The tab Invented: where the result says more than the picture does."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np

import zoo
from caesr.engine.progress import Progress, Steps
from caesr.files.picture import Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.invention import contradiction, heat_map, invention
from caesr.options import UpscaleOptions
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.device import STARTED, Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.progress import progress_html, progress_line, show_when_stopped
from caesr.page.queue import Waiting
from caesr.page.temporary import run_folder
from caesr.page.translations import label, say

FAITHFUL_FAMILIES = ("base", "lite")  # the first that the zoo has is what a result is compared with
MAX_PIXELS = 24e6  # of a result whose map is made
CONSISTENT_DB, NEARLY_CONSISTENT_DB = 45.0, 38.0  # above the first nobody sees a difference, below the second many may
MAX_MAPS_AT_ONCE = 8  # each holds two pictures


def tab(c: Controls, result: gr.DownloadButton, device: Device) -> None:
    """Lay the tab out; `result` holds the file that was made last."""
    gr.Markdown(label("invented_info"))
    kinds = [(label("kind_contradiction"), "contradiction"), (label("kind_invention"), "invention")]
    kind = gr.Radio(kinds, value="contradiction", label=label("map"), elem_id="map-kind")
    with gr.Row():
        run = gr.Button(label("show_map"), variant="primary", elem_id="show-map")
        stop = gr.Button(label("cancel"))
    line = progress_line("mapped-so-far")
    verdict = gr.Markdown(elem_id="verdict")
    slider = gr.ImageSlider(
        label=label("map_slider"), type="filepath", image_mode=None, format="png", max_height=640,
        interactive=False, buttons=["fullscreen"], elem_id="map",
    )  # fmt: skip

    def show(values: Values, request: gr.Request) -> Iterator[tuple]:
        try:
            if not values[c.picture] or not values[result]:
                raise user_error(say(request, "no_result"))
            yield progress_html(STARTED, request), gr.skip(), gr.skip()
            upscaled = read_result(values[result], request)
            source = to_rgb8(read_picture(values[c.picture]).pixels)
            if values[kind] == "contradiction":
                where, sentence = contradiction_map(upscaled, source, request)
            else:
                options, _ = c.chosen(values)
                steps = Steps(invention_map(device, upscaled, source, options, request))
                for event in steps:
                    yield progress_html(event, request), gr.skip(), gr.skip()
                where, sentence = steps.result
            with run_folder() as folder:
                files = [folder / "result.png", folder / "map.png"]
                for file, pixels in zip(files, (upscaled, heat_map(upscaled, where)), strict=True):
                    write_picture(Picture(pixels), file)
                yield "", sentence, tuple(map(str, files))
        except EXPECTED_ERRORS as error:
            raise user_error(error, request) from error

    running = run.click(
        show, {c.picture, *c.inputs(), result, kind}, [line, verdict, slider],
        concurrency_limit=MAX_MAPS_AT_ONCE, concurrency_id="maps", **HIDDEN,
    )  # fmt: skip
    show_when_stopped(running, line)
    stop.click(None, cancels=running, api_visibility="private")
    c.clear("", "", None, of=[line, verdict, slider])


def read_result(file: str, request: gr.Request | None) -> np.ndarray:
    """Return a result as a screen shows it: (H, W, 3) uint8.

    Raises:
        PictureError: it cannot be read, or is too large for a map.
    """
    info = inspect(Path(file))
    if info.width * info.height > MAX_PIXELS:
        raise PictureError(say(request, "map_too_large", megapixels=MAX_PIXELS / 1e6))
    return to_rgb8(read_picture(file, max_pixels=int(MAX_PIXELS)).pixels)


def contradiction_map(upscaled: np.ndarray, source: np.ndarray, request: gr.Request | None) -> tuple[np.ndarray, str]:
    """Return where a result (H', W', 3), reduced again, differs from its picture (H, W, 3), and a sentence about it."""
    where, agreement = contradiction(upscaled, source)
    key = "sound" if agreement >= CONSISTENT_DB else "nearly" if agreement >= NEARLY_CONSISTENT_DB else "contradicts"
    return where, say(request, key, db=agreement)


def invention_map(
    device: Device, upscaled: np.ndarray, source: np.ndarray, options: UpscaleOptions, request: gr.Request | None
) -> Generator[Progress | Waiting, None, tuple[np.ndarray, str]]:
    """Upscale faithfully; returns where a result differs from that, and a sentence about it.

    Args:
        upscaled: (H', W', 3) uint8, of
        source: (H, W, 3) uint8.
    """
    families = {zoo.info(name).family for name in zoo.names()}
    faithful = next(name for name in FAITHFUL_FAMILIES if name in families)
    spec = device.spec(replace(options, model=faithful, texture=None, ensemble=False, true_to_input=False))
    timed = yield from device.upscale_array(spec, source, scale_between(source, upscaled, request))
    where, share = invention(upscaled, timed.picture)
    return where, say(request, "departs", percent=100 * share, name=faithful)


def scale_between(source: np.ndarray, upscaled: np.ndarray, request: gr.Request | None) -> float:
    """Return a scale that takes the one to the size of the other, both sides rounded.

    Raises:
        ValueError: there is none: they are not of one picture.
    """
    sides = list(zip(source.shape[:2], upscaled.shape[:2], strict=True))
    least = max((large - 0.5) / small for small, large in sides)
    most = min((large + 0.5) / small for small, large in sides)
    if least > most:
        raise ValueError(say(request, "no_result"))
    whole = round((least + most) / 2)
    return float(whole) if least < whole < most else (least + most) / 2
