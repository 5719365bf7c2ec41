"""What programs and language models call: /upscale, /compare and /zoo. The same core as the page's."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

import zoo
from caesr.evaluation.compare import Comparison, sheet
from caesr.page import device
from caesr.page.errors import PROBLEMS, sorry
from caesr.page.settings import FORMATS, KEPT, Settings
from caesr.page.tab_compare import columns, prepare

MOST = 16e6  # pixels of each result of a comparison


def endpoints() -> None:
    """Lay out the hidden components that carry the calls."""
    with gr.Group(visible=False):
        start = Settings()
        file, result, call = gr.File(), gr.File(), gr.Button()
        numbers = [gr.Number(0) for _ in range(4)]
        call.click(
            upscale,
            [
                file, gr.Textbox(start.model), gr.Number(start.scale), gr.Number(0), *numbers, gr.Number(100),
                gr.Checkbox(), gr.Checkbox(), gr.Dropdown(list(FORMATS), value="png"), gr.Number(95),
                gr.Dropdown(list(KEPT), value=start.metadata),
            ],
            result, **device.TURNS, api_name="upscale",
        )  # fmt: skip
        one, models, truth = gr.File(), gr.Textbox("bicubic, lite"), gr.File()
        figures, page, compared = gr.JSON(), gr.File(), gr.Button()
        compared.click(
            compare, [one, models, gr.Number(4), truth], [figures, page],
            **device.TURNS, api_name="compare",
        )  # fmt: skip
        listed, ask = gr.JSON(), gr.Button()
        ask.click(list_checkpoints, None, listed, api_name="zoo")


def upscale(
    file: str,
    model: str = "lite",
    scale: float = 4,
    tile: float = 0,
    width: float = 0,
    height: float = 0,
    long_side: float = 0,
    megapixels: float = 0,
    texture: float = 100,
    ensemble: bool = False,
    true_to_input: bool = False,
    format: str = "png",
    quality: float = 95,
    metadata: str = "no location",
) -> Iterator[Any]:
    """Enlarge a photograph with a neural network; its texture is recovered, its colours are kept.

    Args:
        file: the picture: JPEG, PNG, WebP or TIFF.
        model: a family of the zoo (lite, base, texture, photo ...), a checkpoint, or owner/repo on the Hub.
        scale: how many times wider and higher, 1 to 8, any number.
        tile: side of a tile in pixels of the picture, 0 to have it chosen. The result is the same.
        width: of the result in pixels, instead of a scale; 0 for none.
        height: of the result in pixels, instead of a scale; 0 for none.
        long_side: of the result in pixels, instead of a scale; 0 for none.
        megapixels: of the result, instead of a scale; 0 for none.
        texture: for the model texture: 0 (faithful) to 100 (all the texture that it invents).
        ensemble: average over eight symmetries of the picture: eight times slower.
        true_to_input: correct the result until, reduced again, it gives the picture.
        format: of the result: png, jpg, webp or tif.
        quality: of jpg and webp, 1 to 100.
        metadata: of the EXIF keep "no location", "all" or "none".
    Returns:
        The enlarged picture.
    """
    source, folder = Path(file or ""), Path(tempfile.mkdtemp(prefix="caesr-"))
    asked = {"width": width, "height": height, "long side": long_side, "megapixels": megapixels}
    kind, size = next(((kind, size) for kind, size in asked.items() if size), ("scale", None))
    try:
        settings = Settings(
            model, kind, scale, size, texture, not tile, tile, ensemble, true_to_input, format, quality, metadata
        )
        target = folder / settings.name(source)
        for _ in device.enlarge(settings.how(), source, target, settings.wish):
            yield gr.skip()  # a client that leaves is noticed here, and the device is free again
        yield str(target)
    except PROBLEMS as error:
        raise sorry(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(file: str, models: str = "bicubic, lite", scale: float = 4, truth: str | None = None) -> Iterator[Any]:
    """Enlarge a small photograph by several networks, and measure them if the true large picture is given.

    Args:
        file: the picture; if there is none, it is made from the truth by bicubic reduction.
        models: families or checkpoints of the zoo, bicubic or lanczos, with commas between.
        scale: how many times wider and higher, 1 to 8.
        truth: what the result should be.
    Returns:
        For each model the milliseconds and, with a truth, the figures; and a sheet of all results at 1:1.
    """
    folder = Path(tempfile.mkdtemp(prefix="caesr-"))
    try:
        settings = Settings(scale=scale)
        task = prepare(file, truth, settings, (0.5, 0.5), None, None)
        if task.source.shape[0] * task.source.shape[1] * scale**2 > MOST:
            raise ValueError(
                f"Results of more than {MOST / 1e6:g} megapixels are not compared. Choose a smaller picture."
            )
        found: list[Comparison] = []
        for step in columns(task, [name.strip() for name in models.split(",") if name.strip()], settings, None):
            found += [step] if isinstance(step, Comparison) else []
            yield gr.skip(), gr.skip()
        pictures = {column.name: column.picture for column in found}
        sheet([pictures if task.truth is None else pictures | {"truth": task.truth}]).save(folder / "sheet.png")
        yield (
            [{"model": one.name, "milliseconds": round(one.milliseconds, 1)} | one.figures for one in found],
            str(folder / "sheet.png"),
        )
    except PROBLEMS as error:
        raise sorry(error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def list_checkpoints() -> list[dict[str, Any]]:
    """List the checkpoints of the zoo: what each is for, its scale, size, licence and measured figures.

    Returns:
        An object a checkpoint.
    """
    return [asdict(entry) | {"purpose": entry.purpose} for entry in map(zoo.info, zoo.names())]
