"""What the engine does on a GPU, from array to array: output a second, and how near that comes to a matrix product.

    python benchmarks/gpu.py [NAME …] [--device cuda] [--side 4096] [--out benchmarks/results/gpu.json]

lite and base as they are in the zoo, and the architecture of `large` with random weights, each ×4 in bfloat16 and
float32; every enlargement is measured between two matrix products of the same type, the median of five counts. Wants
torch, numpy, pillow and safetensors only, as a borrowed machine may have no more. (`--device cpu --side 256` shows that
it runs.)
"""

import argparse
import json
import statistics
import time
import tomllib
from collections import deque
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from caesr import CAEResNet, Upscaler

ROOT = Path(__file__).parent.parent
NAMES = ("caesr-lite-x4", "caesr-base-x4", "caesr-large-x4")
PRODUCTS = {"cuda": 8192, "cpu": 1024}  # rows and columns of the matrices
ROUNDS = 5


def network(name: str) -> CAEResNet:
    """From the zoo, or as its recipe has it."""
    folder = ROOT / "zoo" / "checkpoints" / name
    if folder.exists():
        return CAEResNet.from_pretrained(folder)
    recipe = tomllib.loads((ROOT / "zoo" / "recipes" / f"{name}.toml").read_text())
    return CAEResNet(**recipe["model"])


def work(model: CAEResNet) -> float:
    """Floating-point operations for a pixel of the picture."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, 64, 64))
    return counter.get_total_flops() / 64**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME")
    parser.add_argument("--device", choices=PRODUCTS, default="cuda")
    parser.add_argument("--side", type=int, default=4096, help="of the picture, in pixels")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "gpu.json")
    options = parser.parse_args()
    on_gpu = options.device == "cuda"

    def seconds(call: Callable[[], object]) -> float:
        began = time.perf_counter()
        call()
        if on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - began

    part = np.array(Image.open(ROOT / "examples" / "coffee.png").convert("RGB"))
    times = -(-options.side // min(part.shape[:2]))
    image = np.tile(part, (times, times, 1))[: options.side, : options.side]
    rows, size = [], PRODUCTS[options.device]
    for name in options.names:
        model = network(name)
        flops, scale = work(model), model.config.scale
        for precision in ("bfloat16", "float32"):
            upscaler = Upscaler(model, options.device, precision=precision)
            a = torch.rand(size, size, device=options.device).to(upscaler.precision)
            enlarging, products = [], []
            if on_gpu:
                torch.cuda.reset_peak_memory_stats()
            for turn in range(ROUNDS + 1):
                spent = seconds(lambda: deque(upscaler.strips(image, scale), 0))  # noqa: B023  # called at once
                product = seconds(lambda: torch.matmul(a, a))  # noqa: B023
                if turn:  # the first one warms up
                    enlarging.append(spent)
                    products.append(product)
            spent, product = statistics.median(enlarging), statistics.median(products)
            pixels = image.shape[0] * image.shape[1]
            row = {
                "network": name,
                "precision": precision,
                "gigapixels_per_second": round(1e-9 * pixels * scale**2 / spent, 4),
                "tflops": round(1e-12 * flops * pixels / spent, 3),
                "ceiling_tflops": round(2e-12 * size**3 / product, 3),
            }
            if on_gpu:
                row["device_mb"] = round(torch.cuda.max_memory_allocated() / 1e6)
            print(json.dumps(row), flush=True)
            rows.append(row)
    about = {"date": str(date.today()), "torch": torch.__version__, "side": options.side, "networks": rows}
    about["device"] = torch.cuda.get_device_name() if on_gpu else "CPU"
    options.out.write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
