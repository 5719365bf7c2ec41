"""ComfyUI: the node *Upscale (CAESR)*, and CAESR's checkpoints in ComfyUI's own *Load Upscale Model*."""

from contextlib import suppress

from .upscale_node import CaesrUpscale

with suppress(ImportError):  # no spandrel: ComfyUI has it, and the node does not need it
    from caesr.integrations.spandrel import install

    install()

NODE_CLASS_MAPPINGS = {"CaesrUpscale": CaesrUpscale}
NODE_DISPLAY_NAME_MAPPINGS = {"CaesrUpscale": "Upscale (CAESR)"}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
