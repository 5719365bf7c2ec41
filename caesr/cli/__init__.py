"""CAESR on the command line: upscale pictures, serve the page, compare networks, measure and train checkpoints."""

import importlib
import io
import os
import signal
import sys
from collections.abc import Sequence

from caesr.cli.parser import VERBS, make_parser
from caesr.options import OutputOptions, UpscaleOptions, option_table
from zoo import ZooError
from zoo.messages import did_you_mean, printable

__all__ = ["VERBS", "main", "make_parser"]

EXPECTED_ERRORS = (ZooError, OSError, ValueError, RuntimeError)  # their messages are for people
TRACEBACK = "CAESR_TRACEBACK"  # set, an error that is our fault says where it comes from


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    `caesr photo.jpg` means `caesr upscale photo.jpg`. 0: all well. 2: something could not be done, said on stderr.
    130, 143: stopped by SIGINT (Ctrl-C), by SIGTERM.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be more than a terminal can show
    if arguments is None:
        signal.signal(signal.SIGTERM, terminate)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = make_parser().parse_args(as_paths(with_verb(words)))
        commands = importlib.import_module("caesr.cli.commands")  # only now: it imports torch, which takes seconds
        return getattr(commands, options.run)(options)
    except BrokenPipeError:  # who reads our output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2
    except EXPECTED_ERRORS as error:
        message = str(error)
        if isinstance(error, OSError) and error.strerror:  # the system's own; ours are sentences
            message = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    except KeyboardInterrupt as stop:  # files are written whole or not at all, so there is nothing to clear away
        print("\ncaesr: stopped. What was finished is kept, and nothing is left half-written.", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        message = f"this should not happen, please report it: {type(error).__name__}: {error} ({TRACEBACK}=1 has more)"
    print(f"caesr: {printable(message)}", file=sys.stderr)
    return 2


def with_verb(words: list[str]) -> list[str]:
    """Return the words of a command line with the verb that may be left out.

    Raises:
        ValueError: there are none, or the first is a mistyped verb.
    """
    if not words:
        raise ValueError("name a picture (caesr photo.jpg) or a command; caesr --help lists them.")
    first, *rest = words
    if first == "help":
        return [*rest, "--help"]
    if first in (*VERBS, "-h", "--help", "--version"):
        return words
    hint = did_you_mean(first, VERBS)
    if hint and not first.startswith("-") and not os.path.lexists(first):
        raise ValueError(f"there is no command {first}, and no such file.{hint}")
    return ["upscale", *words]


def as_paths(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with ./ before names of files that begin with a dash, as *.jpg may give them.

    Options themselves, and what follows "--", stay.
    """
    end = words.index("--") if "--" in words else len(words)
    rows = [*option_table(UpscaleOptions), *option_table(OutputOptions)]
    flags = {"-o", "-h", *(flag for row in rows for flag in (row.short, row.flag, *row.flags.values()))}
    dashed = [word.startswith("-") and word not in flags and os.path.lexists(word) for word in words[:end]]
    return [f"./{word}" if is_file else word for word, is_file in zip(words, dashed, strict=False)] + list(words[end:])


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what cleans up after Ctrl-C does so after this."""


def terminate(*_: object) -> None:
    """Raise for SIGTERM what Python raises for SIGINT by itself."""
    raise Terminated
