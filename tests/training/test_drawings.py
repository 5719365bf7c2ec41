"""Drawn training pictures: the same geometry at both resolutions, hard edges, exact tones, and their share."""

import numpy as np
import pytest
import torch
from PIL import Image

from caesr.training.drawings import draw_pair
from caesr.training.pictures import DegradedPictures, Mixture, Pictures

CPU = torch.device("cpu")
PHOTOGRAPH = (9, 70, 141)  # a colour that no drawing here is made of


def pair(seed: int, scale: int = 4, side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    return draw_pair(np.random.default_rng(seed), side, scale)


def photographs(scale: int = 2) -> Pictures:
    high_res = torch.tensor(PHOTOGRAPH, dtype=torch.uint8).expand((40 * scale) ** 2, 3)
    return Pictures(high_res, high_res[: 40**2], [(40, 40)], scale, 16)


def are_photographs(crops: torch.Tensor) -> torch.Tensor:
    """Say of each crop (B, 3, H, W) in [0, 1] whether it is of the one photograph."""
    colour = torch.tensor(PHOTOGRAPH).view(1, 3, 1, 1)
    return (crops.mul(255).round() == colour).flatten(1).all(dim=1)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_drawings_depend_on_the_seed_alone(scale):
    low_res, high_res = pair(5, scale)
    assert (low_res.shape, high_res.shape) == ((32, 32, 3), (32 * scale, 32 * scale, 3))
    assert low_res.dtype == high_res.dtype == np.uint8
    again = pair(5, scale)
    assert np.array_equal(low_res, again[0])
    assert np.array_equal(high_res, again[1])
    assert not np.array_equal(high_res, pair(6, scale)[1])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_both_resolutions_show_the_same_geometry(scale):
    differences = []
    for low_res, high_res in (pair(seed, scale) for seed in range(40)):
        reduced = np.array(Image.fromarray(high_res).reduce(scale), np.float32)
        by_shift = [
            np.abs(reduced - np.roll(low_res, shift, (0, 1))) for shift in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
        ]
        differences.append([difference.mean() for difference in by_shift])
    right, *shifted = np.mean(differences, axis=0)
    assert right < 0.5 * min(shifted)
    assert max(shifted) < 1.3 * min(shifted)  # no side is nearer: there is no shift of a part of a pixel


def test_hard_edges_on_whole_pixels_have_a_truth_that_is_as_hard():
    same = [
        np.array_equal(low.repeat(4, 0).repeat(4, 1), high) and np.ptp(high) > 0 for low, high in map(pair, range(80))
    ]
    assert 5 <= sum(same) <= 40


def test_many_low_res_pictures_have_hard_edges_only():
    colours = [len(np.unique(low_res.reshape(-1, 3), axis=0)) for low_res, _ in map(pair, range(60))]
    assert sum(2 <= count <= 5 for count in colours) > 12
    assert sum(count > 5 for count in colours) > 12


def test_tones_are_often_grey_and_reach_black_and_white_and_differ_much_or_little():
    truths = [high_res for _, high_res in map(pair, range(80))]
    assert 20 < sum((truth == truth[..., :1]).all() for truth in truths) < 70
    assert sum((truth == 0).all(axis=2).mean() > 0.2 for truth in truths) > 5
    assert sum((truth == 255).all(axis=2).mean() > 0.2 for truth in truths) > 5
    contrasts = [np.ptp(truth, axis=(0, 1)).max() for truth in truths]
    assert sum(0 < contrast < 100 for contrast in contrasts) > 5
    assert sum(contrast == 255 for contrast in contrasts) > 5


def test_a_truth_stays_within_the_tones_of_a_hard_low_res():
    for low_res, high_res in map(pair, range(60)):
        if 2 <= len(np.unique(low_res.reshape(-1, 3), axis=0)) <= 5:  # three and more colours meet in mixtures
            assert (high_res >= low_res.min(axis=(0, 1))).mean() > 0.99
            assert (high_res <= low_res.max(axis=(0, 1))).mean() > 0.99


@pytest.mark.parametrize("share", [0, 0.15, 0.6, 1])
def test_the_share_of_drawings_is_that_of_the_recipe(share):
    mixture, counts = Mixture(photographs(), share, 8, seed=0), []
    for step in range(150):
        low_res, high_res, count = mixture.sample(step, torch.Generator().manual_seed(step))
        assert (low_res.shape, high_res.shape) == ((8, 3, 16, 16), (8, 3, 32, 32))
        is_photograph = are_photographs(low_res) & are_photographs(high_res)
        assert is_photograph.tolist() == [True] * (8 - count) + [False] * count
        counts.append(count)
    assert np.mean(counts) == pytest.approx(8 * share, abs=0.15)


def test_a_later_step_has_other_drawings_and_a_resumed_run_the_same():
    straight, resumed = (Mixture(photographs(), 1, 4, seed=3) for _ in range(2))

    def crops(mixture: Mixture, step: int) -> torch.Tensor:
        return mixture.sample(step, torch.Generator().manual_seed(0))[1]

    first = crops(straight, 511)
    later = crops(straight, 512)
    assert torch.equal(later, crops(resumed, 512))
    assert not torch.equal(first, later)
    assert torch.equal(first, crops(resumed, 511))
    assert not torch.equal(first, crops(Mixture(photographs(), 1, 4, seed=4), 511))


def test_drawings_are_degraded_too_but_not_all():
    degraded = DegradedPictures(Mixture(photographs(), 1, 8, seed=0), seed=0)
    low_res = torch.cat([degraded.sample(step)[0] for step in range(25)]).mul(255).byte().flatten(2)
    colours = np.array([len(crop.unique(dim=1).T) for crop in low_res])
    assert (colours <= 5).mean() > 0.1  # flat, or with hard edges only
    assert (colours > 60).mean() > 0.1  # noisy or compressed
