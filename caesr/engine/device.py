"""Devices: which one to compute on, in which precision, and how much memory is free."""

import logging
import math
import os
import re
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import torch
from torch.nn import functional as F

from caesr.options import PRECISIONS
from zoo.messages import Message

log = logging.getLogger("caesr.engine.device")

TENSOR_CORES = (7, 0)  # CUDA's capability from which on float16 is several times as fast as float32
# Texts of errors: of the allocators of CUDA, MPS and the CPU, of cuDNN and cuBLAS, and of cuDNN without workspace.
OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "ALLOC_FAILED",
    "nable to find an engine",
)
DEVICE_LOST = (
    "CUDA error",
    "device-side assert",
    "no kernel image",
    "unspecified launch failure",
    "illegal memory access",
)


def choose_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device of that name; for "auto" CUDA if it is there and computes, else MPS, else the CPU.

    Raises:
        ValueError: the device is unknown or not available.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return next(device for device in map(torch.device, available) if computes(device))
    words = {"device": repr(str(name)), "available": ", ".join(available)}
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(Message("device={device} is not known. Here there is: {available}.", **words)) from error
    if device.type not in available:
        raise ValueError(Message("device={device} is not available. Here there is: {available}.", **words))
    return device


@cache
def computes(device: torch.device) -> bool:
    """Return whether a device computes a convolution: a GPU may be older than the kernels of this torch."""
    if device.type == "cpu":
        return True
    try:
        y = F.conv2d(torch.ones(1, 1, 4, 4, device=device), torch.ones(1, 1, 3, 3, device=device))
        return y.sum().item() == 36
    except (RuntimeError, AssertionError) as error:
        log.warning("%s computes nothing here (%s): it is left out.", device, str(error).split("\n")[0])
        return False


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype of features.

    For "auto" float16 on a GPU that computes it faster (CUDA from 7.0 on, MPS), bfloat16 on a CPU that does, else
    float32. float16 has eight times the levels of bfloat16, and what it cannot hold is computed again in float32.

    Raises:
        ValueError: the precision is unknown.
    """
    if name not in PRECISIONS:
        words = {"precision": repr(name), "choices": ", ".join(PRECISIONS)}
        raise ValueError(Message("precision={precision}: choose from {choices}.", **words))
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "mps" or (device.type == "cuda" and torch.cuda.get_device_capability(device) >= TENSOR_CORES):
        return torch.float16
    return torch.bfloat16 if device.type == "cpu" and computes_bfloat16(device) else torch.float32


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 itself: a CPU with AVX512-BF16 or AMX, CUDA from 8.0 on, MPS.

    Elsewhere it is emulated, several times slower than float32.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    return device.type != "cpu" or any(check() for check in checks if check)


def ieee_float32() -> AbstractContextManager[None]:
    """Return a context in which cuDNN's float32 is that of IEEE 754; by default it rounds to the 10 bits of TF32."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


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


def free_device_memory(device: torch.device) -> float:
    """Return the bytes that tensors may still take on a device: what is free, and what torch holds there unused."""
    if device.type != "cuda":
        return free_memory()  # which a Mac's GPU shares
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def release_unused_memory() -> None:
    """Return to the system what torch holds unused of a GPU's memory and of the host's pinned memory."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
        empty_host_cache = getattr(torch.accelerator, "empty_host_cache", None)  # not in every release
        if empty_host_cache:
            empty_host_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether torch failed for lack of memory, on a GPU or on the host."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Return whether a GPU failed such that this process cannot use it again."""
    return not is_out_of_memory(error) and any(text in str(error) for text in DEVICE_LOST)
