"""Measure how near the engine comes to the machine's own matrix products, in turns with them, on a CPU or a GPU.

    python -m benchmarks.measure.engine [NAME ...] [--device cuda] [--side 4096]
    python -m benchmarks.measure.engine --rehearse

NAME is a checkpoint, or a recipe whose network is then built with random weights; each is measured in float32 and half
precision, from array to array, tiles and bytes included; on the CPU also the network alone, on the whole picture as
PyTorch has it; on a GPU also the time for which the device computes, and how many kernels are launched, by PyTorch's
profiler. Then all else that can be known on a GPU only is checked (benchmarks/measure/gpu_checks.py), all together in
less than ten minutes. Needs torch, numpy, pillow and safetensors only, as a borrowed machine may have no more.

Writes benchmarks/results/engine.json, or gpu.json for a GPU, after every step, since a borrowed machine may be taken
back. `--rehearse` goes through the checks on the CPU with small pictures, and writes nothing.
"""

import argparse
import tomllib
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import ROOT, results
from benchmarks.costs import Call, kmac, medians, time_in_turns
from benchmarks.measure import gpu_checks
from benchmarks.pictures import tiled_photograph
from caesr import CAEResNet, Upscaler
from caesr.engine.row_engine import with_precision

NAMES = {
    "cpu": ("caesr-lite-x4", "caesr-base-x4", "caesr-base-x2"),
    "cuda": ("caesr-lite-x4", "caesr-base-x4", "caesr-large-x4"),
}
SIZES = {"cpu": (512, 1024), "cuda": (4096, 4096)}  # of the picture, in pixels
PRODUCTS = {"cpu": 2048, "cuda": 8192}  # rows and columns of the matrices
PRECISIONS = {
    "cpu": {"float32": torch.float32, "bfloat16": torch.bfloat16},
    "cuda": {"float32": torch.float32, "float16": torch.float16},
}
ROUNDS = 5


def network(name: str) -> CAEResNet:
    """Return a checkpoint of the zoo, or the network of a recipe with random weights."""
    folder = ROOT / "zoo" / "checkpoints" / name
    if folder.exists():
        return CAEResNet.from_pretrained(folder)
    recipe = tomllib.loads((ROOT / "zoo" / "recipes" / f"{name}.toml").read_text())
    return CAEResNet(**recipe["model"])


def measure(name: str, precision: str, device: str, image: np.ndarray) -> dict[str, Any]:
    """Return time and GFLOP/s of upscaling an image (H, W, 3), beside those of a matrix product of the same type."""
    model, dtype, size = network(name), PRECISIONS[device][precision], PRODUCTS[device]
    scale, pixels = model.config.scale, image.shape[0] * image.shape[1]
    gflop = 2e-6 * kmac(model, torch.zeros(1, 3, 64, 64)) * pixels
    matrix = torch.rand(size, size, device=device).to(dtype)
    calls: dict[str, Call] = {"product": partial(torch.matmul, matrix, matrix)}
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        x = torch.from_numpy(image).permute(2, 0, 1)[None].float().div(255)
        calls["whole"] = partial(upscale_whole, with_precision(model, dtype), x, dtype)
    upscaler = Upscaler(model, device, precision=precision)
    calls["engine"] = partial(upscale_rows, upscaler, image, scale)
    seconds = medians(time_in_turns(calls, ROUNDS, wait=torch.cuda.synchronize if device == "cuda" else None))
    megapixels = pixels * scale**2 / 1e6
    row = {
        "checkpoint": name,
        "precision": precision,
        "ms_per_mp": round(1e3 * seconds["engine"] / megapixels, 3),
        "gflops": round(gflop / seconds["engine"], 2),
        "ceiling_gflops": round(2e-9 * size**3 / seconds["product"], 2),
    }
    if device == "cuda":
        device_seconds, kernels = profile_device(calls["engine"])
        row |= {"device_ms_per_mp": round(1e3 * device_seconds / megapixels, 3), "kernels": kernels}
        return row | {"device_mb": round(torch.cuda.max_memory_allocated() / 1e6)}
    return row | {"whole_ms_per_mp": round(1e3 * seconds["whole"] / megapixels, 3)}


def profile_device(call: Call) -> tuple[float, int]:
    """Return the seconds for which a GPU computes or copies during a call, and how many kernels and copies that is."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        call()
        torch.cuda.synchronize()
    events = [event for event in profiler.events() if event.device_type.name == "CUDA"]
    return sum(event.device_time_total for event in events) / 1e6, len(events)


def upscale_rows(upscaler: Upscaler, image: np.ndarray, scale: int) -> None:
    """Upscale an image and drop the rows of the result: to assemble them would measure the host's memory."""
    for _ in upscaler.upscale_rows(image, scale, lambda rows: None):
        pass


@torch.inference_mode()
def upscale_whole(model: CAEResNet, x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return what a network makes of a whole picture on the CPU: (1, 3, H, W) -> (1, 3, sH, sW)."""
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        return model(x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--device", choices=SIZES, default="cpu")
    parser.add_argument("--side", type=int, help="of a square picture, in pixels")
    parser.add_argument("--rehearse", action="store_true", help="go through the checks of a GPU on the CPU")
    options = parser.parse_args()
    if options.rehearse:
        for check in gpu_checks.CHECKS:
            for row in gpu_checks.run_check(check, "cpu"):
                results.show({"check": check.__name__} | row)
        return
    about, is_gpu = results.header(), options.device == "cuda"
    if is_gpu:
        about["device"] = torch.cuda.get_device_name()
    height, width = (options.side, options.side) if options.side else SIZES[options.device]
    image, rows, checks = tiled_photograph(height, width), list[dict[str, Any]](), dict[str, list[dict[str, Any]]]()
    about |= {"height": height, "width": width, "found": rows}
    if is_gpu:
        about["checks"] = checks
    file = "gpu" if is_gpu else "engine"
    for precision in PRECISIONS[options.device]:
        for name in options.names or NAMES[options.device]:
            rows.append(measure(name, precision, options.device, image))
            results.show(rows[-1])
            results.write(file, about)
    for check in gpu_checks.CHECKS if is_gpu else ():
        checks[check.__name__] = gpu_checks.run_check(check, "cuda")
        for row in checks[check.__name__]:
            results.show({"check": check.__name__} | row)
        results.write(file, about)


if __name__ == "__main__":
    main()
