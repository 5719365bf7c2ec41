"""CAESR: photographs upscaled by convolutional-autoencoder residual networks."""

from caesr.engine.upscaler import Upscaler
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import load_family
from caesr.options import OutputOptions, UpscaleOptions
from zoo import __version__

__all__ = ["CAEResNet", "OutputOptions", "UpscaleOptions", "Upscaler", "__version__", "load_family"]
