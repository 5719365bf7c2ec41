"""The engine of GPUs, run on the CPU, and what can be known of a GPU without one: calls, dtypes, flags, errors."""

from collections import Counter
from contextlib import closing

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from caesr import CAEResNet, Upscaler
from caesr.engine import device as devices
from caesr.engine.device import choose_precision, free_device_memory, ieee_float32, is_device_lost, is_out_of_memory
from caesr.engine.pipeline import Pipeline
from caesr.engine.plan import Planner
from caesr.engine.row_engine import with_precision
from caesr.engine.tile_engine import QUANTUM, TileEngine, static_range, upscale_bytes
from caesr.files.lazy import LazyPixels
from caesr.imaging.arrays import to_array, to_tensors
from tests.conftest import small

FAMILY = [small(scale) for scale in (2, 3, 4)]
ARTICLE = CAEResNet(scale=2, upsampling="pre", widths=(8, 16)).eval()
CUDA = torch.device("cuda")
VIEWS = ("device", "slice", "permute", "view", "expand", "alias", "empty")  # operators that start nothing on a device


class Operators(TorchDispatchMode):
    """Counts operators as they reach a device."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.non_blocking: set[bool] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.counts[function.overloadpacket.__name__] += 1
        if function.overloadpacket.__name__ in ("_to_copy", "copy_"):
            self.non_blocking.add(bool((kwargs or {}).get("non_blocking") or (len(args) > 2 and args[2])))
        return function(*args, **(kwargs or {}))


def by_tiles(models, tile=4096, precision="float32", **choices) -> Upscaler:
    """Return an Upscaler that computes on the CPU as on a GPU."""
    upscaler = Upscaler(models, "cpu", tile, precision=precision, **choices)
    upscaler.tile_engine = TileEngine(upscaler.device)
    return upscaler


def noise(height: int, width: int, channels: int = 3, dtype=np.uint16) -> np.ndarray:
    most = np.iinfo(dtype).max + 1
    return np.random.default_rng(height * 100 + width).integers(0, most, (height, width, channels), dtype=dtype)


def difference(a: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    """Return the largest difference, and the share of values that differ."""
    return int(np.abs(a.astype(int) - b).max()), float((a != b).mean())


def operators_of(work) -> Counter[str]:
    """Run a function with the network lite on tensors that have shapes only; return the operators."""
    model, fake = with_precision(CAEResNet.from_pretrained("caesr-lite-x4"), torch.float16), FakeTensorMode()
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                with fake:
                    tensors[name] = None if tensor is None else torch.empty(tensor.shape, dtype=tensor.dtype)
    with fake, torch.no_grad(), Operators() as operators:
        work(model)
    return operators.counts


def test_on_a_gpu_a_tile_passes_through_the_network_at_once():
    assert Planner({}, CUDA, torch.float16, "auto", False).cache_bytes == float("inf")

    model, pixels = CAEResNet.from_pretrained("caesr-lite-x4"), torch.rand(3, 160, 24)

    def fetch(rows, columns):
        return pixels[:, slice(*rows), slice(*columns)]

    for by_rows in (True, False):
        with torch.no_grad(), Operators() as operators:
            Pipeline(fetch, (160, 24), [model], 4, by_rows=by_rows).compute((0, 640), (0, 96))
        assert 0 < operators.counts["convolution"] < 60


def test_a_whole_tile_takes_few_operators():
    def whole_tile(model):
        upscale_bytes(model, torch.empty(1, 1088, 1088, 3, dtype=torch.uint8), True)

    counts = operators_of(whole_tile)
    kernels = sum(count for name, count in counts.items() if name not in VIEWS)
    assert (counts["convolution"], kernels) == (20, 102)  # as docs/architecture.md says


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_give_what_rows_give(channels, dtype):
    image = noise(90, 75, channels, dtype)
    image[20:50, 10:40] = 0
    image[50:70, 10:40] = np.iinfo(dtype).max
    expected = Upscaler(FAMILY, "cpu", precision="float32")(image, 3)
    most, share = difference(by_tiles(FAMILY, 32)(image, 3), expected)
    assert most <= 1
    assert share < 0.01


@pytest.mark.parametrize(
    ("model", "scale", "choices"),
    [
        (FAMILY, 2.5, {}),
        (FAMILY, 8, {}),
        (FAMILY, 2, {"true_to_input": True}),
        (FAMILY, 2, {"ensemble": True}),
        (FAMILY, 3.3, {"ensemble": True, "true_to_input": True}),
        (ARTICLE, 2, {}),
    ],
)
def test_so_they_do_at_any_scale_with_any_options(model, scale, choices):
    image = noise(70, 51)
    expected = Upscaler(model, "cpu", precision="float32", **choices)(image, scale)
    assert difference(by_tiles(model, 32, **choices)(image, scale), expected)[0] <= 4


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (31, 33), (129, 40)])
def test_tiled_equals_whole_at_any_size(height, width):
    image = noise(height, width)
    assert difference(by_tiles(FAMILY, 32)(image, 4), by_tiles(FAMILY)(image, 4))[0] <= 4


def test_float16_differs_by_one_level_in_few_values(photograph):
    model = CAEResNet.from_pretrained("caesr-lite-x4")
    for image in (photograph[:64, :64], photograph[:128, 64:192]):
        exact = Upscaler(model, "cpu", precision="float32")(image, 4)
        half = by_tiles(model, precision="float16")(image, 4)
        most, share = difference(half, exact)
        assert most <= 1
        assert 0 < share < 0.005  # the limit of docs/speed.md
        assert difference(by_tiles(model, 40, "float16")(image, 4), half)[1] < 0.005


def test_a_file_that_is_decoded_meanwhile_gives_the_same():
    image, strips = noise(300, 40), []
    pixels = LazyPixels(image.shape, image.dtype, lambda start, stop: image[start:stop])
    upscaler = by_tiles(FAMILY, 64)
    upscaler.tiles_ahead = 2
    for _ in upscaler.upscale_rows(pixels, 2, strips.append):
        pass
    assert np.array_equal(np.concatenate(strips), upscaler(image, 2))
    assert pixels.start > 100  # rows that are done were dropped


def test_parts_of_a_picture_put_together_are_the_whole():
    image, strips = noise(150, 60), []
    for part in ((0, 64), (64, 150)):
        for _ in by_tiles(FAMILY, 32).upscale_rows(image, 2.5, strips.append, part):
            pass
    assert difference(np.concatenate(strips), by_tiles(FAMILY, 32)(image, 2.5))[0] <= 4


def test_what_float16_cannot_hold_is_computed_again_in_float32(caplog):
    image = noise(100, 70)
    upscaler = by_tiles(FAMILY, 32, "float16")
    upscaler.tiles_ahead = 2
    upscaler.inference_models[2].decoder[-1].weight.data[0] = float("inf")
    assert difference(upscaler(image, 2), by_tiles(FAMILY, 32)(image, 2))[0] <= 4
    assert caplog.text.count("it goes on in float32") == 1


def test_when_memory_runs_out_halves_are_joined_on_the_host():
    image, upscaler = noise(120, 90), by_tiles(FAMILY)
    launch, sides = upscaler.tile_engine.launch, []

    def little_memory(plane, window):
        sides.append(max(stop - start for start, stop in window))
        if sides[-1] > 100:
            raise RuntimeError("CUDA error: out of memory")
        return launch(plane, window)

    upscaler.tile_engine.launch = little_memory
    assert difference(upscaler(image, 2), by_tiles(FAMILY)(image, 2))[0] <= 4
    assert min(sides) <= 100


@pytest.mark.parametrize(("length", "stride"), [(1, 1), (33, 2), (500, 4), (4000, 8)])
def test_static_tiles_have_few_shapes_and_hold_what_they_need(length, stride):
    halo, sides = 19, set()
    for start in range(0, length, 200):
        stop = min(length, start + 200)
        first, last = static_range((2 * start, 2 * stop), length, 2, halo, stride)
        assert first % stride == 0
        assert first <= max(0, start - halo)
        assert last >= min(length, stop + halo)
        assert 0 <= first < last < length + stride
        sides.add(last - first)
    assert len(sides) <= 2 or all(side % QUANTUM == 0 for side in sides)


@pytest.mark.parametrize(
    ("device", "capability", "dtype"),
    [("cuda", (7, 5), torch.float16), ("cuda", (9, 0), torch.float16), ("cuda", (6, 1), torch.float32),
     ("mps", None, torch.float16)],
)  # fmt: skip
def test_float16_is_chosen_on_gpus_that_compute_it_faster(device, capability, dtype, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    assert choose_precision("auto", torch.device(device)) == dtype


def test_what_is_called_float32_is_not_tf32():
    seen = []
    upscaler = by_tiles(FAMILY)
    launch = upscaler.tile_engine._run
    upscaler.tile_engine._run = lambda *args: (seen.append(torch.backends.cudnn.allow_tf32), launch(*args))[1]
    upscaler(noise(9, 9), 2)
    assert seen == [False]
    before = torch.backends.cudnn.allow_tf32
    with ieee_float32():
        assert torch.backends.cudnn.enabled
    assert torch.backends.cudnn.allow_tf32 == before


def test_only_cuda_copies_without_waiting():
    """MPS would read memory that is released already."""
    image = noise(8, 8, dtype=np.uint8)
    for device, asynchronous in (("mps", False), ("cuda", True)):
        with pytest.MonkeyPatch.context() as patch:
            to, asked = torch.Tensor.to, []

            def recorded(tensor, *args, to=to, asked=asked, non_blocking=False, **kwargs):
                asked.append(non_blocking)
                return tensor if isinstance(args[0], torch.device) else to(tensor, *args, **kwargs)

            patch.setattr(torch.Tensor, "pin_memory", lambda self: self)
            patch.setattr(torch.Tensor, "to", recorded)
            to_tensors(image, device)
        assert (True in asked) == asynchronous
    with Operators() as operators:
        to_array(torch.zeros(3, 8, 8), None, image, wait=False)
    assert True not in operators.non_blocking


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no more"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried …"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        torch.AcceleratorError("CUDA error: out of memory"),
    ],
)
def test_every_allocator_that_has_no_more_is_understood(error):
    assert is_out_of_memory(error)
    assert not is_device_lost(error)


def test_other_errors_are_not_lack_of_memory():
    lost = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert is_device_lost(lost)
    for error in (lost, RuntimeError("The size of tensor a (3) must match"), ValueError("scale")):
        assert not is_out_of_memory(error)


def test_memory_that_torch_holds_unused_counts_as_free(monkeypatch):
    for name, value in {"memory_reserved": 700, "memory_allocated": 200}.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    assert free_device_memory(CUDA) == 1500


def test_planning_needs_no_device():
    models = {model.config.scale: model for model in FAMILY}
    planner = Planner(models, CUDA, torch.float16, "auto", False, 1e10)
    assert planner.count_tiles(3000, 4000, 4) == 3 * 4
    assert planner.estimate_memory(3000, 4000, 4, 3) > 3 * 3000 * 4000
    assert not torch.cuda.is_initialized()


def test_the_callers_network_stays_as_it_is(monkeypatch):
    network = CAEResNet(scale=2, widths=(4, 8)).train()
    monkeypatch.setattr("caesr.engine.upscaler.choose_device", torch.device)
    upscaler = Upscaler(network, "meta", precision="float32")
    assert next(upscaler.models[2].parameters()).is_meta
    assert next(network.parameters()).device.type == "cpu"
    assert network.training


def test_a_gpu_whose_kernels_do_not_run_is_not_chosen(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    devices.computes.cache_clear()
    assert devices.choose_device("auto").type == "cpu"  # there is none: the trial fails
    assert "computes nothing" in caplog.text
    devices.computes.cache_clear()


def test_cancelling_closes_the_run():
    steps = by_tiles(FAMILY, 32).upscale_rows(noise(100, 100), 2, lambda strip: None)
    with closing(steps):
        assert next(steps).done == 1
