"""What enlarging costs: time and memory per output megapixel, of every checkpoint and of peers (networks.py).

    python benchmarks/speed.py [cpu] [cuda]

A 256×256 picture on the CPU, 512×512 on CUDA (a smaller one would time the launches); float32, on CUDA bfloat16 too.
The networks take turns in one process, so that a machine's moods fall on all alike, and the median counts. Peak memory
is measured in a fresh process for each. Run it on Linux, on an idle machine.

Writes benchmarks/results/speed.json. Without words it measures on the devices that are here; what the file has of
others stays, with its date. `--figures` measures nothing: it takes the PSNR anew, when a checkpoint has changed.
"""

import argparse
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import networks
import torch
from networks import Network
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

RESULTS = Path(__file__).parent / "results" / "speed.json"
COMMAND = "python benchmarks/speed.py"
SIDES = {"cpu": 256, "cuda": 512}
ROUNDS, FEWEST, SECONDS = 15, 3, 6  # turns of a network: as many as fit into so many seconds, within bounds
KERNEL = Path("/proc/self")  # where Linux tells a process of its memory


def by_turns(calls: dict[str, Callable[[], object]], wait: Callable[[], None] = lambda: None) -> dict[str, list[float]]:
    """Milliseconds of each call, until `wait` says that it is done, the calls taking turns.

    A slow call has fewer turns, spread over the whole time, so that it sees the same weather as the others.
    """

    def milliseconds(call: Callable[[], object]) -> float:
        began = time.perf_counter()
        call()
        wait()
        return 1e3 * (time.perf_counter() - began)

    affordable = {name: int(1e3 * SECONDS / milliseconds(call)) for name, call in calls.items()}
    turns = {name: min(max(count, FEWEST), ROUNDS) for name, count in affordable.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for done in range(ROUNDS):
        for name, call in calls.items():
            if (done + 1) * turns[name] // ROUNDS > done * turns[name] // ROUNDS:
                times[name].append(milliseconds(call))
    return times


def kmac(model: nn.Module, x: torch.Tensor) -> float:
    """Thousands of multiplications with addition for a pixel of x, in convolutions, matrix products and attention."""
    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops() / 2 / x[0, 0].numel() / 1e3


@torch.inference_mode()
def on_cpu(chosen: list[Network]) -> list[dict[str, Any]]:
    """A row for each network: what it is, and what it costs on all CPU cores."""
    side, rows = SIDES["cpu"], {}
    calls: dict[str, Callable[[], object]] = {}
    for network in chosen:
        model, x = network.model(), network.picture(side)
        row = {"name": network.name, "kind": network.kind, "scale": network.scale}
        row |= {"parameters": sum(p.numel() for p in model.parameters())}
        row |= {"kmac_per_pixel": round(kmac(model, x), 1)}  # this pass is the warm-up, too
        rows[network.name], calls[network.name] = row, partial(model, x)
    times = by_turns(calls)
    for network in chosen:
        ms, megapixels = statistics.median(times[network.name]), network.megapixels(side)
        rows[network.name] |= {
            "ms": round(ms, 2),
            "fastest_ms": round(min(times[network.name]), 2),
            "rounds": len(times[network.name]),
            "ms_per_mp": round(ms / megapixels, 2),
            "mb_per_mp": round(alone(network.name) / megapixels, 1),
            **figures(network),
        }
        print(json.dumps(rows[network.name], ensure_ascii=False), flush=True)
    return list(rows.values())


def figures(network: Network) -> dict[str, Any]:
    """What is known of a network without measuring its cost."""
    return {"psnr": network.psnr, "source": network.source}


def alone(name: str) -> float:
    """Peak memory of a network on the CPU, in megabytes, from a process of its own."""
    command = [sys.executable, __file__, "--memory", name]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@torch.inference_mode()
def peak(network: Network) -> float:
    """By how many megabytes this process grows at most while it enlarges a picture, after a small one."""
    model, x = network.model(), network.picture(SIDES["cpu"])
    model(network.picture(32))
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back (glibc), so that it is not counted as ours already
    (KERNEL / "clear_refs").write_text("5")  # forget the highest memory so far (Linux, man proc_pid_clear_refs)
    before = resident("VmRSS")
    model(x)
    return resident("VmHWM") - before


def resident(what: str) -> float:
    """This process's resident memory in megabytes, now (VmRSS) or at the highest (VmHWM)."""
    lines = (KERNEL / "status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(what)) / 1e6


@torch.inference_mode()
def on_cuda(chosen: list[Network]) -> dict[str, dict[str, float]]:
    """Time and peak memory of each network on the GPU, in float32 and in bfloat16."""
    side, rows = SIDES["cuda"], {network.name: dict[str, float]() for network in chosen}
    for prefix, dtype in (("", torch.float32), ("half_", torch.bfloat16)):
        calls: dict[str, Callable[[], object]] = {}
        for network in chosen:
            model, x = network.model().to("cuda", dtype), network.picture(side).to("cuda", dtype)
            calls[network.name] = partial(model, x)
            model(x)  # warm-up
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            model(x)
            megabytes = (torch.cuda.max_memory_allocated() - before) / 1e6
            rows[network.name][f"{prefix}mb_per_mp"] = round(megabytes / network.megapixels(side), 1)
        times = by_turns(calls, wait=torch.cuda.synchronize)
        for network in chosen:
            ms = statistics.median(times[network.name])
            rows[network.name] |= {f"{prefix}ms": round(ms, 3)}
            rows[network.name] |= {f"{prefix}ms_per_mp": round(ms / network.megapixels(side), 3)}
    return rows


def processor() -> str:
    """What the machine calls its CPU, with the number of threads used."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {torch.get_num_threads()} threads"


def busy(seconds: float = 3) -> float:
    """How many cores other programs use, before we begin: near 0 on an idle machine."""

    def spent() -> list[int]:  # by all cores since the start: user, nice, system, idle, waiting, …
        return [int(ticks) for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]

    before = spent()
    time.sleep(seconds)
    ticks = [now - then for now, then in zip(spent(), before, strict=True)]
    return round((os.cpu_count() or 1) * (1 - (ticks[3] + ticks[4]) / sum(ticks)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time and memory per output megapixel, ours and peers'.")
    here = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    parser.add_argument("devices", nargs="*", help="cpu, cuda; those that are here")
    parser.add_argument("--figures", action="store_true", help="measure nothing; only take PSNR and sources anew")
    parser.add_argument("--memory", metavar="NAME", help="only print the peak memory of one network on the CPU, in MB")
    arguments = parser.parse_args()
    chosen = networks.everything()
    if arguments.memory:
        print(peak(next(network for network in chosen if network.name == arguments.memory)))
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if arguments.figures:
        known = {network.name: figures(network) for network in chosen}
        results["networks"] = [row | known[row["name"]] for row in results["networks"] if row["name"] in known]
        here = []
    for device in arguments.devices or here:
        about = {"date": str(date.today()), "torch": torch.__version__, "side": SIDES[device], "command": COMMAND}
        if device == "cpu":
            results |= about | {"cpu": processor(), "busy": busy(), "networks": on_cpu(chosen)}
        else:
            results["cuda"] = about | {"device": torch.cuda.get_device_name(), "networks": on_cuda(chosen)}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
