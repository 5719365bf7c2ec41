"""ComfyUI node that upscales pictures by CAESR's `Upscaler`; its inputs are made from the table of options."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import zoo
from caesr import UpscaleOptions, Upscaler
from caesr.engine.auto_model import choose_by_pixels
from caesr.engine.progress import Progress
from caesr.imaging.resize import resize
from caesr.options import AUTO, Option, option_table

LEFT_OUT = ("keep_hidden_colours",)  # ComfyUI has transparency as a mask, apart from the picture
FIRST = ("model", "scale", "texture", "tile")  # the others are advanced
MAX_SIZE = 1 << 16  # of a field for pixels
DEVICES = ("cpu", "cuda", "mps")
STEPS = {"scale": 0.05, "megapixels": 0.1, "tile": 32}  # of the arrows; ComfyUI rounds typed whole numbers to them
WORDS = {  # where those of the table do not fit
    "model": "auto looks at the picture; a family takes its checkpoint for the scale",
    "device": "auto: the one that ComfyUI computes on",
    "texture": "only with the model texture; {}",
}
LEVELS = 65535  # of 16 bits: finer than what any picture file holds


class CaesrUpscale:
    """The node. A picture of ComfyUI is (B, H, W, 3), float32 in [0, 1]; a mask is (B, H, W) or (1, H, W)."""

    CATEGORY = "image/upscaling"
    DESCRIPTION = "Upscale by CAESR. The mask marks what the network leaves alone: there the picture is only resized."
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, dict[str, tuple]]:
        """Return the inputs: the picture, the options of the table, the mask."""
        rows = [row for row in option_table(UpscaleOptions) if row.name not in LEFT_OUT]
        required: dict[str, tuple] = {"image": ("IMAGE",)}
        required |= {row.name: describe_input(row) for row in rows if row.name in FIRST}
        mask = ("MASK", {"tooltip": "White stays as bicubic has it; grey is a mixture."})
        optional = {row.name: describe_input(row, advanced=True) for row in rows if row.name not in FIRST}
        return {"required": required, "optional": {"keep": mask, **optional}}

    def upscale(self, image: Tensor, keep: Tensor | None = None, **values: Any) -> tuple[Tensor]:
        """Upscale every picture of a batch.

        Args:
            image: (B, H, W, C), float in [0, 1].
            keep: (B, h, w) or (1, h, w) in [0, 1], of any size: 1 where the picture is only resized.
            values: options by name.
        Returns:
            (B, H', W', C), float32 in [0, 1].
        Raises:
            OptionError, ZooError, ValueError: an option cannot be, or the model is not to be had.
        """
        if values.get("model") != "texture":
            values.pop("texture", None)  # the dial shows a value always, and means something there alone
        options = UpscaleOptions(**values)
        if options.device == AUTO:
            options = replace(options, device=comfyui_device())
        if options.model == AUTO:  # one model for the whole batch, so that frames of a film are alike
            options = replace(options, model=choose_by_pixels(to_pixels(image[0].cpu())).model)
        scale = options.scale_for(image.shape[1], image.shape[2])
        upscaler = load_upscaler(replace(options, scale=1, width=None, height=None, long_side=None, megapixels=None))
        report = progress_reporter(len(image))
        results = [upscale_picture(upscaler, picture, scale, report) for picture in image.cpu()]
        result = torch.stack(results)
        if keep is not None:
            result = blend(result, image.cpu().float(), keep.cpu().float(), scale)
        return (result,)


def describe_input(row: Option, advanced: bool = False) -> tuple:
    """Return an option as ComfyUI describes an input: a kind, or choices, with default, bounds and words."""
    words = WORDS.get(row.name, "{}").format(row.help)
    more: dict[str, Any] = {"tooltip": words} | ({"advanced": True} if advanced else {})
    if row.name == "model":
        entries = [zoo.info(name) for name in zoo.names()]
        families = list(dict.fromkeys(entry.family for entry in entries))
        return [AUTO, *families, *zoo.names()], more | {"default": row.default}
    if row.choices or row.name == "device":
        choices = row.choices or (AUTO, *DEVICES)
        return list(choices), more | {"default": row.default}
    if row.kind is bool:
        return "BOOLEAN", more | {"default": row.default}
    most = row.most if row.most < math.inf else MAX_SIZE
    if row.allows_auto or (row.least > 0 and row.default is None):  # 0 stands for automatic, or for nothing asked for
        bounds: dict[str, Any] = {"default": 0, "min": 0, "max": most}
        more["tooltip"] += "; 0: automatic" if row.allows_auto else "; 0: not asked for"
    else:
        bounds = {"default": most if row.default is None else row.default, "min": row.least, "max": most}
    if row.kind is int:
        return "INT", more | {name: int(value) for name, value in bounds.items()} | {"step": STEPS.get(row.name, 1)}
    return "FLOAT", more | bounds | {"step": STEPS.get(row.name, 1.0)}


@lru_cache(maxsize=1)
def load_upscaler(options: UpscaleOptions) -> Upscaler:
    """Return the Upscaler of options; the last one is kept, so that the next run need not load it again."""
    return Upscaler.from_options(options)


def comfyui_device() -> str:
    """Return the device that ComfyUI computes on; outside it, or if it is of another kind than ours, "auto"."""
    try:
        from comfy.model_management import get_torch_device
    except ImportError:
        return AUTO
    device = get_torch_device()
    return str(device) if device.type in DEVICES else AUTO


def upscale_picture(upscaler: Upscaler, picture: Tensor, scale: float, report: Callable[[Progress], None]) -> Tensor:
    """Upscale one picture: (H, W, C) in [0, 1] -> (H', W', C)."""
    strips: list[np.ndarray] = []
    for progress in upscaler.upscale_rows(to_pixels(picture), scale, strips.append):
        report(progress)
    return torch.from_numpy(np.concatenate(strips).astype(np.float32) / LEVELS)


def to_pixels(picture: Tensor) -> np.ndarray:
    """Return a picture (H, W, C) in [0, 1] as an array of 16 bits."""
    return (picture.float().clamp(0, 1) * LEVELS).round().numpy().astype(np.uint16)


def progress_reporter(pictures: int) -> Callable[[Progress], None]:
    """Return what shows progress in ComfyUI and stops when its user does; outside ComfyUI it does nothing."""
    try:
        from comfy.model_management import throw_exception_if_processing_interrupted
        from comfy.utils import ProgressBar
    except ImportError:
        return lambda progress: None
    done, bar = 0, None

    def report(progress: Progress) -> None:
        nonlocal done, bar
        throw_exception_if_processing_interrupted()
        bar = bar or ProgressBar(progress.total * pictures)
        done += 1
        bar.update_absolute(done)

    return report


def blend(result: Tensor, image: Tensor, keep: Tensor, scale: float) -> Tensor:
    """Return the result, (B, H', W', C), with the resized image where the mask `keep` says so."""
    size = (result.shape[1], result.shape[2])
    resized = resize(image.permute(0, 3, 1, 2), scale, size).clamp(0, 1).permute(0, 2, 3, 1)
    share = F.interpolate(keep[:, None], size, mode="bilinear").clamp(0, 1)[:, 0, :, :, None]
    return torch.lerp(result, resized, share.expand_as(result))
