"""What the verbs `compare` and `evaluate` of the command line do: tables for people, figures to be printed as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import zoo
from caesr.engine.upscaler import Upscaler
from caesr.evaluation.compare import compare, draw_sheet, interpolations
from caesr.evaluation.degrade import STRENGTHS, degrade_picture
from caesr.evaluation.evaluate import bicubic, evaluate, means, perceptual_measures
from caesr.files.picture import PictureError
from caesr.files.read import read_picture
from caesr.imaging.arrays import to_rgb8
from caesr.imaging.resize import resize_image
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import load_family
from zoo.messages import Message

NAME_WIDTH = 20  # of a table's first column, in characters


def compare_models(
    source_file: Path,
    out: Path,
    models: Sequence[str] | None,
    scale: float,
    truth_file: Path | None,
    device: str,
    say: Callable[[str], None],
) -> dict[str, dict[str, float]]:
    """Draw a sheet of bicubic, Lanczos and models at 1:1; returns milliseconds and figures by name.

    Args:
        models: families, checkpoints …; None: every family.
        say: takes a row of the table.
    Raises:
        ValueError: `out` does not end in .png, or the ground truth has another size.
        PictureError: a file cannot be read or written.
        ZooError, CheckpointError: a model is not to be had.
    """
    if out.suffix.lower() != ".png":
        raise ValueError(Message("{out}: the sheet is a PNG; choose an OUT that ends in .png.", out=out))
    out.parent.mkdir(parents=True, exist_ok=True)
    source = to_rgb8(read_picture(source_file).pixels)
    truth = to_rgb8(read_picture(truth_file).pixels) if truth_file else None
    methods = interpolations(scale)
    for name in models or dict.fromkeys(zoo.info(name).family for name in zoo.names()):
        methods[name] = partial(Upscaler(load_family(name), device), scale=scale)
    pictures, report = {}, {}
    for one in compare(source, methods, truth):
        pictures[one.name] = one.picture
        report[one.name] = {"milliseconds": round(one.milliseconds, 1)} | one.figures
        say(
            f"{one.name:{NAME_WIDTH}}" + "".join(f"{name:>14} {value:8.2f}" for name, value in report[one.name].items())
        )
    if truth is not None:
        pictures["truth"] = truth
    try:
        draw_sheet([pictures]).save(out, "PNG")
    except OSError as error:
        message = "{out} cannot be written ({why}); choose another OUT."
        raise PictureError(Message(message, out=out, why=error.strerror)) from error
    return report


def evaluate_model(
    name: str,
    data: Path,
    scale: int | None,
    say: Callable[[str], None],
    *,
    perceptual: bool = False,
    degraded: str | None = None,
    first: int | None = None,
    json_file: Path | None = None,
    precision: str = "float32",
    device: str = "auto",
) -> dict[str, Any]:
    """Measure a checkpoint, or bicubic, on the test pictures of a folder; returns the means.

    Args:
        name: a checkpoint, a folder, owner/repo[@revision], or bicubic.
        scale: of bicubic, by default 4; a checkpoint knows its own.
        say: takes a row of the table.
        perceptual: measure LPIPS and DISTS, too.
        degraded: the strength of degradation, one of `STRENGTHS`; None: clean reductions.
        first: only so many pictures.
        json_file: gets the figures of every picture.
    Raises:
        ValueError: the scale is not the checkpoint's.
        FileNotFoundError: there are no test pictures, or no features.
        ZooError, CheckpointError: the checkpoint is not to be had.
    """
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)  # before the measurement, in case it cannot be
    if name == "bicubic":
        scale = scale or 4
        upscale = bicubic(scale)
    else:
        model = CAEResNet.from_pretrained(name)
        if scale not in (None, model.config.scale):
            message = "{model} upscales {scale} times; leave --scale off, it is for bicubic."
            raise ValueError(Message(message, model=name, scale=model.config.scale))
        scale = model.config.scale
        upscale = partial(Upscaler(model, device, precision=precision), scale=scale)
    measures = perceptual_measures() if perceptual else {}
    reduce = partial(degrade_picture, strength=STRENGTHS[degraded]) if degraded else resize_image
    scores = evaluate(upscale, data, scale, measures, first, reduce)
    say(f"{'picture':{NAME_WIDTH}}" + "".join(f"{figure:>13}" for figure in scores[0].figures))
    for score in scores:
        say(f"{score.picture:{NAME_WIDTH}}" + "".join(f"{value:13.4f}" for value in score.figures.values()))
    result = {"model": name, "data": data.name, "scale": scale, "pictures": len(scores)} | means(scores)
    if json_file:
        json_file.write_text(json.dumps(result | {"each": [asdict(score) for score in scores]}, indent=1) + "\n")
    return result
