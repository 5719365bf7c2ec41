"""CAESR on the command line: upscale pictures, compare networks, measure and train checkpoints."""

import argparse
import io
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from caesr.engine.device import choose_device
from caesr.evaluation.verbs import compare_models, evaluate_model
from caesr.jobs.many import upscale_many
from caesr.jobs.ray_cluster import ray_engine
from caesr.jobs.report import printable
from caesr.jobs.runner import Engine, local_engine
from caesr.options import OptionError, Options, OutputOptions, UpscaleOptions, option_table
from caesr.training.recipe import read_recipe
from caesr.training.schedule import Span
from caesr.training.train import train
from zoo import ZooError, __version__
from zoo.messages import Message

VERBS = ("upscale", "batch", "compare", "evaluate", "train")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    `caesr photo.jpg` means `caesr upscale photo.jpg`. 0: all well. 2: something could not be done, said on stderr.
    130, 143: stopped by SIGINT (Ctrl-C), by SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] not in (*VERBS, "-h", "--help", "--version"):
        words.insert(0, "upscale")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be more than a terminal can show
    if arguments is None:
        signal.signal(signal.SIGTERM, terminate)
    options = make_parser().parse_args(as_paths(words))
    try:
        return options.run(options)
    except (ZooError, OSError, ValueError, RuntimeError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.strerror:  # the system's own; ours are sentences
            message = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
        print(f"caesr: {printable(message)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:  # files are written whole or not at all, so there is nothing to clear away
        print("\ncaesr: stopped. What was finished is kept, and nothing is left half-written.", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def as_paths(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with ./ before names of files that begin with a dash, as *.jpg may give them.

    Options themselves, and what follows "--", stay.
    """
    end = words.index("--") if "--" in words else len(words)
    rows = [*option_table(UpscaleOptions), *option_table(OutputOptions)]
    flags = {"-o", "-h", *(flag for row in rows for flag in (row.flag, *row.flags.values()))}
    dashed = [word.startswith("-") and word not in flags and os.path.lexists(word) for word in words[:end]]
    return [f"./{word}" if is_file else word for word, is_file in zip(words, dashed, strict=False)] + list(words[end:])


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the command line, and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what cleans up after Ctrl-C does so after this."""


def terminate(*_: object) -> None:
    """Raise for SIGTERM what Python raises for SIGINT by itself."""
    raise Terminated


def make_parser() -> argparse.ArgumentParser:
    """Return the command line, one sub-command a verb."""
    root = Parser(prog="caesr", description=__doc__)
    root.add_argument("--version", action="version", version=__version__)
    verbs = root.add_subparsers(required=True, metavar=" | ".join(VERBS))

    verb = verbs.add_parser("upscale", help="upscale pictures; also without the word: caesr photo.jpg")
    verb.add_argument("inputs", nargs="+", metavar="IN", help="pictures, folders with all below them, zips")
    verb.add_argument("-o", "--out", help="a folder, or the file of a single picture; default: beside IN")
    add_upscaling(verb)
    verb.set_defaults(run=run_upscale, engine="local", retry=0)

    verb = verbs.add_parser("batch", help="upscale many pictures, from and to object stores, on a cluster")
    verb.add_argument("inputs", nargs="+", metavar="INPUT", help="pictures, folders with all below them, zips, s3://…")
    verb.add_argument("out", metavar="OUTPUT", help="a folder; sub-folders are kept")
    add_upscaling(verb, tile=512)  # the same on every machine, unlike auto
    verb.add_argument("--retry", type=number(int, 0), default=0, metavar="N", help="try failures N times more")
    verb.add_argument("--engine", choices=("local", "ray"), default="local", help="this process, or a Ray cluster")
    verb.add_argument(
        "--cores", type=number(int, 1), default=1, metavar="N", help="ray: CPU cores of a worker (default: 1)"
    )
    verb.add_argument(
        "--per-gpu", type=number(int, 1), default=2, metavar="N", help="ray: workers to a GPU (default: 2)"
    )
    verb.set_defaults(run=run_upscale)

    verb = verbs.add_parser("compare", help="one picture by several networks, side by side")
    verb.add_argument("input", type=Path, metavar="IN", help="a picture")
    verb.add_argument("-o", "--out", type=Path, required=True, help="the sheet, a PNG")
    verb.add_argument("--models", nargs="+", metavar="MODEL", help="families, checkpoints …; default: every family")
    add_options(verb, UpscaleOptions, only=("scale", "device"))
    verb.add_argument("--truth", type=Path, help="what the result should be: PSNR and SSIM are measured against it")
    verb.set_defaults(run=run_compare)

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
    add_options(verb, UpscaleOptions, only=("precision", "device"), precision="float32")
    verb.set_defaults(run=run_evaluate)

    verb = verbs.add_parser("train", help="a recipe in, a checkpoint folder out")
    verb.add_argument("recipe", type=Path, help="zoo/recipes/NAME.toml")
    verb.add_argument("--out", type=Path, required=True, help="the folder to write")
    verb.add_argument("--resume", action="store_true", help="go on where OUT stopped")
    verb.add_argument("--continue", dest="source", metavar="MODEL", help="go on from a checkpoint, into OUT")
    verb.add_argument("--minutes", type=number(float, 0), help="of constant rates (default: until Ctrl-C or SIGTERM)")
    verb.add_argument(
        "--cool-down", type=number(float, 0), metavar="MINUTES",
        help="then let the rates fall to zero and write the checkpoint to publish into OUT/cooled; "
        "without --minutes at once",
    )  # fmt: skip
    add_options(verb, UpscaleOptions, only=("device",))
    verb.set_defaults(run=run_train)
    return root


def add_upscaling(verb: argparse.ArgumentParser, **defaults: Any) -> None:
    """Add the options of verbs that upscale pictures to files."""
    add_options(verb, UpscaleOptions, **defaults)
    add_options(verb, OutputOptions)
    verb.add_argument("--overwrite", action="store_true", help="make anew what is there already")
    verb.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)  # what is done is kept by default


def add_options(
    verb: argparse.ArgumentParser, options: type[Options], only: Sequence[str] = (), **defaults: Any
) -> None:
    """Add a table of options: of `options`, those named in `only`, by default all.

    Args:
        defaults: by name, those that are not the table's.
    """
    groups: dict[str, Any] = {}
    for row in option_table(options):
        if only and row.name not in only:
            continue
        default = defaults.get(row.name, row.default)
        group: Any = verb
        if row.exclusive:
            if row.exclusive not in groups:
                groups[row.exclusive] = verb.add_mutually_exclusive_group()
            group = groups[row.exclusive]
        shown = f" (default: {default:g})" if isinstance(default, float) else f" (default: {default})"
        if default in (None, False):
            shown = ""
        words = (row.words if row.choices else row.help).replace("%", "%%") + shown
        if row.kind is bool:
            group.add_argument(row.flag, action="store_true", help=words)
        elif row.flags:
            verb.set_defaults(**{row.name: default})
            either = verb.add_mutually_exclusive_group()
            for choice, flag in row.flags.items():
                either.add_argument(
                    flag, action="store_const", const=choice, dest=row.name, default=default,
                    help=f"{row.words}: {choice}",
                )  # fmt: skip
        elif row.choices:
            group.add_argument(row.flag, choices=row.choices, default=default, help=words)
        else:
            metavar = None if row.kind is str else "N"
            group.add_argument(row.flag, type=parsed(row.parse), default=default, metavar=metavar, help=words)


def parsed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what argparse takes for a type: its errors are ours."""

    def read(text: str) -> Any:
        try:
            return parse(text)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def number(kind: type, least: float) -> Callable[[str], Any]:
    """Return what reads a number of at least `least`: an int or a float."""

    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not value >= least:
            whole = "whole " * (kind is int)
            raise argparse.ArgumentTypeError(f"{text}: give a {whole}number from {least} up")
        return value

    return read


def chosen(options: argparse.Namespace, table: type) -> Any:
    """Return the options of a table that were given on the command line."""
    return table(**{row.name: getattr(options, row.name) for row in fields(table)})


def say(line: str, end: str = "\n") -> None:
    """Print a line to stderr; one that the next replaces only on a terminal."""
    if end == "\n" or sys.stderr.isatty():
        print(printable(line), end=end, file=sys.stderr, flush=True)


def run_upscale(options: argparse.Namespace) -> int:
    """Upscale pictures to files, here or on a cluster; one that fails is named at the end and stops no other."""
    make_engine: Callable[..., Engine] = local_engine
    if options.engine == "ray":
        if "RAY_ADDRESS" in os.environ and any(name.lower().endswith(".zip") for name in options.inputs):
            message = "A zip is unpacked on this machine only; unpack it where the whole cluster sees it."
            raise ValueError(Message(message))
        make_engine = partial(ray_engine, cores=options.cores, per_gpu=options.per_gpu)
    report = upscale_many(
        options.inputs, options.out, chosen(options, UpscaleOptions), chosen(options, OutputOptions),
        options.overwrite, options.retry, make_engine, say,
    )  # fmt: skip
    print(report.summary(), file=sys.stderr)
    return 0 if report.is_complete else 2


def run_compare(options: argparse.Namespace) -> int:
    """Draw a sheet of bicubic, Lanczos and every model; print milliseconds and figures, as a table and as JSON."""
    report = compare_models(
        options.input, options.out, options.models, options.scale, options.truth, options.device, print
    )
    print(json.dumps(report))
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Print a table of the pictures and, as the last line, one JSON object with the means."""
    result = evaluate_model(
        options.model, options.data, options.scale, print, perceptual=options.perceptual, degraded=options.degraded,
        first=options.first, json_file=options.json, precision=options.precision, device=options.device,
    )  # fmt: skip
    print(json.dumps(result))
    return 0


def run_train(options: argparse.Namespace) -> int:
    """Train a recipe; needs torch, numpy, pillow and safetensors, nothing else."""
    device = choose_device(options.device)
    recipe = read_recipe(options.recipe, device.type)
    length, cool_down = (minutes and Span(minutes=minutes) for minutes in (options.minutes, options.cool_down))
    train(recipe, options.out, device, resume=options.resume, source=options.source, length=length,
          cool_down=cool_down)  # fmt: skip
    return 0
