"""How near the engine comes to what the machine can do, and what tiles, files and the start cost.

    python benchmarks/engine.py [--parts speed precision profile tiles start memory]

- speed: arithmetic of an enlargement, from array to array, beside the machine's own matrix products, measured in turns.
- precision: what bfloat16 costs in PSNR on Set5, of every checkpoint; needs $CAESR_DATA.
- profile: which operators take the time.
- tiles: how much of the work is done twice in a picture of 12 megapixels, counted, for tiles of several sizes.
- start: importing, the page's first answer, the first picture on it.
- memory: resident memory at most of the command line, for a small picture and for one of 100 megapixels times four
  (which takes minutes and 5 GB of disk).

Writes benchmarks/results/engine.json; what is not measured stays there, with its date. Run it on Linux, on an idle
machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from speed import busy, kmac, processor
from torch.utils.flop_counter import FlopCounterMode

import zoo
from caesr import Upscaler
from caesr.engine.row_engine import prepared
from caesr.evaluation.evaluate import evaluate, means
from caesr.files.data import data_folder
from caesr.files.picture import Picture
from caesr.files.write import write_picture
from caesr.model.caeresnet import CAEResNet

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "engine.json"
PHOTOGRAPH = ROOT / "examples" / "coffee.png"
CHECKPOINTS = ("caesr-lite-x4", "caesr-base-x4", "caesr-base-x2")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PRODUCT = 2048  # rows and columns of the matrices whose product is the ceiling
ROUNDS = 5
# A small process between, since the system counts the parent's memory as the child's until that is another program.
WATCH = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


def photograph(height: int, width: int) -> np.ndarray:
    """A picture of that size, laid out with a photograph: (H, W, 3) uint8."""
    part = np.array(Image.open(PHOTOGRAPH).convert("RGB"))
    times = -(-height // part.shape[0]), -(-width // part.shape[1])
    return np.ascontiguousarray(np.tile(part, (*times, 1))[:height, :width])


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def speed() -> list[dict[str, Any]]:
    """GFLOP/s of every way to enlarge, and of matrix products in between."""
    image, rows = photograph(512, 1024), []
    for precision, dtype in PRECISIONS.items():
        a = torch.rand(PRODUCT, PRODUCT).to(dtype)
        product = 2e-9 * PRODUCT**3
        for name in CHECKPOINTS:
            model = CAEResNet.from_pretrained(name)
            scale, whole = model.config.scale, prepared(model, dtype)
            upscaler = Upscaler(model, "cpu", precision=precision)
            x = torch.from_numpy(image).permute(2, 0, 1)[None].float().div(255)
            work = 2e-6 * kmac(model, x[..., :64, :64]) * image.shape[0] * image.shape[1]

            def at_once(model: Any = whole, x: torch.Tensor = x, half: bool = dtype != torch.float32) -> None:
                with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                    model(x)

            calls: dict[str, Callable[[], object]] = {
                "engine": partial(upscaler, image, scale),
                "whole": at_once,
                "product": partial(torch.matmul, a, a),
            }
            times: dict[str, list[float]] = {way: [] for way in calls}
            for done in range(ROUNDS + 1):
                for way, call in calls.items():
                    spent = seconds(call)
                    times[way] += [spent] if done else []  # the first one warms up
            middle = {way: statistics.median(spent) for way, spent in times.items()}
            row = {
                "checkpoint": name,
                "precision": precision,
                "ms_per_mp": round(1e3 * middle["engine"] / (image[..., 0].size * scale**2 / 1e6), 1),
                "whole_ms_per_mp": round(1e3 * middle["whole"] / (image[..., 0].size * scale**2 / 1e6), 1),
                "gflops": round(work / middle["engine"]),
                "ceiling_gflops": round(product / middle["product"]),
            }
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def losses() -> list[dict[str, Any]]:
    """PSNR on Set5 in either precision, and the difference."""
    rows = []
    for name in zoo.names():
        model = CAEResNet.from_pretrained(name)
        psnr = {}
        for precision in PRECISIONS:
            enlarge = partial(Upscaler(model, "cpu", precision=precision), scale=model.config.scale)
            psnr[precision] = means(evaluate(enlarge, data_folder() / "test" / "Set5", model.config.scale))["psnr_y"]
        lost = round(psnr["float32"] - psnr["bfloat16"], 4)
        rows.append({"checkpoint": name, **{way: round(value, 4) for way, value in psnr.items()}, "lost": lost})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def operators() -> list[dict[str, Any]]:
    """The share of the time of each operator, where it is a hundredth or more."""
    image, rows = photograph(512, 1024), []
    for name in CHECKPOINTS[:2]:
        upscaler = Upscaler(CAEResNet.from_pretrained(name), "cpu")
        upscaler(image[:64], 4)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            upscaler(image, 4)
        times = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in profile.key_averages()}
        shares = {key: round(spent / sum(times.values()), 3) for key, spent in times.items()}
        shares = dict(sorted(((k, v) for k, v in shares.items() if v >= 0.01), key=lambda item: -item[1]))
        rows.append({"checkpoint": name, "precision": str(upscaler.precision).removeprefix("torch."), "shares": shares})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def tiles() -> list[dict[str, Any]]:
    """The arithmetic that tiles of several sizes take, as a multiple of what the whole picture takes."""
    image, rows = photograph(3000, 4000), []
    model = CAEResNet.from_pretrained("caesr-lite-x2")
    needed = 2e3 * kmac(model, torch.zeros(1, 3, 64, 64)) * image.shape[0] * image.shape[1]
    for tile in ("auto", 2048, 1024, 512, 256):
        upscaler = Upscaler(model, "cpu", tile)
        with FlopCounterMode(display=False) as counter:
            took = seconds(partial(deque, upscaler.strips(image, 2), 0))
        work = counter.get_total_flops() / needed
        rows.append({"tile": tile, "work": round(work, 3), "seconds": round(took, 1)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def start() -> dict[str, float]:
    """Seconds of importing torch and CAESR, of the page until it answers, and of the first picture on it."""
    imports: dict[str, list[float]] = {"torch": [], "caesr": []}
    for _ in range(ROUNDS):
        for module, spent in imports.items():
            command = [sys.executable, "-c", f"import {module}"]
            spent.append(seconds(partial(subprocess.run, command, cwd=ROOT, check=True)))
    from gradio_client import Client, handle_file

    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.png"
        Image.fromarray(photograph(256, 256)).save(small)
        port = "17862"
        url = f"http://127.0.0.1:{port}"
        environment = os.environ | {"GRADIO_SERVER_PORT": port, "TMPDIR": folder}
        began = time.perf_counter()
        page = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    urllib.request.urlopen(url, timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.05)
            answered = time.perf_counter() - began
            client = Client(url, verbose=False, download_files=folder)
            first = seconds(lambda: client.predict(handle_file(small), "lite", 4, api_name="/upscale"))
        finally:
            page.terminate()
            page.wait()
    found = {f"import_{module}": statistics.median(spent) for module, spent in imports.items()}
    found |= {"page": answered, "first_picture": first}
    found = {name: round(value, 2) for name, value in found.items()}
    print(json.dumps(found), flush=True)
    return found


def memory() -> list[dict[str, Any]]:
    """Peak resident memory and time of the command line."""
    rows = []
    with tempfile.TemporaryDirectory(dir=ROOT.parent) as folder:
        for height, width, model, kind in (
            (256, 256, "base", "png"),
            (3000, 4000, "lite", "jpg"),
            (10000, 10000, "lite", "tif"),
        ):
            source = Path(folder) / "source.jpg"
            write_picture(Picture(photograph(height, width)), source, quality=90)
            command = [sys.executable, "-m", "caesr", "upscale", str(source), "-o", f"{folder}/large.{kind}"]
            command += ["--model", model, "--scale", "4"]
            began = time.perf_counter()
            watched = subprocess.run([sys.executable, "-c", WATCH, *command], cwd=ROOT, capture_output=True, check=True)
            row = {"megapixels": height * width / 1e6, "model": model, "format": kind}
            row |= {"mebibytes": round(int(watched.stdout) / 1024), "seconds": round(time.perf_counter() - began, 1)}
            row |= {"written_mb": round(Path(f"{folder}/large.{kind}").stat().st_size / 1e6)}
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


PARTS: dict[str, Callable[[], Any]] = {
    "speed": speed,
    "precision": losses,
    "profile": operators,
    "tiles": tiles,
    "start": start,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in parser.parse_args().parts:
        about = {"date": str(date.today()), "cpu": processor(), "busy": busy(), "torch": torch.__version__}
        results[part] = about | {"command": f"python benchmarks/engine.py --parts {part}", "found": PARTS[part]()}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
