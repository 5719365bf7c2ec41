"""Any window of a result, computed alone, is what the whole has there, whatever the options."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import CAEResNet, Upscaler
from caesr.engine import pipeline as pipelines
from caesr.engine.pipeline import Pipeline
from caesr.engine.tiles import turn_window
from caesr.files.lazy import LazyPixels
from caesr.options import MIN_TILE
from tests.conftest import small

FAMILY = [small(scale) for scale in (2, 3, 4)]
ARTICLE = [CAEResNet(scale=2, upsampling="pre", widths=(8, 16)).eval()]
SIDE = st.integers(3, 80)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, 65536, (height, width, channels), dtype=np.uint16)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    SIDE,
    SIDE,
    st.integers(MIN_TILE, 70),
    st.sampled_from([1, 1.37, 2, 2.5, 3.1, 4, 5.3, 8]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([3, 4]),
)
def test_tiled_equals_whole_at_any_scale_with_any_options(height, width, tile, scale, ensemble, true, channels):
    if ensemble and scale > 4:
        scale = 4  # eight times two passes take long
    image = noise(height, width, channels)
    tiled, whole = (Upscaler(FAMILY, "cpu", side, ensemble, true, "float32")(image, scale) for side in (tile, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535


@settings(max_examples=20)
@given(SIDE, SIDE, st.integers(MIN_TILE, 70))
def test_a_network_that_upsamples_first_is_tiled_as_exactly(height, width, tile):
    image = noise(height, width)
    tiled, whole = (Upscaler(ARTICLE, "cpu", side, precision="float32")(image, 2) for side in (tile, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 7), st.data())
def test_turned_windows_lie_where_torch_turns_them(height, width, turn, data):
    rows = tuple(sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height)))))
    columns = tuple(sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width)))))
    x = torch.arange(height * width).view(1, height, width)

    def turn_picture(y):
        return torch.rot90(y.flip(-1) if turn >= 4 else y, turn % 4, (-2, -1))

    turned_rows, turned_columns = turn_window(rows, columns, height, width, turn)
    expected = turn_picture(x[:, slice(*rows), slice(*columns)])
    assert torch.equal(turn_picture(x)[:, slice(*turned_rows), slice(*turned_columns)], expected)


def test_a_window_reads_little_more_of_the_picture_than_it_shows():
    read = []

    def fetch(rows, columns):
        read.append((rows, columns))
        return torch.rand(3, rows[1] - rows[0], columns[1] - columns[0])

    net = small(4)
    pipeline = Pipeline(fetch, (10_000, 10_000), [net], 4)
    with torch.inference_mode():
        assert pipeline.compute((20_000, 20_200), (400, 600)).shape == (3, 200, 200)
    assert read.pop() == ((4998, 5052), (98, 152))  # what limits the result
    assert {columns for _, columns in read} == {(100 - net.halo - (100 - net.halo) % 2, 150 + net.halo)}
    rows_read = [row for rows, _ in read for row in range(*rows)]
    assert rows_read == list(range(rows_read[0], rows_read[-1] + 1))
    assert 5000 - net.halo - 4 <= rows_read[0] <= 5000 - net.halo + 4
    assert 5050 + net.halo - 4 <= rows_read[-1] <= 5050 + net.halo + 4


@pytest.mark.parametrize(("scale", "true"), [(4, False), (3.3, False), (8, False), (4, True)])
def test_windows_one_below_the_other_compute_nothing_twice(scale, true, monkeypatch):
    passed, apply_network = [], pipelines.apply_network

    def recording(model, picture, *args):
        make = picture.make

        def make_recorded(start, stop):
            passed.extend(range(start, stop))
            return make(start, stop)

        if picture.height == 100:  # the first pass
            picture.make = make_recorded
        return apply_network(model, picture, *args)

    monkeypatch.setattr(pipelines, "apply_network", recording)
    plane = torch.rand(3, 100, 40)
    route = [FAMILY[0], FAMILY[2]] if scale > 4 else [FAMILY[2]]
    pipeline = Pipeline(
        lambda rows, columns: plane[:, slice(*rows), slice(*columns)],
        (100, 40), route, scale, true_to_input=true, cache_bytes=2000,
    )  # fmt: skip
    height, width = pipeline.out_size
    with torch.inference_mode():
        for start in range(0, height, 50):
            pipeline.compute((start, min(height, start + 50)), (0, width))
    assert passed == list(range(100))


@pytest.mark.parametrize("tiles_ahead", [0, 1])
@pytest.mark.parametrize("true", [False, True])
def test_what_half_precision_cannot_hold_is_computed_again_in_float32(caplog, tiles_ahead, true):
    image, strips = noise(200, 50), []
    pixels = LazyPixels(image.shape, image.dtype, lambda start, stop: image[start:stop])  # drops rows that are done
    upscaler, exact = (Upscaler(small(2), "cpu", 32, False, true, name) for name in ("bfloat16", "float32"))
    upscaler.tiles_ahead = tiles_ahead
    upscaler.inference_models[2].decoder[-1].weight.data[0] = float("inf")
    for _ in upscaler.upscale_rows(pixels, 2, strips.append):
        pass
    difference = np.concatenate(strips).astype(int) - exact(image, 2)
    assert np.abs(difference).max() <= tiles_ahead  # of 65535: windows that are started anew are summed differently
    assert caplog.text.count("it goes on in float32") == 1


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("scale", [2, 5.5])
def test_tiles_launched_before_the_last_is_collected_are_the_same(scale, channels):
    """As on a GPU, where computing and transfers overlap in this way."""
    image, upscaler = noise(150, 70, channels), Upscaler(FAMILY, "cpu", 32)
    expected = upscaler(image, scale)
    upscaler.tiles_ahead = 1
    strips: list[np.ndarray] = []
    steps = list(upscaler.upscale_rows(image, scale, strips.append))
    assert np.array_equal(np.concatenate(strips), expected)
    assert [step.done for step in steps] == list(range(1, steps[0].total + 1))


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_broken_weights_make_no_black_picture_but_an_error(precision):
    net = small(2)
    net.encoder[0].weight.data[0] = float("nan")
    with pytest.raises(ValueError, match="its weights are broken"):
        Upscaler(net, "cpu", precision=precision)(noise(40, 50), 2)


@pytest.mark.parametrize("scale", [1.5, 2, 4])
@pytest.mark.parametrize("grey", [False, True])
def test_strips_are_the_result_from_the_top_down_and_each_is_written_before_its_last_tile_is_reported(scale, grey):
    image = noise(90, 70, 4)[:, :, 0] if grey else noise(90, 70, 4)
    upscaler, strips, written = Upscaler(FAMILY, "cpu", 32), [], []
    for _ in upscaler.upscale_rows(image, scale, strips.append):
        written.append(sum(map(len, strips)))
    assert len(strips) > 2
    assert np.array_equal(np.concatenate(strips), upscaler(image, scale))
    assert written[0] == 0
    assert written[-1] == round(90 * scale)


def test_a_correction_is_tiled_exactly_where_the_picture_is_far_larger_than_its_margin():
    image = noise(40, 400)
    tiled, whole = (Upscaler(FAMILY, "cpu", side, False, True, "float32")(image, 2.3) for side in (32, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535
