"""Alpha never overshoots; the colours of transparent pixels stay at scale 1, and at others if they are to be kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr import Upscaler, load_family
from caesr.imaging.resize import resize_image
from tests.conftest import small
from tests.pictures import around, noise

NETWORKS = [small(scale) for scale in (2, 3, 4)]


def with_alpha(alpha: np.ndarray, channels: int = 3) -> np.ndarray:
    """Return a picture of noise with this alpha (H, W)."""
    return np.dstack([noise(*alpha.shape, channels, dtype=alpha.dtype.type), alpha])


@settings(max_examples=30)
@given(
    st.integers(1, 50),
    st.integers(1, 50),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([1.3, 2, 2.5, 3, 4, 5, 7.7]),
    st.sampled_from([{}, {"ensemble": True}, {"true_to_input": True}]),
    st.sampled_from(["noise", "mask", "plateaus"]),
    st.sampled_from([32, 4096]),
)
def test_no_alpha_leaves_the_values_around_it(height, width, dtype, scale, options, kind, tile):
    if options and scale > 4:
        scale = 4  # eight times two passes take long
    top, alpha = np.iinfo(dtype).max, noise(height, width, dtype=dtype, seed=height)
    if kind == "mask":
        alpha = np.where(alpha > top // 2, top, 0).astype(dtype)
    elif kind == "plateaus":
        alpha = (alpha[:: height // 3 + 1, :: width // 3 + 1] // (top // 4 + 1) * (top // 4)).astype(dtype)
        alpha = alpha.repeat(height // 3 + 1, axis=0).repeat(width // 3 + 1, axis=1)[:height, :width]
    image = with_alpha(alpha)
    result = Upscaler(NETWORKS, "cpu", tile, **options)(image, scale)[:, :, 3]
    least, greatest = around(alpha, result.shape, scale, reach=1)
    assert (least <= result).all()
    assert (result <= greatest).all()


@pytest.mark.parametrize("options", [{}, {"true_to_input": True}])
@pytest.mark.parametrize("scale", [2, 3.3, 4])
def test_a_plateau_of_half_transparency_gets_no_opaque_rim(scale, options):
    alpha = np.zeros((48, 48), np.uint8)
    alpha[12:36, 12:36] = 128
    result = Upscaler(load_family("lite"), "cpu", **options)(with_alpha(alpha), scale)[:, :, 3]
    inside = slice(round(14 * scale), round(34 * scale))
    assert result.max() == 128
    assert (result[inside, inside] == 128).all()
    assert (result[: round(10 * scale)] == 0).all()


def test_its_edge_is_as_sharp_as_a_network_makes_it():
    y, x = np.mgrid[:1024, :1024]
    disc = (np.hypot(y - 500, x - 530) < 340).reshape(32, 32, 32, 32).mean(axis=(1, 3))
    alpha = (disc * 128).round().astype(np.uint8)
    result = Upscaler(load_family("lite"), "cpu")(with_alpha(alpha), 4)[:, :, 3]
    bicubic = resize_image(alpha[:, :, None], 4)[:, :, 0]
    steepest, of_bicubic = (
        np.quantile(np.hypot(*np.gradient(image.astype(float))), 0.995) for image in (result, bicubic)
    )
    assert steepest > 2 * of_bicubic


def test_alpha_is_tiled_exactly():
    image = with_alpha(noise(70, 90, dtype=np.uint16))
    tiled, whole = (Upscaler(NETWORKS, "cpu", side, precision="float32")(image, 2.6) for side in (32, 4096))
    assert np.abs(tiled.astype(int) - whole).max() <= 1e-4 * 65535


@pytest.mark.parametrize("name", ["lite", "base", "texture", "photo"])
@pytest.mark.parametrize("scale", [1, 1.7, 4])
def test_flat_black_and_white_stay_that_up_to_the_border(name, scale):
    upscaler = Upscaler(load_family(name), "cpu")
    for value in (0, 255):
        for shape in ((20, 30, 3), (20, 30), (20, 30, 4)):
            assert (upscaler(np.full(shape, value, np.uint8), scale) == value).all()
    halves = np.full((20, 30, 3), 255, np.uint8)
    halves[:, :15] = 0
    result = upscaler(halves, scale)
    assert (result[:, : int(13 * scale)] == 0).all()
    assert (result[:, int(18 * scale) :] == 255).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_at_scale_1_alpha_stays_and_so_do_the_colours_under_it(dtype, channels):
    alpha = noise(50, 40, dtype=dtype, seed=1) * (noise(50, 40, seed=2) > 99)
    image = with_alpha(alpha, channels)
    for options in ({}, {"keep_hidden_colours": True}, {"ensemble": True}, {"tile": 32}):
        result = Upscaler(NETWORKS, "cpu", **options)(image, 1)
        assert np.array_equal(result[:, :, -1], alpha)
        assert np.array_equal(result[alpha == 0], image[alpha == 0])
        assert not np.array_equal(result[alpha > 0], image[alpha > 0])
    hidden = np.dstack([image[:, :, :-1], np.zeros_like(alpha)])
    assert np.array_equal(Upscaler(NETWORKS, "cpu")(hidden, 1), hidden)


@pytest.mark.parametrize("scale", [1.5, 2, 4])
def test_hidden_colours_that_are_kept_are_upscaled_as_visible_ones(scale):
    image = with_alpha(np.where(noise(40, 50) > 128, 255, 0).astype(np.uint8))
    result = Upscaler(NETWORKS, "cpu", keep_hidden_colours=True)(image, scale)
    assert np.array_equal(result[:, :, :3], Upscaler(NETWORKS, "cpu")(image[:, :, :3], scale))


def test_without_that_they_are_filled_from_the_visible_ones_around():
    image = np.zeros((24, 24, 4), np.uint8)
    image[:, :12] = 200, 60, 30, 255
    image[:, 12:, :3] = 0, 0, 255
    identity = small(2)
    identity.decoder[-1].weight.data.zero_()
    identity.decoder[-1].bias.data.zero_()  # now it is bicubic
    hidden = Upscaler(identity, "cpu")(image, 2)[:, 30:, :3].astype(int)
    assert np.abs(hidden - [200, 60, 30]).max() <= 2
