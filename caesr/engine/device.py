"""Devices: which one to compute on, in which precision, and how much memory is free."""

import math
import os
import re
from pathlib import Path

import torch

from caesr.options import PRECISIONS
from zoo.messages import Message


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; for "auto" CUDA if available, else MPS, else the CPU.

    Raises:
        ValueError: the device is unknown or not available.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return torch.device(available[0])
    words = {"device": repr(str(name)), "available": ", ".join(available)}
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(Message("device={device} is not known. Here there is: {available}.", **words)) from error
    if device.type not in available:
        raise ValueError(Message("device={device} is not available. Here there is: {available}.", **words))
    return device


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype of features; for "auto" bfloat16 where the device computes it natively, else float32.

    Raises:
        ValueError: the precision is unknown.
    """
    if name not in PRECISIONS:
        words = {"precision": repr(name), "choices": ", ".join(PRECISIONS)}
        raise ValueError(Message("precision={precision}: choose from {choices}.", **words))
    if name != "auto":
        return torch.float32 if name == "float32" else torch.bfloat16
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        checks = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
        native = device.type == "cpu" and any(check() for check in checks if check)
    return torch.bfloat16 if native else torch.float32


def free_memory() -> float:
    """Return the bytes of memory still available on this machine and in its container.

    Where the system does not say, return half of what it has.
    """
    info = Path("/proc/meminfo")
    if not info.exists():
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2
    fields = dict(line.split(":", 1) for line in info.read_text().splitlines())
    return min(1024 * float(fields["MemAvailable"].split()[0]), free_cgroup_memory(Path("/sys/fs/cgroup")))


def free_cgroup_memory(folder: Path) -> float:
    """Return the bytes left below the limit of a Linux control group (version 2); infinity without a limit."""
    try:
        limit, used = ((folder / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        cached = re.search(r"^inactive_file (\d+)", (folder / "memory.stat").read_text(), re.MULTILINE)
    except OSError:
        return math.inf
    if limit == "max":
        return math.inf
    return max(0.0, float(limit) - float(used) + float(cached[1] if cached else 0))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch failed for lack of memory, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
