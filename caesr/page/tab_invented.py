"""The tab Invented: where the result says more than the picture does."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np

import zoo
from caesr.files.picture import Picture, PictureError
from caesr.files.read import inspect, read_picture
from caesr.files.write import write_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.invention import contradiction, heat, invention
from caesr.page import device
from caesr.page.controls import HIDDEN, Controls, Values
from caesr.page.errors import PROBLEMS, sorry
from caesr.page.progress import line, stopped, told
from caesr.page.settings import Settings
from caesr.page.translations import label, say

FAITHFUL = ("base", "lite")  # the first that the zoo has is what a result is held against
MOST = 24e6  # pixels of a result whose map is made
SOUND, SEEN = 45.0, 38.0  # dB: above the first nobody sees a contradiction, below the second everybody may


@dataclass(frozen=True)
class Map:
    """Where a result says more than its picture, and what that comes to."""

    where: np.ndarray  # (h, w) float32, 0 to 1
    sentence: str


def tab(c: Controls, result: gr.DownloadButton) -> None:
    """Lay the tab out; `result` holds the file that was made last."""
    gr.Markdown(label("invented_info"))
    kinds = [(label("kind_contradiction"), "contradiction"), (label("kind_invention"), "invention")]
    kind = gr.Radio(kinds, value="contradiction", label=label("map"), elem_id="map-kind")
    with gr.Row():
        run = gr.Button(label("show_map"), variant="primary", elem_id="show-map")
        stop = gr.Button(label("cancel"))
    so_far = line("mapped-so-far")
    verdict = gr.Markdown(elem_id="verdict")
    slider = gr.ImageSlider(
        label=label("map_slider"), type="filepath", image_mode=None, format="png", max_height=640,
        interactive=False, buttons=["fullscreen"], elem_id="map",
    )  # fmt: skip

    def show(values: Values, request: gr.Request) -> Iterator[tuple]:
        folder = Path(tempfile.mkdtemp(prefix="caesr-"))
        try:
            if not values[c.picture] or not values[result]:
                raise sorry(say(request, "no_result"))
            yield told(device.BEGUN, request), gr.skip(), gr.skip()
            enlarged, source = load(values[result], request), to_rgb8(read_picture(values[c.picture]).pixels)
            for step in maps(enlarged, source, values[kind], c.settings(values), request):
                if isinstance(step, Map):
                    files = [folder / "result.png", folder / "map.png"]
                    for file, pixels in zip(files, (enlarged, heat(enlarged, step.where)), strict=True):
                        write_picture(Picture(pixels), file)
                    yield "", step.sentence, tuple(map(str, files))
                else:
                    yield told(step, request), gr.skip(), gr.skip()
        except PROBLEMS as error:
            raise sorry(error, request) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    running = run.click(
        show, {c.picture, *c.chosen(), result, kind}, [so_far, verdict, slider],
        concurrency_limit=8, concurrency_id="maps", **HIDDEN,  # each holds two pictures
    )  # fmt: skip
    stopped(running, so_far)
    stop.click(None, cancels=running, api_visibility="private")
    c.clear("", "", None, of=[so_far, verdict, slider])


def load(file: str, request: gr.Request | None) -> np.ndarray:
    """The result as a screen shows it: (H, W, 3) uint8.

    Raises:
        PictureError: it cannot be read, or is too large for a map.
    """
    found = inspect(file)
    if found.width * found.height > MOST:
        raise PictureError(say(request, "map_too_large", megapixels=MOST / 1e6))
    return to_rgb8(read_picture(file, max_pixels=int(MOST)).pixels)


def maps(
    enlarged: np.ndarray, source: np.ndarray, kind: str, settings: Settings, request: gr.Request | None
) -> Iterator[device.Progress | device.Waiting | Map]:
    """The map and what it says in a sentence, last; before, the progress of the faithful enlargement that it needs.

    Args:
        enlarged: (H', W', 3) uint8.
        source: (H, W, 3) uint8.
        kind: "contradiction" or "invention".
    """
    if kind == "contradiction":
        where, agreement = contradiction(enlarged, source)
        judgement = "sound" if agreement >= SOUND else "nearly" if agreement >= SEEN else "contradicts"
        yield Map(where, say(request, judgement, db=agreement))
        return
    families = {zoo.info(name).family for name in zoo.names()}
    faithful = next(name for name in FAITHFUL if name in families)
    how = replace(settings, model=faithful, ensemble=False, true_to_input=False).how()
    for step in device.whole(how, source, scale_between(source, enlarged, request)):
        if isinstance(step, device.Enlarged):
            where, share = invention(enlarged, step.picture)
            yield Map(where, say(request, "departs", percent=100 * share, name=faithful))
        else:
            yield step


def scale_between(source: np.ndarray, enlarged: np.ndarray, request: gr.Request | None) -> float:
    """A scale that takes the one to the size of the other, both sides rounded.

    Raises:
        ValueError: there is none: they are not of one picture.
    """
    sides = list(zip(source.shape[:2], enlarged.shape[:2], strict=True))
    least, most = (
        max((large - 0.5) / small for small, large in sides),
        min((large + 0.5) / small for small, large in sides),
    )
    if least > most:
        raise ValueError(say(request, "no_result"))
    whole = round((least + most) / 2)
    return float(whole) if least < whole < most else (least + most) / 2
