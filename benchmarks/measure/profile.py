"""Measure which operators take the time of upscaling a picture on the CPU.

    python -m benchmarks.measure.profile

Writes benchmarks/results/profile.json: the share of each operator that takes a hundredth or more.
"""

import torch

from benchmarks import results
from benchmarks.pictures import tiled_photograph
from caesr import CAEResNet, Upscaler

CHECKPOINTS = ("caesr-lite-x4", "caesr-base-x4")
LEAST_SHARE = 0.01


def shares(upscaler: Upscaler, height: int, width: int) -> dict[str, float]:
    """Return the share of each operator in the time of upscaling a picture of this size, largest first."""
    image = tiled_photograph(height, width)
    upscaler(image[:64], 4)  # warm-up
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        upscaler(image, 4)
    times = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in profile.key_averages()}
    total = sum(times.values())
    largest_first = sorted(times.items(), key=lambda item: -item[1])
    return {name: round(spent / total, 3) for name, spent in largest_first if spent / total >= LEAST_SHARE}


def main() -> None:
    about, rows = results.header(), []
    for name in CHECKPOINTS:
        upscaler = Upscaler(CAEResNet.from_pretrained(name), "cpu")
        precision = str(upscaler.precision).removeprefix("torch.")
        rows.append({"checkpoint": name, "precision": precision, "shares": shares(upscaler, 512, 1024)})
        results.show(rows[-1])
    results.write("profile", about | {"found": rows})


if __name__ == "__main__":
    main()
