"""The command line's grammar: its commands, the options from the tables of `caesr.options`, and its help."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import zoo
from caesr.options import OptionError, Options, OutputOptions, UpscaleOptions, option_table
from caesr.training.arguments import add_arguments
from zoo.messages import did_you_mean

VERBS = ("upscale", "batch", "compare", "demo", "evaluate", "train")
EXAMPLES = """examples:
  caesr photo.jpg                       photo_x4.jpg beside it
  caesr photo.jpg -s 2 -f png           photo_x2.png
  caesr photo.jpg -o large.webp -m photo
  caesr holiday/ scans.zip -o large     all pictures of a folder and a zip
  caesr demo                            the page, in the browser
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and name the nearest option."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong with the command line, and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")

    def parse_args(  # type: ignore[override]  # none of its overloads is needed
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse as `argparse` does; of what is not known the nearest option is named."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = did_you_mean(unknown[0].partition("=")[0], options.parser.flags())
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}.{hint}")
        return options

    def flags(self) -> list[str]:
        """Return every option, as it is written."""
        return list(self._option_string_actions)


def make_parser() -> Parser:
    """Return the command line, one sub-command a verb; `run` is the name of its function in `caesr.cli.commands`."""
    raw = argparse.RawDescriptionHelpFormatter
    about = "Upscale photographs. `caesr IN ...` means `caesr upscale IN ...`."
    epilog = f"{EXAMPLES}\n{list_models()}\n`caesr COMMAND --help` lists the options of a command."
    root = Parser(prog="caesr", description=about, epilog=epilog, formatter_class=raw)
    root.add_argument("--version", action="version", version=zoo.__version__)
    verbs = root.add_subparsers(required=True, metavar=" | ".join(VERBS))

    def add(name: str, run: str, words: str, **more: Any) -> Parser:
        verb: Parser = verbs.add_parser(name, help=words, description=words, **more)
        verb.set_defaults(run=run, parser=verb)
        return verb

    words = "upscale pictures; also without the word: caesr photo.jpg"
    verb = add("upscale", "run_upscale", words, epilog=f"{EXAMPLES}\n{list_models()}", formatter_class=raw)
    verb.add_argument("inputs", nargs="+", metavar="IN", help="pictures, folders with all below them, zips")
    verb.add_argument("-o", "--out", help="a folder, or the file of a single picture; default: beside IN")
    add_upscaling(verb)
    verb.set_defaults(engine="local", retry=0)

    verb = add("batch", "run_upscale", "upscale many pictures, from and to object stores, on a cluster")
    verb.add_argument("inputs", nargs="+", metavar="INPUT", help="pictures, folders with all below them, zips, s3://…")
    verb.add_argument("out", metavar="OUTPUT", help="a folder; sub-folders are kept")
    add_upscaling(verb, tile=512)  # the same on every machine, unlike auto
    verb.add_argument("--retry", type=whole_number(0), default=0, metavar="N", help="try failures N times more")
    verb.add_argument("--engine", choices=("local", "ray"), default="local", help="this process, or a Ray cluster")
    verb.add_argument(
        "--cores", type=whole_number(1), default=1, metavar="N", help="ray: CPU cores of a worker (default: 1)"
    )
    verb.add_argument(
        "--per-gpu", type=whole_number(1), default=2, metavar="N", help="ray: workers to a GPU (default: 2)"
    )

    verb = add("compare", "run_compare", "one picture by several networks, side by side")
    verb.add_argument("input", type=Path, metavar="IN", help="a picture")
    verb.add_argument("-o", "--out", type=Path, required=True, help="the sheet, a PNG")
    verb.add_argument("--models", nargs="+", metavar="MODEL", help="families, checkpoints …; default: every family")
    add_options(verb, UpscaleOptions, only=("scale", "device"))
    verb.add_argument("--truth", type=Path, help="what the result should be: PSNR and SSIM are measured against it")

    verb = add("demo", "run_demo", "serve the page here and open it in the browser; needs caesr[page]")
    verb.add_argument("--port", type=whole_number(1), metavar="N", help="default: the first free one from 7860 up")
    verb.add_argument("--no-browser", action="store_true", help="only print the address")

    verb = add("evaluate", "run_evaluate", "PSNR and SSIM of a checkpoint on test pictures")
    verb.add_argument("--model", required=True, help="a checkpoint, a folder, owner/repo[@revision], or bicubic")
    verb.add_argument("--data", type=Path, required=True, help="a folder of high-resolution PNGs")
    verb.add_argument("--scale", type=int, choices=(2, 3, 4), help="for bicubic; a checkpoint knows its own")
    verb.add_argument("--perceptual", action="store_true", help="LPIPS and DISTS too; needs $CAESR_DATA/features")
    verb.add_argument(
        "--degraded", choices=("light", "medium", "heavy"), help="upscale blurred, noisy JPEGs, not clean reductions"
    )
    verb.add_argument("--first", type=whole_number(1), metavar="N", help="only the first N pictures")
    verb.add_argument("--json", type=Path, help="write every picture's figures there")
    add_options(verb, UpscaleOptions, only=("precision", "device"), precision="float32")

    verb = add("train", "run_train", "a recipe in, a checkpoint folder out")
    add_arguments(verb)
    add_options(verb, UpscaleOptions, only=("device",))
    return root


def list_models() -> str:
    """Return the families that can be chosen, with a sentence each."""
    purposes = {entry.family: entry.purpose for entry in map(zoo.info, zoo.names())}
    models = {"auto": "photo or lite, by what each picture is.", **purposes}
    return "models:\n" + "".join(f"  {name:9} {purpose}\n" for name, purpose in models.items())


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
        words = row.help.replace("%", "%%") + shown
        flags = [row.short, row.flag] if row.short else [row.flag]
        if row.kind is bool:
            group.add_argument(*flags, action="store_true", help=words)
        elif row.flags:
            verb.set_defaults(**{row.name: default})
            either = verb.add_mutually_exclusive_group()
            for choice, flag in row.flags.items():
                either.add_argument(
                    flag, action="store_const", const=choice, dest=row.name, default=default,
                    help=f"{row.words}: {choice}",
                )  # fmt: skip
        else:
            parse = parsed(replace(row, unoffered=()).parse)
            metavar = row.name.upper() if row.kind is str else "N"
            group.add_argument(*flags, type=parse, default=default, metavar=metavar, help=words)


def parsed(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what argparse takes for a type: its errors are ours."""

    def read(text: str) -> Any:
        try:
            return parse(text)
        except OptionError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def whole_number(least: int) -> Callable[[str], int]:
    """Return what reads a whole number of at least `least`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text}: give a whole number from {least} up")
        return value

    return read
