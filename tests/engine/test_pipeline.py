"""Windows: any part of a result, computed alone, is what the whole has there, whatever the way."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import CAEResNet, Upscaler
from caesr.engine.pipeline import Pipeline
from caesr.engine.plan import SMALLEST_TILE
from caesr.engine.tiles import turned
from tests.conftest import small

FAMILY = [small(scale) for scale in (2, 3, 4)]
ARTICLE = [CAEResNet(scale=2, upsampling="pre", widths=(8, 16)).eval()]
SIDE = st.integers(3, 80)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, 65536, (height, width, channels), dtype=np.uint16)


@settings(max_examples=60, deadline=None)
@given(
    SIDE,
    SIDE,
    st.integers(SMALLEST_TILE, 70),
    st.sampled_from([1, 1.37, 2, 2.5, 3.1, 4, 5.3, 8]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([3, 4]),
)
def test_tiled_equals_whole_at_any_scale_in_any_way(height, width, tile, scale, ensemble, true, channels):
    if ensemble and scale > 4:
        scale = 4  # eight times two passes take long
    image = noise(height, width, channels)
    tiled, whole = (Upscaler(FAMILY, "cpu", side, ensemble, true, "float32")(image, scale) for side in (tile, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535


@settings(max_examples=20, deadline=None)
@given(SIDE, SIDE, st.integers(SMALLEST_TILE, 70))
def test_a_network_that_enlarges_first_is_tiled_as_exactly(height, width, tile):
    image = noise(height, width)
    tiled, whole = (Upscaler(ARTICLE, "cpu", side, precision="float32")(image, 2) for side in (tile, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 7), st.data())
def test_turned_windows_lie_where_torch_turns_them(height, width, turn, data):
    rows, columns = (
        (lambda ab: (min(ab), max(ab)))(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
        for n in (height, width)
    )
    x = torch.arange(height * width).view(1, height, width)

    def turn_it(y):
        return torch.rot90(y.flip(-1) if turn >= 4 else y, turn % 4, (-2, -1))

    there = turned(rows, columns, height, width, turn)
    cut = turn_it(x[:, slice(*rows), slice(*columns)])
    assert torch.equal(turn_it(x)[:, slice(*there[0]), slice(*there[1])], cut)


def test_a_window_fetches_little_more_than_it_shows():
    asked = []

    def fetch(rows, columns):
        asked.append((rows, columns))
        return torch.rand(3, rows[1] - rows[0], columns[1] - columns[0])

    net = small(4)
    enlargement = Pipeline(fetch, (10_000, 10_000), [net], 4)
    with torch.inference_mode():
        assert enlargement.window((20_000, 20_200), (400, 600)).shape == (3, 200, 200)
    assert {columns for _, columns in asked} == {(100 - net.halo - (100 - net.halo) % 2, 150 + net.halo)}
    seen = [row for rows, _ in asked for row in range(*rows)]
    assert seen == list(range(seen[0], seen[-1] + 1))
    assert 5000 - net.halo - 4 <= seen[0] <= 5000 - net.halo + 4
    assert 5050 + net.halo - 4 <= seen[-1] <= 5050 + net.halo + 4


@pytest.mark.parametrize(("scale", "true"), [(4, False), (3.3, False), (8, False), (4, True)])
def test_windows_one_below_the_other_compute_nothing_twice(scale, true, monkeypatch):
    asked = []

    def fetch(self, turn, rows, columns):
        asked.extend(range(*rows))
        return layer[:, slice(*rows), slice(*columns)]

    monkeypatch.setattr(Pipeline, "_turned", fetch)  # what the networks look at; corrections ask for more
    layer = torch.rand(3, 100, 40)
    route = [FAMILY[0], FAMILY[2]] if scale > 4 else [FAMILY[2]]
    whole = lambda rows, columns: layer[:, slice(*rows), slice(*columns)]  # noqa: E731
    enlargement = Pipeline(whole, (100, 40), route, scale, true_to_input=true, cache=2000)
    with torch.inference_mode():
        for first in range(0, enlargement.larger[0], 50):
            enlargement.window((first, min(enlargement.larger[0], first + 50)), (0, enlargement.larger[1]))
    assert asked == list(range(100))


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("true", [False, True])
def test_what_half_precision_cannot_hold_is_computed_again_in_float32(caplog, ahead, true):
    image = noise(90, 50)
    upscaler, exact = (Upscaler(small(2), "cpu", 32, False, true, way) for way in ("bfloat16", "float32"))
    upscaler.ahead = ahead
    upscaler.fast[2].decoder[-1].weight.data[0] = float("inf")
    difference = upscaler(image, 2).astype(int) - exact(image, 2)
    assert np.abs(difference).max() <= (1 if ahead else 0)  # of 65535: windows that are begun anew sum otherwise
    assert caplog.text.count("it goes on in float32") == 1


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("scale", [2, 5.5])
def test_tiles_that_are_begun_before_the_last_is_fetched_are_the_same(scale, channels):
    """As on a GPU, where this is how copies and computing overlap."""
    image, upscaler = noise(150, 70, channels), Upscaler(FAMILY, "cpu", 32)
    expected = upscaler(image, scale)
    upscaler.ahead = 1
    steps = list(upscaler.stream(image, scale))
    assert np.array_equal(steps[-1].result, expected)
    assert [step.done for step in steps[:-1]] == list(range(1, steps[0].total + 1))


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_broken_weights_make_no_black_picture_but_an_error(precision):
    net = small(2)
    net.encoder[0].weight.data[0] = float("nan")
    with pytest.raises(ValueError, match="its weights are broken"):
        Upscaler(net, "cpu", precision=precision)(noise(40, 50), 2)


@pytest.mark.parametrize("scale", [1.5, 2, 4])
def test_strips_are_the_result_from_the_top_down(scale):
    image = noise(90, 70, 4)
    upscaler = Upscaler(FAMILY, "cpu", 32)
    strips = [step.strip for step in upscaler.strips(image, scale) if step.strip is not None]
    assert len(strips) > 2
    assert np.array_equal(np.concatenate(strips), upscaler(image, scale))


def test_a_correction_is_tiled_exactly_where_the_picture_is_far_larger_than_its_margin():
    image = noise(40, 400)
    tiled, whole = (Upscaler(FAMILY, "cpu", side, False, True, "float32")(image, 2.3) for side in (32, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535
