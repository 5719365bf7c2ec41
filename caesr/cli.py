"""CAESR on the command line: enlarge pictures, measure checkpoints, train them."""

import argparse
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caesr.engine.device import PRECISIONS
from caesr.jobs.target import Target
from zoo import ZooError

if TYPE_CHECKING:
    from caesr.engine.upscaler import Upscaler
    from caesr.jobs.runner import Wish


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0: all well. 2: something could not be done, said on stderr. 130, 143: stopped by SIGINT (Ctrl-C), by SIGTERM.
    """
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ZooError, OSError, ValueError, RuntimeError) as error:
        said = str(error)
        if isinstance(error, OSError) and error.strerror:  # the system's own; ours are sentences
            said = f"{error.filename}: {error.strerror}."
        print(f"caesr: {said}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:  # files are written whole or not at all, so there is nothing to clear away
        print("\ncaesr: stopped. What was finished is kept, and nothing is left half-written.", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


class Terminated(KeyboardInterrupt):
    """SIGTERM came: whoever clears up after Ctrl-C does so after this."""


def terminate(*_: object) -> None:
    """As Python does for SIGINT by itself."""
    raise Terminated


def parser() -> argparse.ArgumentParser:
    """The command line, one sub-command a verb."""
    root = argparse.ArgumentParser(prog="python -m caesr", description=__doc__)
    verbs = root.add_subparsers(required=True, metavar="upscale | batch | compare | evaluate | train")

    verb = verbs.add_parser("upscale", help="enlarge pictures")
    verb.add_argument("inputs", nargs="+", type=Path, metavar="IN", help="pictures or folders of them")
    verb.add_argument("-o", "--out", type=Path, required=True, help="a folder, or the file of a single picture")
    enlarging(verb)
    verb.add_argument("--resume", action="store_true", help="leave out pictures whose result is there already")
    verb.set_defaults(run=upscale)

    verb = verbs.add_parser("batch", help="enlarge many pictures, with a manifest to resume by")
    verb.add_argument("inputs", nargs="+", metavar="INPUT", help="pictures, folders with all below them, zips, s3://…")
    verb.add_argument("output", metavar="OUTPUT", help="a folder; sub-folders are kept")
    enlarging(verb, tile_size=512)  # the same on every machine, unlike auto
    verb.add_argument("--resume", action="store_true", help="leave out what OUTPUT's manifest says is done")
    verb.add_argument(
        "--retry", type=number(int, 0), default=0, metavar="N", help="try failures N more times at the end"
    )
    verb.add_argument("--engine", choices=("here", "ray"), default="here", help="this process, or a Ray cluster")
    verb.add_argument(
        "--cores", type=number(int, 1), default=1, metavar="N", help="ray: CPU cores of a worker (default: 1)"
    )
    verb.add_argument(
        "--per-gpu", type=number(int, 1), default=2, metavar="N", help="ray: workers to a GPU (default: 2)"
    )
    verb.set_defaults(run=batch)

    verb = verbs.add_parser("compare", help="one picture by several networks, side by side")
    verb.add_argument("input", type=Path, metavar="IN", help="a picture")
    verb.add_argument("-o", "--out", type=Path, required=True, help="the sheet, a PNG")
    verb.add_argument("--models", nargs="+", metavar="MODEL", help="families, checkpoints …; default: every family")
    verb.add_argument("--scale", type=float, default=4.0, help="1 to 8, any number (default: 4)")
    verb.add_argument("--truth", type=Path, help="what the result should be: PSNR and SSIM are measured against it")
    device(verb)
    verb.set_defaults(run=compare)

    verb = verbs.add_parser("evaluate", help="PSNR and SSIM of a checkpoint on test pictures")
    verb.add_argument("--model", required=True, help="a checkpoint, a folder, owner/repo[@revision], or bicubic")
    verb.add_argument("--data", type=Path, required=True, help="a folder of high-resolution PNGs")
    verb.add_argument("--scale", type=int, choices=(2, 3, 4), help="for bicubic; a checkpoint knows its own")
    verb.add_argument("--perceptual", action="store_true", help="LPIPS and DISTS too; needs $CAESR_DATA/features")
    verb.add_argument(
        "--degraded", choices=("light", "medium", "heavy"), help="upscale blurred, noisy JPEGs, not clean reductions"
    )
    verb.add_argument("--first", type=number(int, 1), metavar="N", help="only the first N pictures")
    verb.add_argument("--json", type=Path, help="write every picture's figures there")
    verb.add_argument("--precision", choices=PRECISIONS, default="float32", help="of features (default: float32)")
    device(verb)
    verb.set_defaults(run=evaluate)

    verb = verbs.add_parser("train", help="a recipe in, a checkpoint folder out")
    verb.add_argument("recipe", type=Path, help="zoo/recipes/NAME.toml")
    verb.add_argument("--out", type=Path, required=True, help="the folder to write")
    verb.add_argument("--resume", action="store_true", help="go on where OUT stopped")
    verb.add_argument(
        "--continue", dest="source", metavar="MODEL", help="go on from a checkpoint of the same network, into OUT"
    )
    verb.add_argument(
        "--minutes", type=number(float, 0), help="of training at constant rates (default: until Ctrl-C or SIGTERM)"
    )
    verb.add_argument(
        "--cool-down",
        type=number(float, 0),
        metavar="MINUTES",
        help="then let the rates fall to zero and write the checkpoint to publish into OUT/cooled; "
        "without --minutes at once",
    )
    device(verb)
    verb.set_defaults(run=train)
    return root


def enlarging(verb: argparse.ArgumentParser, tile_size: int | str = "auto") -> None:
    """The options of verbs that enlarge pictures to files."""
    verb.add_argument(
        "--model", default="lite", help="a family, a checkpoint, a folder or owner/repo[@revision] (default: lite)"
    )
    sizes = verb.add_mutually_exclusive_group()
    sizes.add_argument("--scale", type=float, default=4.0, help="1 to 8, any number (default: 4)")
    for kind in ("width", "height", "long side", "megapixels"):
        what = "the result's, instead of a scale" + (", in pixels" if kind != "megapixels" else "")
        sizes.add_argument(f"--{kind.replace(' ', '-')}", type=target(kind), metavar="N", dest="size", help=what)
    verb.add_argument(
        "--tile", type=tile, default=tile_size, help=f"side of a tile in input pixels, or auto (default: {tile_size})"
    )
    verb.add_argument("--texture", type=percent, metavar="PERCENT", help="blend base (0) and texture (100)")
    verb.add_argument("--ensemble", action="store_true", help="average eight symmetries: eight times the work")
    verb.add_argument("--true-to-input", action="store_true", help="reduced again, the result gives the input")
    verb.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="of features; auto: bfloat16 where it is the faster one"
    )
    verb.add_argument("--format", choices=("png", "jpg", "webp", "tif"), help="default: OUT's, else png")
    verb.add_argument("--quality", type=number(int, 1, 100), default=95, help="of jpg and webp, 1 to 100 (default: 95)")
    keep = verb.add_mutually_exclusive_group()
    keep.add_argument(
        "--keep-location",
        action="store_const",
        const="all",
        default="no location",
        dest="metadata",
        help="leave the GPS position in the metadata",
    )
    keep.add_argument(
        "--drop-metadata", action="store_const", const="none", dest="metadata", help="keep only the profile"
    )
    device(verb)


def device(verb: argparse.ArgumentParser) -> None:
    """The option that every verb has."""
    verb.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def tile(text: str) -> int | str:
    """`--tile`: a number, or "auto"."""
    return text if text == "auto" else number(int, 1)(text)


def number(kind: type, least: float, most: float = math.inf) -> Callable[[str], Any]:
    """`--retry` and its like: an int or a float within these bounds."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            whole, end = "whole " * (kind is int), "up" if most == math.inf else f"to {most}"
            raise argparse.ArgumentTypeError(f"{text}: give a {whole}number from {least} {end}")
        return value

    return read


def target(kind: str) -> Callable[[str], Target]:
    """`--width` and its like: a number above 0 -> the size to reach."""

    def read(text: str) -> Target:
        try:
            return Target(kind, float(text))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text}: give a number above 0") from error

    return read


def percent(text: str) -> float:
    """`--texture`: 0 to 100 -> 0 to 1."""
    return number(float, 0, 100)(text) / 100


def upscale(options: argparse.Namespace) -> int:
    """Enlarge every picture; one that fails is named at the end and stops none of the others."""
    from caesr.jobs.runner import enlarge_files, here

    upscaler, wish = wanted(options, options.device)
    report = enlarge_files(here(upscaler, wish, say), options.inputs, options.out, wish, options.resume, say)
    print(report.summary(), file=sys.stderr)
    return 2 if report.failed else 0


def batch(options: argparse.Namespace) -> int:
    """Enlarge many pictures, here or on a cluster: the same files either way."""
    from caesr.files.archive import is_zip
    from caesr.jobs.bulk import enlarge_all, settings
    from caesr.jobs.runner import here

    local = options.engine == "here"
    upscaler, wish = wanted(options, options.device if local else "cpu")
    engine = here(upscaler, wish, say)
    if not local:
        from caesr.jobs import ray_cluster as cluster  # Ray is for those who ask for it

        if "RAY_ADDRESS" in os.environ and any(map(is_zip, options.inputs)):
            raise ValueError("A zip is unpacked on this machine only; unpack it where the whole cluster sees it.")
        engine = cluster.engine(upscaler, wish, options.device, options.cores, options.per_gpu, say)
    made_by = settings(upscaler, wish, options.model if options.texture is None else f"texture {options.texture}")
    retry, resume = options.retry, options.resume
    report = enlarge_all(engine, options.inputs, options.output, wish, made_by, resume, retry, say)
    print(report.summary(), file=sys.stderr)
    return 2 if report.failed else 0


def wanted(options: argparse.Namespace, device: str) -> "tuple[Upscaler, Wish]":
    """What `enlarging` asks for; what cannot be is said before the first picture is read."""
    from caesr.engine.upscaler import Upscaler
    from caesr.jobs.runner import Wish
    from zoo import load_dial, load_family

    models = load_family(options.model) if options.texture is None else load_dial(options.texture)
    upscaler = Upscaler(models, device, options.tile, options.ensemble, options.true_to_input, options.precision)
    if options.size is None:
        upscaler.route(options.scale)
    return upscaler, Wish(options.size or options.scale, options.format, options.quality, options.metadata)


def say(line: str, end: str = "\n") -> None:
    """A line on stderr; one that the next will replace only where somebody is looking."""
    if end == "\n" or sys.stderr.isatty():
        print(line, end=end, file=sys.stderr, flush=True)


def compare(options: argparse.Namespace) -> int:
    """A sheet of bicubic, Lanczos and every model at 1:1; milliseconds and figures, as a table and as JSON."""
    from caesr.engine.plan import check_scale
    from caesr.engine.upscaler import Upscaler
    from caesr.evaluation.compare import compare, interpolations, sheet
    from caesr.files.picture import PictureError
    from caesr.files.read import read_picture
    from caesr.imaging.arrays import to_rgb8
    from zoo import info, load_family, names

    check_scale(options.scale)
    if options.out.suffix.lower() != ".png":
        raise ValueError(f"{options.out}: the sheet is a PNG; choose an OUT that ends in .png.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    source = to_rgb8(read_picture(options.input).pixels)
    truth = to_rgb8(read_picture(options.truth).pixels) if options.truth else None
    ways = interpolations(options.scale)
    for name in options.models or dict.fromkeys(info(name).family for name in names()):
        ways[name] = partial(Upscaler(load_family(name), options.device), scale=options.scale)
    columns, report = {}, {}
    for column in compare(source, ways, truth):
        columns[column.name] = column.picture
        report[column.name] = {"milliseconds": round(column.milliseconds, 1)} | column.figures
        print(f"{column.name:20}" + "".join(f"{name:>14} {value:8.2f}" for name, value in report[column.name].items()))
    page = sheet([columns | ({} if truth is None else {"truth": truth})])
    try:
        page.save(options.out, "PNG")
    except OSError as error:
        raise PictureError(f"{options.out} cannot be written ({error.strerror}); choose another OUT.") from error
    print(json.dumps(report))
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Print a table of the pictures and, as the last line, one JSON object with the means."""
    from caesr.engine.upscaler import Upscaler
    from caesr.evaluation.degrade import STRENGTHS, degraded
    from caesr.evaluation.evaluate import bicubic, evaluate, means
    from caesr.imaging.resize import resize_image
    from zoo import load

    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)  # or it would be too late for that
    if options.model == "bicubic":
        scale = options.scale or 4
        enlarge = bicubic(scale)
    else:
        model = load(options.model)
        scale, upscaler = model.config.scale, Upscaler(model, options.device, precision=options.precision)
        if options.scale not in (None, scale):
            raise ValueError(f"{options.model} enlarges {scale} times; leave --scale off, it is for bicubic.")
        enlarge = lambda lr: upscaler(lr, scale)  # noqa: E731
    measures = {}
    if options.perceptual:
        from caesr.files.data import data_folder
        from caesr.imaging.perceptual import DISTS, LPIPS

        features = data_folder() / "features"
        measures = {"lpips": LPIPS(features), "dists": DISTS(features)}
    reduce = partial(degraded, strength=STRENGTHS[options.degraded]) if options.degraded else resize_image
    scores = evaluate(enlarge, options.data, scale, measures, options.first, reduce)
    print(f"{'picture':20}" + "".join(f"{name:>13}" for name in scores[0].figures))
    for score in scores:
        print(f"{score.picture:20}" + "".join(f"{value:13.4f}" for value in score.figures.values()))
    result = {"model": options.model, "data": options.data.name, "scale": scale, "pictures": len(scores)}
    result |= means(scores)
    if options.json:
        options.json.write_text(json.dumps(result | {"each": [asdict(score) for score in scores]}, indent=1) + "\n")
    print(json.dumps(result))
    return 0


def train(options: argparse.Namespace) -> int:
    """Train a recipe; needs torch, numpy, pillow and safetensors, nothing else."""
    from caesr.engine.device import choose_device
    from caesr.training.recipe import read_recipe
    from caesr.training.train import Span, train

    where = choose_device(options.device)
    recipe = read_recipe(options.recipe, where.type)
    length, cool_down = (m and Span(minutes=m) for m in (options.minutes, options.cool_down))
    train(recipe, options.out, where, resume=options.resume, source=options.source, length=length, cool_down=cool_down)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, terminate)
    sys.exit(main())
