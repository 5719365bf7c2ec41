"""The Upscaler: tiles do not show, any scale, any kind of picture, progress, cancelling, lack of memory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import zoo
from caesr import CAEResNet, Upscaler
from caesr.engine.device import choose_device, free_cgroup_memory
from caesr.engine.pipeline import Pipeline
from caesr.engine.plan import choose_tile
from caesr.imaging.alpha import fill_transparent
from caesr.imaging.invention import contradiction
from caesr.imaging.resize import resize_image
from caesr.model.family import load_blend, load_family
from caesr.options import MIN_TILE, UpscaleOptions
from tests.conftest import small
from tests.pictures import around

SIDE = st.integers(1, 150)
NETWORKS = {
    "zoo": [small(scale) for scale in (2, 3, 4)],
    "sum": [
        small(scale, skips="sum", widths=(4, 8, 8), encoder_blocks=(1, 1, 1), decoder_blocks=(1, 1)) for scale in (3,)
    ],
    "article": [
        CAEResNet(scale=3, upsampling="pre", widths=(8, 16)),
        CAEResNet(scale=2, upsampling="pre", widths=(8, 16)),
    ],
}


@settings(max_examples=40)
@given(SIDE, SIDE, st.integers(MIN_TILE, 120), st.sampled_from(sorted(NETWORKS)), st.data())
def test_tiles_give_what_the_whole_picture_gives(height, width, tile, name, data):
    network = data.draw(st.sampled_from(NETWORKS[name])).eval()
    x = torch.rand(3, height, width, generator=torch.Generator().manual_seed(height * 1000 + width))
    tiled, whole = (Upscaler(network, "cpu", side, precision="float32") for side in (tile, 4096))
    image = (x * 65535).permute(1, 2, 0).numpy().astype(np.uint16)  # 16 bits, to see small differences
    difference = np.abs(tiled(image, network.config.scale).astype(int) - whole(image, network.config.scale))
    assert difference.max() <= 1e-4 * 65535


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.info(name).family != "seed"])  # which is slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_no_checkpoint_shows_its_tiles_in_either_precision(name, precision, photograph):
    model = CAEResNet.from_pretrained(name)
    tiled, automatic, whole = (
        Upscaler(model, "cpu", tile, precision=precision)(photograph[:83, :110], model.config.scale).astype(int)
        for tile in (41, "auto", 4096)
    )
    for other in (tiled, automatic):
        assert np.abs(other - whole).max() <= 1
        assert (other == whole).mean() >= 0.9999


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(1, 8))
def test_any_scale_from_1_to_8_gives_exactly_that_size(height, width, scale):
    upscaler = Upscaler(NETWORKS["zoo"], "cpu")
    assert upscaler(np.zeros((height, width, 3), np.uint8), scale).shape == (
        round(height * scale),
        round(width * scale),
        3,
    )


@pytest.mark.parametrize(
    ("scale", "natives"),
    [
        (1, [2]),
        (2, [2]),
        (2.01, [3]),
        (3.5, [4]),
        (4, [4]),
        (4.05, [2, 3]),
        (6, [2, 3]),
        (7, [2, 4]),
        (8, [2, 4]),
    ],
)
def test_the_nearest_native_scale_at_or_above_is_taken_and_two_passes_above_4(family, scale, natives):
    assert [model.config.scale for model in Upscaler(family, "cpu").route(scale)] == natives


@pytest.mark.parametrize("scale", [0, 0.99, 8.01, -2, float("nan"), float("inf")])
def test_a_scale_out_of_bounds_is_refused(family, scale):
    with pytest.raises(ValueError, match="scale"):
        Upscaler(family, "cpu")(np.zeros((8, 8, 3), np.uint8), scale)


def test_a_single_checkpoint_says_how_far_it_reaches():
    with pytest.raises(ValueError, match="4 at most"):
        Upscaler(small(2), "cpu").route(5)


@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_colour_alpha_and_16_bits_come_out_as_they_went_in(family, photograph, channels, kind):
    image = photograph[:60, :70].astype(kind) * (1 if kind == np.uint8 else 257)
    grey, alpha = image[:, :, :1], image[:, :, 1:2]
    image = [grey[:, :, 0], grey, np.dstack([grey, alpha]), image, np.dstack([image, alpha])][channels]
    output = Upscaler(family, "cpu")(image, 2)
    assert output.dtype == kind
    assert output.shape == (120, 140, *image.shape[2:])
    before, after = (np.atleast_3d(x if kind == np.uint8 else x >> 8).astype(np.uint8) for x in (image, output))
    error = np.abs(resize_image(after, 0.5).astype(int) - before)
    assert np.median(error) < 40  # the untrained network adds something to bicubic, not chaos


def test_16_bits_keep_more_than_256_levels(family):
    ramp = np.linspace(20000, 24000, 100 * 40).reshape(40, 100, 1).repeat(3, axis=2).astype(np.uint16)
    assert len(np.unique(Upscaler(family, "cpu")(ramp, 2))) > 1000


def test_a_pil_image_comes_back_as_one(family, photograph):
    image = Image.fromarray(photograph[:40, :50])
    output = Upscaler(family, "cpu")(image, 2)
    assert (output.mode, output.size) == ("RGB", (100, 80))
    assert np.array_equal(np.array(output), Upscaler(family, "cpu")(photograph[:40, :50], 2))


def test_the_same_call_gives_the_same_bytes(family, photograph):
    upscaler = Upscaler(family, "cpu", 64)
    assert np.array_equal(upscaler(photograph, 2.5), upscaler(photograph, 2.5))


def test_black_behind_a_transparent_area_leaves_no_dark_fringe():
    white = np.full((40, 40, 4), 255, np.uint8)
    white[:, 20:] = 0  # transparent, and black as many programs store it
    identity = small(2)
    torch.nn.init.zeros_(identity.decoder[-1].weight)
    torch.nn.init.zeros_(identity.decoder[-1].bias)  # now it is bicubic
    output = Upscaler(identity, "cpu")(white, 2)
    assert output[:, :, :3][output[:, :, 3] > 0].min() == 255
    assert output[:, 44:, 3].max() == 0


def test_hidden_colours_are_filled_from_the_nearest_visible_ones():
    image = np.zeros((16, 16, 4), np.uint8)
    image[:, :4] = 255, 3, 0, 128
    image[:, 4:, :3] = 77
    filled = fill_transparent(image)
    assert np.array_equal(filled[:, :4], image[:, :4, :3])
    assert filled[:, 4:, 0].min() >= 254
    assert filled[:, 4:, 1].max() <= 4
    assert filled[:, 4:, 2].max() == 0


@settings(max_examples=20)
@given(st.integers(1, 700), st.integers(1, 30), st.sampled_from([2, 4]), st.floats(0, 1))
def test_in_strips_hidden_colours_are_filled_as_at_once(height, width, channels, share):
    random = np.random.default_rng(height)
    image = random.integers(0, 256, (height, width, channels), dtype=np.uint8)
    image[..., -1] *= random.random((height, width)) < share
    parts = fill_transparent(image)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("caesr.imaging.alpha.STRIP_ROWS", 1000)
        assert np.abs(fill_transparent(image).astype(int) - parts).max() <= 1
    shown = image[..., -1] > 0
    assert np.array_equal(parts[shown], image[shown][:, :-1])


def test_progress_counts_tiles(family, photograph):
    upscaler = Upscaler(family, "cpu", 64)
    steps = list(upscaler.upscale_rows(photograph, 5, lambda strip: None))  # 2 x 3: two passes
    assert [step.done for step in steps] == list(range(1, len(steps) + 1))
    assert {step.total for step in steps} == {upscaler.count_tiles(*photograph.shape[:2], 5)} == {len(steps)}
    assert steps[0].seconds_left > steps[-1].seconds_left == 0


def test_closing_the_generator_cancels(family, photograph, monkeypatch):
    computed, compute = [], Pipeline.compute

    def counted(self, *window):
        computed.append(window)
        return compute(self, *window)

    monkeypatch.setattr(Pipeline, "compute", counted)
    steps = Upscaler(family, "cpu", 32).upscale_rows(photograph, 4, lambda strip: None)
    next(steps)
    next(steps)
    steps.close()
    assert len(computed) == 2


def test_when_memory_runs_out_the_tile_is_halved_and_the_result_is_the_same(family, photograph, monkeypatch, caplog):
    expected = Upscaler(family, "cpu", 128)(photograph, 2)
    compute = Pipeline.compute

    def little_memory(self, rows, columns):
        result = compute(self, rows, columns)  # rows that are lost by the error must be made again
        if max(rows[1] - rows[0], columns[1] - columns[0]) > 128:
            raise torch.OutOfMemoryError("no more")
        return result

    monkeypatch.setattr(Pipeline, "compute", little_memory)
    result = Upscaler(family, "cpu", 128)(photograph, 2)
    assert "tiles are halved" in caplog.text
    assert np.abs(result.astype(int) - expected).max() <= 1


def test_a_result_that_memory_does_not_hold_is_refused_before_it_is_started(family):
    immense = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (10**6, 10**6, 3))  # takes no memory itself
    with pytest.raises(ValueError, match=r"8000000 x 8000000 pixels takes 192000\.0 GB"):
        Upscaler(family, "cpu")(immense, 8)


def test_so_is_a_strip_that_memory_does_not_hold(family, monkeypatch):
    monkeypatch.setattr("caesr.engine.plan.free_memory", lambda: 1e6)
    steps = Upscaler(family, "cpu").upscale_rows(np.zeros((1, 20_000, 3), np.uint8), 4, lambda strip: None)
    with pytest.raises(ValueError, match="80000 x 4 pixels takes"):
        next(steps)


def test_in_a_container_its_own_limit_counts(tmp_path):
    assert free_cgroup_memory(tmp_path) == float("inf")  # no files
    (tmp_path / "memory.current").write_text("700000000\n")
    (tmp_path / "memory.stat").write_text("anon 500000000\ninactive_file 200000000\nactive_file 0\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert free_cgroup_memory(tmp_path) == float("inf")
    (tmp_path / "memory.max").write_text("1000000000\n")
    assert free_cgroup_memory(tmp_path) == 500_000_000  # cached files can be dropped


def test_with_little_memory_left_tiles_are_small():
    model = CAEResNet.from_pretrained("caesr-base-x4")
    for device, plenty in (("cpu", 320), ("cuda", 1024)):
        sides = [choose_tile(model, torch.float16, torch.device(device), free_bytes) for free_bytes in (3e7, 3e10)]
        assert sides == [128, plenty]


def test_an_error_that_is_not_memory_is_not_swallowed(family, photograph, monkeypatch):
    def broken(self, rows, columns):
        raise RuntimeError("a kernel failed")

    monkeypatch.setattr(Pipeline, "compute", broken)
    with pytest.raises(RuntimeError, match="a kernel failed"):
        Upscaler(family, "cpu")(photograph, 2)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((0, 4, 3), np.uint8), r"shape \(0, 4, 3\): expected"),
        (np.zeros((4, 4, 5), np.uint8), "channels first"),
        (np.zeros((9, 9, 5), np.uint8), "expected"),
        (np.zeros((3, 40, 60), np.uint8), r"channels first: give image.transpose\(1, 2, 0\)"),
        (np.zeros((1, 3, 40, 60), np.uint8), "expected"),
        (np.zeros(4, np.uint8), "expected"),
        (np.array(7, np.uint8), "expected"),
        (np.zeros((4, 4, 3), np.float32), r"float32: expected uint8 or uint16. Of 0 to 1 make \(image \* 255\)"),
        (np.full((4, 4), np.nan), "float64: expected"),
        (np.zeros((4, 4), bool), r"bool: expected uint8 or uint16. Give image.astype\(np.uint8\) \* 255"),
        (np.zeros((4, 4, 3), np.int64), "int64: expected uint8 or uint16. Give image.astype"),
        (np.full((4, 4), "x"), "expected uint8 or uint16"),
        (torch.zeros(3, 8, 8), "a numpy array or a PIL image, and this is a Tensor"),
        ("photo.jpg", "this is a str. Open a file by PIL.Image.open"),
        ([[0, 255]], "this is a list"),
        (None, "this is a NoneType"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(family, image, words):
    with pytest.raises(ValueError, match=words) as error:
        Upscaler(family, "cpu")(image, 2)
    assert str(error.value).startswith("An image ")
    assert str(error.value).endswith(".")


def test_the_order_in_memory_does_not_matter(family):
    image = np.random.default_rng(0).integers(0, 65536, (30, 40, 3), dtype=np.uint16)
    upscaler = Upscaler(family, "cpu")
    expected = upscaler(image, 2)
    swapped = upscaler(image.astype(">u2"), 2)
    assert swapped.dtype == np.dtype(">u2")
    assert np.array_equal(swapped, expected)
    strided = np.repeat(image, 2, axis=1)[:, ::2]
    locked = image.copy()
    locked.flags.writeable = False
    for other in (strided, locked, np.asfortranarray(image), image[::-1][::-1]):
        assert np.array_equal(upscaler(other, 2), expected)


def test_unusable_networks_and_options_are_refused_with_a_message():
    with pytest.raises(ValueError, match="three channels"):
        Upscaler(CAEResNet(1, 1), "cpu")
    with pytest.raises(ValueError, match="tile=8"):
        Upscaler(small(2), "cpu", 8)
    with pytest.raises(ValueError, match="precision='int8'"):
        Upscaler(small(2), "cpu", precision="int8")
    with pytest.raises(ValueError, match="is not known"):
        choose_device("toaster")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="not available"):
            choose_device("cuda")


def test_options_name_the_networks_and_how_they_are_used(photograph):
    with pytest.raises(ValueError, match="model=auto is chosen for a file"):
        Upscaler.from_options(UpscaleOptions())
    options = UpscaleOptions(model="lite", tile=64, ensemble=True, precision="float32", device="cpu")
    upscaler = Upscaler.from_options(options)
    assert (upscaler.tile, upscaler.symmetries, upscaler.true_to_input) == (64, 8, False)
    assert (upscaler.requested_precision, upscaler.device) == ("float32", torch.device("cpu"))
    assert list(upscaler.models) == [model.config.scale for model in load_family("lite")]
    for texture, models in ((40, load_blend(0.4)), (100, load_family("texture"))):
        blended = Upscaler.from_options(UpscaleOptions(texture=texture, device="cpu"))
        assert np.array_equal(blended(photograph[:20, :20], 4), Upscaler(models, "cpu")(photograph[:20, :20], 4))


@settings(max_examples=15)
@given(st.integers(5, 70), st.integers(5, 70), st.integers(MIN_TILE, 64))
def test_an_ensemble_is_the_mean_over_eight_symmetries_tiled_or_whole(height, width, tile):
    net = small(2)
    plane = torch.rand(3, height, width, generator=torch.Generator().manual_seed(height * width))
    image = (plane.permute(1, 2, 0) * 255).byte().numpy()
    tiled = Upscaler(net, "cpu", tile=tile, ensemble=True)(image, 2)
    plain, results = Upscaler(net, "cpu", tile=1024), []
    for flip in (False, True):
        for quarters in range(4):
            turned = np.rot90(image[:, ::-1] if flip else image, quarters)
            back = np.rot90(plain(np.ascontiguousarray(turned), 2), -quarters).astype(float)
            results.append(back[:, ::-1] if flip else back)
    least, greatest = around(image.astype(float), (2 * height, 2 * width), 2, reach=2)
    slack = (greatest - least) / 8 - 1
    is_free = ((results > least - slack) & (results < greatest + slack)).all(axis=0)  # none of the eight was limited
    assert is_free.mean() > 0.5
    assert np.abs(tiled - np.mean(results, axis=0))[is_free].max() <= 1.5  # each was rounded to bytes


def test_an_ensemble_counts_its_tiles_and_can_be_cancelled_between_them(photograph):
    upscaler = Upscaler(small(2), "cpu", tile=64, ensemble=True)
    steps = list(upscaler.upscale_rows(photograph, 2, lambda strip: None))
    assert len(steps) == steps[-1].total == upscaler.count_tiles(*photograph.shape[:2], 2)


@pytest.mark.parametrize("scale", [2, 2.7, 4])
def test_true_to_input_gives_the_input_when_reduced_again(photograph, scale):
    source = photograph[:60, :80]
    upscalers = [Upscaler([small(2), small(3), small(4)], "cpu", true_to_input=true) for true in (False, True)]
    plain, corrected = (upscaler(source, scale) for upscaler in upscalers)
    assert plain.shape == corrected.shape
    assert contradiction(corrected, source)[1] > max(45, contradiction(plain, source)[1] + 3)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_very_narrow_pictures_are_upscaled_in_bfloat16_as_in_float32(width, family):
    image = np.linspace(0, 255, 9 * width * 3).reshape(9, width, 3).astype(np.uint8)
    exact = Upscaler(family, "cpu", precision="float32")(image, 3).astype(int)
    for _ in range(20):
        assert abs(Upscaler(family, "cpu", precision="bfloat16")(image, 3) - exact).max() <= 2
