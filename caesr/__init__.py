"""CAESR: photographs upscaled by convolutional-autoencoder residual networks."""

import importlib
from typing import TYPE_CHECKING, Any

from caesr.options import OutputOptions, UpscaleOptions
from zoo import __version__

if TYPE_CHECKING:
    from caesr.engine.upscaler import Upscaler
    from caesr.model.caeresnet import CAEResNet
    from caesr.model.family import load_family

__all__ = ["CAEResNet", "OutputOptions", "UpscaleOptions", "Upscaler", "__version__", "load_family"]

# Imported when they are first asked for: torch takes seconds, which `caesr --help` does not wait for.
HOMES = {"Upscaler": "engine.upscaler", "CAEResNet": "model.caeresnet", "load_family": "model.family"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
