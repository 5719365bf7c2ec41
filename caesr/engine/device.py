"""The machine that enlarges: its devices, how precisely they compute at their fastest, and how much memory is left."""

import math
import os
import re
from pathlib import Path

import torch

PRECISIONS = ("auto", "float32", "bfloat16")


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """The device of that name; "auto": CUDA where there is one, else MPS, else the CPU.

    Raises:
        ValueError: there is no such device here.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    if torch.cuda.is_available():
        here.insert(0, "cuda")
    if name == "auto":
        return torch.device(here[0])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device={name!r} is not known. Here there is: {', '.join(here)}.") from error
    if device.type not in here:
        raise ValueError(f"device={str(name)!r} is not available. Here there is: {', '.join(here)}.")
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The type that features are computed in: of that name, or by "auto" bfloat16 where the device has it.

    Raises:
        ValueError: there is no such precision.
    """
    if name not in PRECISIONS:
        raise ValueError(f"precision={name!r}: choose from {', '.join(PRECISIONS)}.")
    if name != "auto":
        return torch.float32 if name == "float32" else torch.bfloat16
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        asks = (getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile"))
        native = device.type == "cpu" and any(ask() for ask in asks if ask)
    return torch.bfloat16 if native else torch.float32


def free_memory() -> float:
    """Bytes of memory that a program may still take, of the machine's and of its container's; where the system does
    not say, half of what it has."""
    info = Path("/proc/meminfo")
    if not info.exists():
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
    fields = dict(line.split(":", 1) for line in info.read_text().splitlines())
    return min(1024 * float(fields["MemAvailable"].split()[0]), free_in_group(Path("/sys/fs/cgroup")))


def free_in_group(folder: Path) -> float:
    """Bytes that are left of what a control group of Linux (version 2) is allowed; infinite where nothing is said."""
    try:
        limit, used = ((folder / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        cached = re.search(r"^inactive_file (\d+)", (folder / "memory.stat").read_text(), re.MULTILINE)
    except OSError:
        return math.inf
    if limit == "max":
        return math.inf
    return max(0.0, float(limit) - float(used) + float(cached[1] if cached else 0))


def out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
