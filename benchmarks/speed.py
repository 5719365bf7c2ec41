"""Milliseconds of every checkpoint for a 256×256 picture on all CPU cores, and on CUDA where there is one.

    python benchmarks/speed.py

The checkpoints take turns in one process, so that a machine's moods fall on all alike; the median counts.
Run it on an idle machine. Writes benchmarks/results/speed.json.
"""

import json
import platform
import statistics
import time
from datetime import date
from pathlib import Path

import torch

import zoo

RESULTS = Path(__file__).parent / "results" / "speed.json"
ROUNDS, SIDE = 15, 256


@torch.inference_mode()
def milliseconds(device: torch.device) -> dict[str, dict[str, float]]:
    """Median and fastest time of each checkpoint, the picture already on the device."""
    models = {name: zoo.load(name).to(device) for name in zoo.names()}
    x = torch.rand(1, 3, SIDE, SIDE, device=device).contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(ROUNDS + 2):
        for name, model in models.items():
            began = time.perf_counter()
            model(x)
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(1e3 * (time.perf_counter() - began))
    return {
        name: {"median": round(statistics.median(values[2:]), 2), "fastest": round(min(values), 2)}
        for name, values in times.items()
    }


def processor() -> str:
    """What the machine calls its CPU, with the number of threads used."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads"


def main() -> None:
    results: dict[str, object] = {"date": str(date.today()), "torch": torch.__version__, "side": SIDE}
    results |= {"command": "python benchmarks/speed.py", "cpu": processor()}
    results["cpu_ms"] = milliseconds(torch.device("cpu"))
    if torch.cuda.is_available():
        results |= {"cuda": torch.cuda.get_device_name(), "cuda_ms": milliseconds(torch.device("cuda"))}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
