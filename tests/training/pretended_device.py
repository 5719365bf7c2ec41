"""A device that is not there: its tensors compute on the CPU, and say which device they are on.

What MPS cannot do raises, and whatever makes the host wait for the device is counted.
"""

from collections import Counter

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

WAITS = ("item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "nonzero", "new_tensor")


class OnDevice(torch.Tensor):
    """A tensor of the pretended device, around one of the CPU."""

    @staticmethod
    def __new__(cls, on_cpu: torch.Tensor, device: torch.device):
        if device.type == "mps" and on_cpu.dtype == torch.float64:
            raise TypeError("MPS has no float64")
        return torch.Tensor._make_wrapper_subclass(
            cls, on_cpu.shape, strides=on_cpu.stride(), dtype=on_cpu.dtype, device=device
        )

    def __init__(self, on_cpu: torch.Tensor, device: torch.device):
        self.on_cpu = on_cpu

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError(f"{function} outside of the mode")


class PretendedDevice(TorchFunctionMode):
    """A mode in which there is a device; `waits` counts by function what the host waited for."""

    def __init__(self, name: str):
        self.device, self.waits = torch.device(name), Counter[str]()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name, wrappers = function.__name__, {}
        if function == torch.Tensor.device.__get__:
            with torch._C.DisableTorchFunctionSubclass():
                return function(*args)

        def on_cpu(x):
            if isinstance(x, OnDevice):
                wrappers[id(x.on_cpu)] = x
                return x.on_cpu
            return torch.device("cpu") if is_device(x) else x

        def is_device(x):
            return isinstance(x, torch.device) and x.type == self.device.type

        is_named = any(map(is_device, (*args[1:], kwargs.get("device"))))
        args, kwargs = tree_map(on_cpu, (args, kwargs))
        was_on_device = bool(wrappers)
        is_on_device = is_named or (was_on_device and name != "cpu" and torch.device("cpu") not in args)
        if (was_on_device and name in WAITS) or (name == "tensor" and is_named):
            self.waits[name] += 1
        if name == "to" and was_on_device != is_on_device:
            self.waits[name] += not kwargs.get("non_blocking", False)

        def wrapped(x):
            if not isinstance(x, torch.Tensor) or not is_on_device:
                return x
            return wrappers[id(x)] if id(x) in wrappers else OnDevice(x, self.device)  # one that was changed in place

        return tree_map(wrapped, function(*args, **kwargs))
