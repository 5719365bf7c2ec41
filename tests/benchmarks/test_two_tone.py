"""The two-tone pictures are two-tone, and overshoot is counted as it is defined; flat areas of every checkpoint."""

import numpy as np
import pytest

import zoo
from benchmarks import results
from benchmarks.two_tone import EDGES, SHAPES, TONES, two_tone_pictures
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.evaluate import bicubic

PICTURES = list(two_tone_pictures())


def test_every_shape_has_all_tones_and_both_kinds_of_edges():
    assert {(p.shape, p.tones, p.edges) for p in PICTURES} == {(s, t, e) for s in SHAPES for t in TONES for e in EDGES}
    assert all(
        np.array_equal(first.pixels, second.pixels) for first, second in zip(PICTURES, two_tone_pictures(), strict=True)
    )


def test_hard_edges_have_two_colours_and_antialiased_ones_stay_between_them():
    for picture in PICTURES:
        colours = {tuple(colour) for colour in np.unique(picture.pixels.reshape(-1, 3), axis=0).tolist()}
        assert set(TONES[picture.tones]) <= colours
        assert (len(colours) == 2) == (picture.edges == "hard")
        assert not picture.overshoot(picture.pixels).any()


def test_overshoot_is_a_part_of_the_contrast_in_both_directions():
    picture = next(p for p in PICTURES if p.tones == "90 on 200")
    result = np.array([90, 200, 145, 79, 211, 255, 0], np.uint8)[:, None].repeat(3, axis=1)
    expected = [0, 0, 0, 0.1, 0.1, 0.5, 90 / 110]
    assert picture.overshoot(result) == pytest.approx(np.array(expected)[:, None].repeat(3, axis=1))


def test_bicubic_overshoots_at_hard_edges_and_repeated_pixels_do_not():
    for picture in PICTURES:
        assert not picture.overshoot(picture.pixels.repeat(4, axis=0).repeat(4, axis=1)).any()
        beyond = picture.overshoot(bicubic(4)(picture.pixels))
        assert (beyond > 0.15).mean() < 0.01
        if picture.edges == "hard" and picture.tones not in ("0 on 255", "255 on 0"):
            assert beyond.max() > 0.07


def test_the_overshoot_of_every_checkpoint_is_measured_and_not_above_that_of_bicubic():
    found = results.read("overshoot")["found"]
    for name in zoo.names():
        assert found[name]["share"] <= found[f"bicubic ×{name[-1]}"]["share"]


@pytest.mark.parametrize("name", zoo.names())
@pytest.mark.parametrize(("grey", "most"), [(0, 0), (255, 0), (128, 0)])
def test_what_is_flat_stays_flat(name, grey, most):
    upscale = checkpoint_upscale(CAEResNet.from_pretrained(name))
    result = upscale(np.full((21, 34, 3), grey, np.uint8))
    assert np.abs(result.astype(int) - grey).max() <= most
