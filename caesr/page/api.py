"""What programs and language models call: /upscale, /compare and /zoo. The same core as the page's."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

import zoo
from caesr.evaluation.compare import Comparison, draw_sheet
from caesr.jobs.naming import result_name
from caesr.options import UpscaleOptions
from caesr.page.comparison import compare_methods, prepare
from caesr.page.device import Device
from caesr.page.errors import EXPECTED_ERRORS, user_error
from caesr.page.options_form import api_component, api_signature, options_of, page_options
from caesr.page.queue import UNQUEUED
from caesr.page.temporary import run_folder
from zoo.messages import Message

MAX_PIXELS = 16e6  # of each result of a comparison


def endpoints(device: Device) -> None:
    """Lay out the hidden components that carry the calls."""

    def upscale(file: str, *values: Any) -> Iterator[Any]:
        """Upscale a photograph with a neural network; its texture is recovered, its colours are kept."""
        names = [row.name for row in page_options()]
        try:
            options, output = options_of(dict(zip(names, values, strict=True)))
            source = Path(file or "")
            with run_folder() as folder:
                target = folder / result_name(source.name or "picture", options, output)
                for _ in device.upscale(options, source, target, output):
                    yield gr.skip()  # a client that leaves is noticed here, and the device is free again
                yield str(target)
        except EXPECTED_ERRORS as error:
            raise user_error(error) from error

    def compare(file: str, models: str = "bicubic, lite", scale: float = 4, truth: str | None = None) -> Iterator[Any]:
        """Upscale a small photograph by several networks, and measure them if the true large picture is given.

        Args:
            file: the picture; if there is none, it is made from the truth by bicubic reduction.
            models: families or checkpoints of the zoo, bicubic or lanczos, with commas between.
            scale: how many times wider and higher, 1 to 8.
            truth: what the result should be.
        Returns:
            For each model the milliseconds and, with a truth, the figures; and a sheet of all results at 1:1.
        """
        try:
            options = UpscaleOptions(scale=scale)
            task = prepare(file, truth, options, (0.5, 0.5), None, None)
            height, width = task.source.shape[:2]
            if height * width * scale**2 > MAX_PIXELS:
                message = "Results of more than {limit} megapixels are not compared. Choose a smaller picture."
                raise ValueError(Message(message, limit=f"{MAX_PIXELS / 1e6:g}"))
            found: list[Comparison] = []
            names = list(filter(None, map(str.strip, models.split(","))))
            for _, event in compare_methods(device, task, names, options):
                if isinstance(event, Comparison):
                    found.append(event)
                else:
                    yield gr.skip(), gr.skip()
            if not found:
                raise ValueError(Message("Choose at least one model to compare."))
            pictures = {one.name: one.picture for one in found}
            if task.truth is not None:
                pictures["truth"] = task.truth
            figures = [{"model": one.name, "milliseconds": round(one.milliseconds, 1)} | one.figures for one in found]
            with run_folder() as folder:
                draw_sheet([pictures]).save(folder / "sheet.png")
                yield figures, str(folder / "sheet.png")
        except EXPECTED_ERRORS as error:
            raise user_error(error) from error

    with gr.Group(visible=False):
        file, result, call = gr.File(), gr.File(), gr.Button()
        inputs = [api_component(row) for row in page_options()]
        signed = api_signature(upscale, "the picture: JPEG, PNG, WebP or TIFF", "The upscaled picture.")
        call.click(signed, [file, *inputs], result, **UNQUEUED, api_name="upscale")
        one, models, truth = gr.File(), gr.Textbox("bicubic, lite"), gr.File()
        figures, sheet, compared = gr.JSON(), gr.File(), gr.Button()
        compared.click(compare, [one, models, gr.Number(4), truth], [figures, sheet], **UNQUEUED, api_name="compare")
        listed, ask = gr.JSON(), gr.Button()
        ask.click(list_checkpoints, None, listed, api_name="zoo")


def list_checkpoints() -> list[dict[str, Any]]:
    """List the checkpoints of the zoo: what each is for, its scale, size, licence and measured figures.

    Returns:
        An object a checkpoint.
    """
    return [asdict(entry) | {"purpose": entry.purpose} for entry in map(zoo.info, zoo.names())]
