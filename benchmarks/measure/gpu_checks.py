"""What `benchmarks.measure.engine --device cuda` checks beside speed; on a CPU a rehearsal with small pictures.

Each check returns rows with `ok` where there is something to be met, and one that fails costs no other.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks import ROOT
from benchmarks.costs import medians, time_in_turns
from benchmarks.pictures import COFFEE, read_rgb, tiled_photograph
from caesr import CAEResNet, Upscaler
from caesr.engine.row_engine import with_precision
from caesr.engine.tile_engine import TileEngine, upscale_bytes

Row = dict[str, Any]
LITE, BASE = "caesr-lite-x4", "caesr-base-x4"
MAX_SHARE = 0.005  # of 8-bit values in which float16 may differ from float32
MOST = {"uint8": 1, "uint16": 4}  # levels in which float32 may differ from a CPU's, or tiled from whole
CANCELLED_RUNS = 30
COMPILE_MODES = ("eager", "default")  # tuning takes minutes


def network(name: str) -> CAEResNet:
    return CAEResNet.from_pretrained(ROOT / "zoo" / "checkpoints" / name)


def upscaler(name: str, device: str, tile: int | str = "auto", precision: str = "auto", **choices: Any) -> Upscaler:
    """Return an Upscaler that computes whole tiles, on a CPU too."""
    made = Upscaler(network(name), device, tile, precision=precision, **choices)
    made.tile_engine = made.tile_engine or TileEngine(made.device)
    return made


def difference(a: np.ndarray, b: np.ndarray) -> tuple[int, float]:
    """Return the largest difference in levels, and the share of values that differ."""
    return int(np.abs(a.astype(int) - b).max()), round(float((a != b).mean()), 6)


def depths(image: np.ndarray) -> list[np.ndarray]:
    """Return a picture of 8 bits, and the same of 16."""
    return [image, image.astype(np.uint16) * 257]


def environment(device: str) -> list[Row]:
    """Say on what the checks ran."""
    if device == "cpu":
        return [{"torch": torch.__version__}]
    return [
        {
            "torch": torch.__version__,
            "card": torch.cuda.get_device_name(),
            "capability": torch.cuda.get_device_capability(),
            "kernels": torch.cuda.get_arch_list(),
            "cudnn": torch.backends.cudnn.version(),
        }
    ]


def fidelity(device: str) -> list[Row]:
    """Compare each precision with a CPU's float32."""
    side, rows = 200 if device == "cuda" else 48, []
    for name in (LITE, BASE):
        for image in depths(read_rgb(COFFEE)[:side, :side]):
            exact = Upscaler(network(name), "cpu", precision="float32")(image, 4)
            for precision in ("float32", "float16", "bfloat16"):
                most, share = difference(upscaler(name, device, precision=precision)(image, 4), exact)
                row: Row = {"checkpoint": name, "depth": str(image.dtype), "precision": precision}
                row |= {"most": most, "share": share}
                if precision == "float32":
                    row["ok"] = most <= MOST[str(image.dtype)]
                elif precision == "float16" and image.dtype == np.uint8:
                    row["ok"] = most <= 1 and share < MAX_SHARE
                rows.append(row)
    return rows


def seams(device: str) -> list[Row]:
    """Compare tiles of several sizes with the whole."""
    photograph, rows = read_rgb(COFFEE), []
    name, image, tiles = (
        (BASE, photograph, (32, 100, "auto")) if device == "cuda" else (LITE, photograph[:70, :90], (32,))
    )
    for precision in ("float32", "auto"):
        for picture in depths(image):
            whole = upscaler(name, device, 4096, precision)(picture, 4)
            for tile in tiles:
                most, share = difference(upscaler(name, device, tile, precision)(picture, 4), whole)
                row = {"precision": precision, "depth": str(picture.dtype), "tile": tile, "most": most, "share": share}
                exact = precision == "float32"
                if exact or picture.dtype == np.uint8:
                    row["ok"] = most <= MOST[str(picture.dtype)] and (exact or share < MAX_SHARE)
                rows.append(row)
    return rows


def waits(device: str) -> list[Row]:
    """Count how often the host waits for the GPU while tiles are launched: never, once weights and taps are there."""
    if device == "cpu":
        return []
    image, rows = tiled_photograph(512, 512), []
    for scale, true_to_input in ((4, False), (2.5, False), (4, True)):
        one = upscaler(LITE, device, 256, true_to_input=true_to_input)
        one(image, scale)
        assert one.tile_engine is not None
        launch, count = one.tile_engine.launch, 0

        def launch_watched(plane: Any, window: Any, launch: Any = launch) -> Any:
            nonlocal count
            torch.cuda.set_sync_debug_mode("warn")
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                tile = launch(plane, window)
            torch.cuda.set_sync_debug_mode("default")
            count += len(caught)
            return tile

        one.tile_engine.launch = launch_watched  # type: ignore[method-assign]
        one(image, scale)
        rows.append({"scale": scale, "true_to_input": true_to_input, "waits": count, "ok": count == 0})
    return rows


def scarce_memory(device: str) -> list[Row]:
    """Upscale on a card with little memory left: torch's own errors, in whichever step, and the picture is the same."""
    if device == "cpu":
        return []
    image, rows = tiled_photograph(1024, 1024), []
    exact = upscaler(BASE, device, precision="float32")(image, 4)
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        for megabytes in (900, 500, 300, 200):
            torch.cuda.empty_cache()
            torch.cuda.set_per_process_memory_fraction(megabytes * 2**20 / total)
            row: Row = {"megabytes": megabytes}
            try:
                row["most"], row["share"] = difference(upscaler(BASE, device, 1024, "float32")(image, 4), exact)
                row["ok"] = row["most"] <= 1
            except RuntimeError as error:
                row |= {"failed": str(error)[:120], "ok": False}
            rows.append(row)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    return rows


def cancelled_runs(device: str) -> list[Row]:
    """Cancel at random tiles, with buffers in flight, and upscale at once again: always the same picture."""
    image = read_rgb(COFFEE) if device == "cuda" else read_rgb(COFFEE)[:70, :70]
    one, random = upscaler(LITE, device, 64 if device == "cuda" else 32), np.random.default_rng(0)
    expected, most = one(image, 4), 0
    for _ in range(CANCELLED_RUNS if device == "cuda" else 3):
        steps = one.upscale_rows(image, 4, lambda strip: None)
        for _ in range(int(random.integers(1, 5))):
            next(steps)
        steps.close()
        most = max(most, difference(one(image, 4), expected)[0])
    return [{"most": most, "ok": most == 0}]


@torch.inference_mode()
def compiled_tiles(device: str) -> list[Row]:
    """Time the function of a tile by itself, eager and compiled: gigapixels of the result a second."""
    side, rows = 1088 if device == "cuda" else 64, list[Row]()
    for name in (LITE, BASE):
        model = half_network(name, device)
        pixels = torch.randint(0, 256, (1, side, side, 3), dtype=torch.uint8, device=device)
        for mode in COMPILE_MODES if device == "cuda" else ("eager",):
            function = upscale_bytes if mode == "eager" else torch.compile(upscale_bytes, mode=mode, dynamic=False)
            call = partial(function, model, pixels, True)
            row: Row = {"checkpoint": name, "mode": mode}
            try:
                began = time.perf_counter()
                call()
                row["start_seconds"] = round(time.perf_counter() - began, 1)
                seconds = tile_seconds(call, device)
                row["gigapixels_a_second"] = round(16e-9 * side**2 / seconds, 3)
            except Exception as error:  # a missing compiler raises many types
                row["failed"] = str(error)[:120]
            rows.append(row)
    return rows


@torch.inference_mode()
def stacked_tiles(device: str) -> list[Row]:
    """Time small pictures alone and several in a launch: milliseconds a picture."""
    rows, model = [], half_network(LITE, device)
    for side in (64, 128, 256, 512) if device == "cuda" else (32,):
        for count in (1, 2, 8):
            pixels = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device=device)
            seconds = tile_seconds(partial(upscale_bytes, model, pixels, True), device)
            rows.append({"side": side, "stacked": count, "ms_each": round(1e3 * seconds / count, 3)})
    return rows


def half_network(name: str, device: str) -> CAEResNet:
    """Return a network in float16 on a device."""
    model = with_precision(network(name), torch.float16)
    return model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def tile_seconds(call: Callable[[], object], device: str) -> float:
    """Return the median of the seconds that a call takes on a device."""
    wait = torch.cuda.synchronize if device == "cuda" else None
    return medians(time_in_turns({"call": call}, 9 if device == "cuda" else 1, wait=wait))["call"]


CHECKS: tuple[Callable[[str], list[Row]], ...] = (
    environment, fidelity, seams, waits, cancelled_runs, scarce_memory, stacked_tiles, compiled_tiles,
)  # fmt: skip


def run_check(check: Callable[[str], list[Row]], device: str) -> list[Row]:
    """Return the rows of a check; of one that fails, a row that says why."""
    try:
        return check(device)
    except Exception as error:  # whatever it is, the other checks go on: the machine may be lent for minutes
        return [{"failed": f"{type(error).__name__}: {error}"[:300], "ok": False}]
