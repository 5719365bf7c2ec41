"""CAESR: photographs enlarged by convolutional-autoencoder residual networks."""

from caesr.model import CAEResNet
from caesr.upscale import Upscaler

__all__ = ["CAEResNet", "Upscaler"]
__version__ = "0.1.0"
