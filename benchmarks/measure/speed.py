"""Measure time and memory per output megapixel of every checkpoint and of peers (benchmarks/networks.py).

    python -m benchmarks.measure.speed [cpu] [cuda]

A 256×256 picture on the CPU, 512×512 on CUDA (with a smaller one the launches would be timed); float32, on CUDA
bfloat16 too. The networks take turns in one process, and the median counts. Peak memory is measured in a fresh process
for each. Run it on Linux, on an idle machine.

Writes benchmarks/results/speed.json. Without a device it measures on those of this machine; what the file has of others
stays, with its date. `--figures` measures nothing: it takes the PSNR anew, when a checkpoint has changed.
"""

import argparse
import statistics
import subprocess
import sys
from functools import partial
from typing import Any

import torch

from benchmarks import ROOT, results
from benchmarks.costs import Call, kmac, peak_bytes, time_in_turns
from benchmarks.networks import Network, all_networks

NAME = "speed"
SIDES = {"cpu": 256, "cuda": 512}  # of the input, in pixels
SECONDS = 6  # for all rounds of a network


@torch.inference_mode()
def measure_cpu(networks: list[Network]) -> list[dict[str, Any]]:
    """Return a row for each network: what it is, and what it costs on all CPU cores."""
    side = SIDES["cpu"]
    rows: list[dict[str, Any]] = []
    calls: dict[str, Call] = {}
    for network in networks:
        model, x = network.model(), network.picture(side)
        calls[network.name] = partial(model, x)
        rows.append(
            {
                "name": network.name,
                "kind": network.kind,
                "scale": network.scale,
                "parameters": sum(p.numel() for p in model.parameters()),
                "kmac_per_pixel": round(kmac(model, x), 1),
            }
        )
    times = time_in_turns(calls, seconds=SECONDS)
    for network, row in zip(networks, rows, strict=True):
        ms = [1e3 * spent for spent in times[network.name]]
        megapixels = network.megapixels(side)
        row |= {
            "ms": round(statistics.median(ms), 2),
            "fastest_ms": round(min(ms), 2),
            "rounds": len(ms),
            "ms_per_mp": round(statistics.median(ms) / megapixels, 2),
            "mb_per_mp": round(peak_mb_alone(network.name) / megapixels, 1),
            **figures(network),
        }
        results.show(row)
    return rows


def figures(network: Network) -> dict[str, Any]:
    """Return what is known of a network without measuring its cost."""
    return {"psnr": network.psnr, "source": network.source}


def peak_mb_alone(name: str) -> float:
    """Return the peak memory of a network on the CPU, in megabytes, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.measure.speed", "--memory", name]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


@torch.inference_mode()
def peak_mb(network: Network) -> float:
    """Return by how many megabytes this process grows at most while it upscales a picture, after a small one."""
    model, x = network.model(), network.picture(SIDES["cpu"])
    model(network.picture(32))
    return peak_bytes(partial(model, x)) / 1e6


@torch.inference_mode()
def measure_cuda(networks: list[Network]) -> dict[str, dict[str, float]]:
    """Return time and peak memory of each network on the GPU, in float32 and in bfloat16."""
    side = SIDES["cuda"]
    rows = {network.name: dict[str, float]() for network in networks}
    for prefix, dtype in (("", torch.float32), ("half_", torch.bfloat16)):
        calls: dict[str, Call] = {}
        for network in networks:
            model, x = network.model().to("cuda", dtype), network.picture(side).to("cuda", dtype)
            calls[network.name] = partial(model, x)
            model(x)  # warm-up
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            model(x)
            megabytes = (torch.cuda.max_memory_allocated() - before) / 1e6
            rows[network.name][f"{prefix}mb_per_mp"] = round(megabytes / network.megapixels(side), 1)
        times = time_in_turns(calls, seconds=SECONDS, wait=torch.cuda.synchronize)
        for network in networks:
            ms = 1e3 * statistics.median(times[network.name])
            rows[network.name] |= {f"{prefix}ms": round(ms, 3)}
            rows[network.name] |= {f"{prefix}ms_per_mp": round(ms / network.megapixels(side), 3)}
    return rows


def measure(device: str, networks: list[Network]) -> dict[str, Any]:
    """Measure on a device; returns the fields of speed.json that are about it."""
    about = results.header() | {"side": SIDES[device]}
    if device == "cpu":
        return about | {"networks": measure_cpu(networks)}
    return {"cuda": about | {"device": torch.cuda.get_device_name(), "networks": measure_cuda(networks)}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("devices", nargs="*", metavar="DEVICE", help="cpu, cuda; by default those of this machine")
    parser.add_argument("--figures", action="store_true", help="measure nothing; only take PSNR and sources anew")
    parser.add_argument("--memory", metavar="NAME", help="only print the peak memory of one network on the CPU, in MB")
    options = parser.parse_args()
    if unknown := set(options.devices) - SIDES.keys():
        parser.error(f"There is no {', '.join(unknown)}. There is: {', '.join(SIDES)}.")
    networks = all_networks()
    if options.memory:
        print(peak_mb(next(network for network in networks if network.name == options.memory)))
        return
    if options.figures:
        known = {network.name: figures(network) for network in networks}
        with results.update(NAME) as content:
            content["networks"] = [row | known[row["name"]] for row in content["networks"] if row["name"] in known]
        return
    for device in options.devices or (["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]):
        found = measure(device, networks)
        with results.update(NAME) as content:
            content |= found
    print("python -m benchmarks.tables renders the tables.")


if __name__ == "__main__":
    main()
