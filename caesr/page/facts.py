"""What the page says of a picture and of what will become of it: sizes, time, the file's size, the model."""

import math
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import gradio as gr

import zoo
from caesr.files.picture import ImageInfo
from caesr.files.read import PAGED, inspect
from caesr.jobs.naming import result_format
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.controls import clamp_size
from caesr.page.device import Device
from caesr.page.drop_zone import Dropped
from caesr.page.models import AUTO_MODEL, choice_for, family_of, resolve
from caesr.page.planner import Plan, count_channels
from caesr.page.translations import error_text, say, translate

LARGE_PIXELS = 3e6  # of a picture from which ×2 is suggested
VERY_LARGE_PIXELS = 50e6  # of a result, before which the page asks
FORMAT_NAMES = {"jpg": "JPEG", "png": "PNG", "webp": "WebP", "tif": "TIFF", "gif": "GIF", "heic": "HEIC",
                "avif": "AVIF", "jxl": "JPEG XL", "bmp": "BMP"}  # fmt: skip
# Guesses of the bytes per pixel and channel of results at quality 95, for the size that is foretold.
BYTES_PER_SAMPLE = {"png": 0.48, "tif": 0.48, "jpg": 0.12, "webp": 0.07, "avif": 0.06, "jxl": 0.08, "gif": 0.25}


@dataclass(frozen=True)
class Outlook:
    """What upscaling a picture with some options will be."""

    info: ImageInfo
    options: UpscaleOptions  # with a real model, and a size that can be had
    output: OutputOptions  # with a format
    scale: float
    plan: Plan

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the result."""
        return round(self.info.width * self.scale), round(self.info.height * self.scale)

    @property
    def is_very_large(self) -> bool:
        """Whether the page asks before it begins."""
        return math.prod(self.size) > VERY_LARGE_PIXELS


def resolved(
    file: Path, options: UpscaleOptions, output: OutputOptions
) -> tuple[ImageInfo, UpscaleOptions, OutputOptions]:
    """Return what a picture's header says, and options with a size that can be had and a format.

    Raises:
        PictureError: the file cannot be read.
    """
    info = inspect(file)
    format = result_format(file.name, output)
    if format == "gif" and not takes_all(info, output):  # of one frame there is no animation to write
        format = "png"
    return info, clamp_size(options, info), replace(output, format=format)


def takes_all(info: ImageInfo, output: OutputOptions) -> bool:
    """Return whether several pages of a file are upscaled."""
    return output.pages == "all" and info.pages > 1 and info.format in PAGED


def outlook(file: Path, options: UpscaleOptions, output: OutputOptions, device: Device) -> Outlook:
    """Return what upscaling a picture will be.

    Raises:
        PictureError, ValueError, ZooError, CheckpointError: it cannot be.
    """
    info, options, output = resolved(file, options, output)
    scale = options.scale_for(info.height, info.width)
    plan = device.plan(device.spec(options), info, scale)
    if takes_all(info, output):  # as if all were like the first
        seconds = None if plan.seconds is None else plan.seconds * info.pages
        plan = replace(plan, tiles=plan.tiles * info.pages, seconds=seconds)
    return Outlook(info, options, output, scale, plan)


def picture_line(dropped: Dropped, info: ImageInfo, request: gr.Request | None) -> str:
    """Return the picture's name, size and kind: what is usual goes without saying."""
    kind = FORMAT_NAMES.get(info.format, info.format)
    parts = [f"{info.width} × {info.height}", kind]
    if info.mode != "colour":
        parts.append(say(request, info.mode))
    if info.depth != 8:
        parts.append(say(request, "bits", n=info.depth))
    if info.profile:
        parts.append(info.profile)
    return f"<strong>{escape(Path(dropped.name).name)}</strong> {escape(' · '.join(parts))}"


def result_line(ahead: Outlook, request: gr.Request | None) -> str:
    """Return what the result will be, how long it takes and how large its file will be."""
    width, height = ahead.size
    kind, size = FORMAT_NAMES[str(ahead.output.format)], size_text(foretell_bytes(ahead))
    file = say(request, "about_size", format=kind, size=size)
    return f"→ <strong>{width} × {height}</strong> {escape(f'· {time_text(ahead.plan.seconds, request)} · {file}')}"


def foretell_bytes(ahead: Outlook) -> float:
    """Return about how many bytes the file of the result will have."""
    format = str(ahead.output.format)
    samples = math.prod(ahead.size) * count_channels(ahead.info)
    samples *= ahead.info.pages if takes_all(ahead.info, ahead.output) else 1
    if format not in ("png", "tif"):  # by the usual relation of quality and size
        return samples * BYTES_PER_SAMPLE[format] * 2 ** ((ahead.output.quality - 95) / 10)
    return samples * BYTES_PER_SAMPLE[format] * ahead.info.depth / 8 * (1 if ahead.info.depth == 8 else 1.6)


def plan_line(plan: Plan, request: gr.Request | None) -> str:
    """Return how many tiles a picture takes, and how much memory."""
    return escape(say(request, "plan", tiles=plan.tiles, memory=size_text(plan.memory)))


def about_model(options: UpscaleOptions, dropped: Dropped | None, device: Device, request: gr.Request | None) -> str:
    """Return why Auto chose a model, or what the chosen one is for; and what the Hub did not give."""
    if options.model == AUTO_MODEL:
        if not dropped:
            return escape(say(request, "about_auto"))
        line = str(translate(request, choice_for(dropped.path).reason))
    else:
        family = family_of(options.model)
        line = say(request, f"purpose_{family}") if family else options.model
    try:
        spec = device.spec(resolve(options, dropped.path if dropped else None))
    except zoo.ZooError as error:
        return escape(f"⚠️ {error_text(request, error)}")
    copies = [name for folder in spec.folders + spec.blended if (name := zoo.fell_back(folder))]
    return escape(line) + (f"<br>{escape(say(request, 'fell_back', names=', '.join(copies)))}" if copies else "")


def size_text(size: float) -> str:
    """Return a number of bytes in KB, MB or GB."""
    if size < 1e6:
        return f"{max(1, size / 1e3):.0f} KB"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def time_text(seconds: float | None, request: gr.Request | None) -> str:
    """Return a time in seconds or minutes."""
    if seconds is None:
        return say(request, "time_unknown")
    if seconds < 60:
        return say(request, "time_seconds", n=f"{max(1, seconds):.0f}")
    return say(request, "time_minutes", n=f"{seconds / 60:.0f}")


def model_name(options: UpscaleOptions, request: gr.Request | None) -> str:
    """Return the name of a model as the page's buttons have it, else as it was asked for."""
    is_family = options.model == family_of(options.model)
    name = say(request, f"name_{options.model}") if is_family else options.model
    return f"{name} {options.texture:g} %" if options.blends else name
