"""The map of what was invented, and the sentence about it, without a browser; and how often progress is shown."""

import numpy as np
import pytest
from PIL import Image

from caesr.engine.progress import Progress, Steps
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.device import Device
from caesr.page.drop_zone import Dropped
from caesr.page.invented import map_of
from caesr.page.progress import throttle
from caesr.page.queue import Waiting
from caesr.page.tab_upscale import upscale
from tests.pictures import noise


def run(steps):
    """Return what a generator returns."""
    steps = Steps(steps)
    for _ in steps:
        pass
    return steps.result


@pytest.mark.parametrize("model", ["lite", "photo"])
def test_what_is_transparent_is_never_marked(tmp_path, model):
    colours = noise(24, 32, 3)
    alpha = np.where(np.arange(32) < 16, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([colours, np.tile(alpha, (24, 1))])).save(tmp_path / "half.png")
    device, dropped = Device(), Dropped(tmp_path / "half.png", "half.png")
    result = run(upscale(device, dropped, UpscaleOptions(model, scale=2), OutputOptions("png")))
    layer, sentence = run(map_of(device, result, None))
    marks = np.array(Image.open(layer))[..., 3]
    left, right = np.split(marks, 2, axis=1)
    assert sentence.startswith("Marked: ")
    assert not left[:, : left.shape[1] * 3 // 4].any()  # next to the edge alpha is upscaled, too
    assert right.any()


def test_where_the_sentence_says_that_nothing_is_marked_nothing_is(tmp_path):
    picture = np.full((96, 128, 3), 128, np.uint8)
    picture[5, 5:8] = 255  # of these, two come back otherwise: one in six thousand
    Image.fromarray(picture).save(tmp_path / "dots.png")
    device, dropped = Device(), Dropped(tmp_path / "dots.png", "dots.png")
    result = run(upscale(device, dropped, UpscaleOptions("lite", scale=2), OutputOptions("png")))
    layer, sentence = run(map_of(device, result, None))
    assert sentence.startswith("Nothing is marked")
    assert not np.array(Image.open(layer))[..., 3].any()


def test_of_progress_a_few_events_a_second_are_shown_and_all_of_the_queue():
    is_shown = throttle()
    assert [is_shown(Progress(done, 9, 1.0)) for done in range(3)] == [True, False, False]
    assert [is_shown(Waiting(before)) for before in (2, 1)] == [True, True]
