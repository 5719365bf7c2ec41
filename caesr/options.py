"""UpscaleOptions and OutputOptions: the one table of choices from which every interface is derived.

A field of these classes has a default, bounds and words. The command line, the API, the page, the copyable command and
Python, and the fingerprint of a manifest all read them from `option_table`: a field that is added here appears there.
"""

import math
import shlex
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import PurePath
from typing import Any

from zoo.messages import Message, did_you_mean

MIN_SCALE, MAX_SCALE = 1.0, 8.0
MIN_TILE = 32  # low-res pixels
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
FORMATS = ("png", "jpg", "webp", "tif", "avif", "jxl")  # not gif, which is limited to 256 colours
METADATA = ("no location", "all", "none")
PAGES = ("first", "all")
AUTO = "auto"
SAME = "same"  # the picture's own format


class OptionError(ValueError):
    """A choice that cannot be had; the message names the option, its value and what can be chosen."""


@dataclass(frozen=True)
class Option:
    """One choice: a row of the table."""

    name: str
    default: Any
    kind: type  # bool, int, float or str
    words: str  # for people, beginning in lower case
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()
    unoffered: tuple[str, ...] = ()  # further choices, which programs make
    flags: Mapping[str, str] = field(default_factory=dict)  # choice -> flag of the command line that stands for it
    short: str = ""  # a flag of one letter
    unit: str = ""  # may stand before or after a number: x4, 4x
    exclusive: str = ""  # of the options with the same word here, one at most is given
    allows_auto: bool = False  # "auto" is a value, and 0 means it
    changes_pixels: bool = True  # False: the result is the same whatever is chosen
    on_page: bool = True  # False: a choice about the machine, which is not a visitor's

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def help(self) -> str:
        """The words, and what can be chosen."""
        if self.choices:
            return f"{self.words}; choose from {', '.join(self.choices)}"
        if self.most < math.inf:
            return f"{self.words}, {self.least:g} to {self.most:g}"
        return self.words

    def parse(self, value: Any) -> Any:
        """Return a value as the option's kind: from a form, a call or the command line.

        None and an empty text mean the default, and so does 0 where it is out of bounds and there is no default.

        Raises:
            OptionError: the value is of another kind or out of bounds.
        """
        if self.allows_auto and value in (0, "0", AUTO):
            return AUTO
        if value is None or value == "" or (self.default is None and value == 0 and self.least > 0):
            return self.default
        if self.kind is bool:
            return bool(value)
        if self.kind is str:
            return self._parse_choice(value)
        if self.unit and isinstance(value, str):
            value = value.lower().replace("×", "x").removeprefix(self.unit).removesuffix(self.unit)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        is_in_bounds = self.least <= number <= self.most and math.isfinite(number)
        if not is_in_bounds or (self.kind is int and number != round(number)):
            raise OptionError(self._out_of_bounds(value))
        return self.kind(number)

    def _parse_choice(self, value: Any) -> str:
        """Return a text that is one of the choices, if there are any."""
        if not isinstance(value, str) or (self.choices and value not in self.choices + self.unoffered):
            choices = ", ".join(self.choices) or "a text"
            raise OptionError(Message("{option}={value}: choose from {choices}.{hint}", option=self.name,
                                      value=repr(value), choices=choices,
                                      hint=did_you_mean(str(value), self.choices)))  # fmt: skip
        return value

    def _out_of_bounds(self, value: Any) -> Message:
        """Return what can be chosen, in words."""
        kind = "a whole number" if self.kind is int else "a number"
        bounds = {"option": self.name, "value": value, "least": f"{self.least:g}", "most": f"{self.most:g}"}
        if self.allows_auto:
            return Message("{option}={value}: give 'auto' or a whole number from {least} up.", **bounds)
        if self.most == math.inf:
            return Message("{option}={value}: give {kind} from {least} up.", kind=Message(kind), **bounds)
        return Message("{option}={value}: choose from {least} to {most}.", **bounds)


def option(default: Any, words: str, kind: type | None = None, **more: Any) -> Any:
    """Declare a field of an options class; `more` are fields of `Option`."""
    return field(default=default, metadata={"words": words, "kind": kind or type(default), **more})


def option_table(options: type | Any) -> list[Option]:
    """Return the table of an options class, or of an instance of one."""
    rows = []
    for row in fields(options):
        default = None if row.default is MISSING else row.default
        rows.append(Option(row.name, default, **row.metadata))
    return rows


class Options:
    """What both classes of options can do: check themselves, and say themselves as a command and as Python."""

    def __post_init__(self) -> None:
        for row in option_table(self):
            object.__setattr__(self, row.name, row.parse(getattr(self, row.name)))

    def chosen(self) -> list[tuple[Option, Any]]:
        """Return the options that differ from their defaults, with their values."""
        rows = option_table(self)
        return [(row, getattr(self, row.name)) for row in rows if getattr(self, row.name) != row.default]

    def command_words(self) -> list[str]:
        """Return the words of the command line that choose the same."""
        words: list[str] = []
        for row, value in self.chosen():
            if row.kind is bool:
                words.append(row.flag)
            elif value in row.flags:
                words.append(row.flags[value])
            else:
                text = str(value).removesuffix(".0") if row.kind is float else str(value)
                words += [f"{row.flag}={text}"] if text.startswith("-") else [row.flag, text]
        return words

    def python_call(self) -> str:
        """Return the Python expression that makes the same."""
        arguments = ", ".join(f"{row.name}={value!r}" for row, value in self.chosen())
        return f"{type(self).__name__}({arguments})"

    def fingerprint(self) -> dict[str, Any]:
        """Return the values that decide what a result looks like."""
        return {row.name: getattr(self, row.name) for row in option_table(self) if row.changes_pixels}


@dataclass(frozen=True)
class UpscaleOptions(Options):
    """What one upscaling is asked to be.

    Raises:
        OptionError: a value is of another kind or out of bounds, or two contradict each other.
    """

    model: str = option(
        AUTO, "auto (by what each picture is), a family, a checkpoint, a folder or owner/repo[@revision]", short="-m"
    )
    scale: float = option(
        4.0, "how many times wider and higher", least=MIN_SCALE, most=MAX_SCALE, exclusive="size", short="-s", unit="x"
    )
    tile: int | str = option(
        AUTO, "side of a tile in input pixels; the result is the same", int, least=MIN_TILE, allows_auto=True,
        changes_pixels=False,
    )  # fmt: skip
    width: int | None = option(None, "of the result in pixels, instead of a scale", int, least=1, exclusive="size")
    height: int | None = option(None, "of the result in pixels, instead of a scale", int, least=1, exclusive="size")
    long_side: int | None = option(None, "of the result in pixels, instead of a scale", int, least=1, exclusive="size")
    megapixels: float | None = option(None, "of the result, instead of a scale", float, least=1e-6, exclusive="size")
    texture: float | None = option(
        None, "percent of the model texture, the rest of base: 0 invents nothing", float, least=0, most=100
    )
    ensemble: bool = option(False, "average over eight symmetries of the picture: eight times the work")
    true_to_input: bool = option(False, "correct the result until, reduced again, it gives the picture")
    keep_hidden_colours: bool = option(
        False, "upscale the colours under transparent pixels as they are: textures carry data there"
    )
    precision: str = option(
        AUTO, "of the features; auto: float16 on a GPU, bfloat16 on a CPU where it is faster", choices=PRECISIONS,
        on_page=False,
    )  # fmt: skip
    device: str = option(AUTO, "auto, cpu, cuda or mps", changes_pixels=False, on_page=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [row.name for row, _ in self.chosen() if row.exclusive and row.name != "scale"]
        if len(given) > 1:
            raise OptionError(Message("Give one size only: {one} or {other}.", one=given[0], other=given[1]))
        if given:
            object.__setattr__(self, "scale", type(self).scale)  # it counts for nothing
        if self.texture is not None:
            if self.model not in (AUTO, "texture"):
                raise OptionError(
                    Message("texture={texture} blends base and texture; leave model={model} out, or choose texture.",
                            texture=f"{self.texture:g}", model=self.model)
                )  # fmt: skip
            object.__setattr__(self, "model", "texture")
            object.__setattr__(self, "texture", self.texture if self.texture < 100 else None)  # the family itself

    @property
    def blends(self) -> bool:
        """Whether two networks are blended."""
        return self.texture is not None

    @property
    def asks_for_scale(self) -> bool:
        """Whether a scale is asked for, and not a size."""
        return all(size is None for size in (self.width, self.height, self.long_side, self.megapixels))

    def scale_for(self, height: int, width: int) -> float:
        """Return the factor that takes a picture of this size to the one asked for.

        Raises:
            OptionError: it is out of bounds.
        """
        scale = self.scale
        if self.width is not None:
            scale = self.width / width
        elif self.height is not None:
            scale = self.height / height
        elif self.long_side is not None:
            scale = self.long_side / max(height, width)
        elif self.megapixels is not None:
            scale = math.sqrt(self.megapixels * 1e6 / (height * width))
        if not MIN_SCALE <= scale <= MAX_SCALE:
            raise OptionError(
                Message("A picture of {width} × {height} pixels cannot become {size}: that is a scale of {scale}; "
                        "choose from {least} to {most}.", width=width, height=height, size=self.size_label,
                        scale=f"{scale:.3g}", least=f"{MIN_SCALE:g}", most=f"{MAX_SCALE:g}")
            )  # fmt: skip
        return scale

    @property
    def size_label(self) -> str:
        """The size asked for, as names of files say it: x4, 1920w, 1080h, 3000px, 12mp."""
        for value, unit in ((self.width, "w"), (self.height, "h"), (self.long_side, "px"), (self.megapixels, "mp")):
            if value is not None:
                return f"{value:.12g}{unit}"
        return f"x{self.scale:.12g}"


@dataclass(frozen=True)
class OutputOptions(Options):
    """What the file of a result shall be.

    Raises:
        OptionError: a value is of another kind or out of bounds.
    """

    format: str = option(
        SAME, "of the result; same is the picture's own, or what the name of the result says", choices=(SAME, *FORMATS),
        unoffered=("gif",), short="-f",
    )  # fmt: skip
    quality: int = option(95, "of jpg, webp, avif and jxl", least=1, most=100)
    metadata: str = option(
        "no location", "what is kept of EXIF, XMP, IPTC, comments and density", choices=METADATA,
        flags={"all": "--keep-location", "none": "--drop-metadata"},
    )  # fmt: skip
    keep_print_size: bool = option(False, "multiply the density (dpi) by the scale, so that in print the size stays")
    pages: str = option(
        "first", "which of a TIFF's pages or an animation's frames; all: into a file of the same kind", choices=PAGES
    )
    keep_date: bool = option(False, "give the result's file the date of the picture's", on_page=False)


def command_line(source: str, target: str, upscale: UpscaleOptions, output: OutputOptions) -> str:
    """Return the command of a POSIX shell that upscales a picture with these options."""
    files = [shell_path(source), "-o", shell_path(target)]
    return shlex.join(["caesr", *files, *upscale.command_words(), *output.command_words()])


def shell_path(name: str) -> str:
    """Return the path of a file in the current folder that no command takes for an option or for one of its verbs."""
    return f"./{name}" if name.startswith("-") or not PurePath(name).suffix else name


def python_lines(source: str, target: str, upscale: UpscaleOptions, output: OutputOptions) -> str:
    """Return the Python program that upscales a picture with these options."""
    calls = [upscale.python_call(), output.python_call()] if output.chosen() else [upscale.python_call()]
    names = [call.partition("(")[0] for call in calls]
    return (
        f"from caesr import {', '.join(sorted(names))}\n"
        "from caesr.jobs import upscale_file\n\n"
        f"upscale_file({', '.join([repr(source), repr(target), *calls])})\n"
    )


def fingerprint(upscale: UpscaleOptions, output: OutputOptions) -> dict[str, Any]:
    """Return all options that decide what a result's file looks like."""
    return upscale.fingerprint() | output.fingerprint()
