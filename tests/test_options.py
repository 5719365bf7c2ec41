"""The table of options: bounds, sizes, and every interface that is derived from it."""

import json
import math
import os
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from caesr.cli import VERBS, main, make_parser
from caesr.cli.commands import chosen
from caesr.options import (
    MAX_SCALE,
    MIN_SCALE,
    MIN_TILE,
    Option,
    OptionError,
    Options,
    OutputOptions,
    UpscaleOptions,
    command_line,
    fingerprint,
    option_table,
    python_lines,
)
from tests.conftest import ROOT
from tests.jobs.command import picture
from zoo.messages import Message

TABLES = (UpscaleOptions, OutputOptions)
NUMBERS = [(table, row) for table in TABLES for row in option_table(table) if row.kind in (int, float)]
CHOICES = [(table, row) for table in TABLES for row in option_table(table) if row.choices]
ROWS = [(table, row) for table in TABLES for row in option_table(table)]
TEXTS = {
    "model": st.sampled_from(["lite", "photo", "caesr-base-x4", "owner/repo@v1.0", "my nets/ä 'b' \"c\""]),
    "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:1", "mps"]),
}
SIDES = st.integers(1, 20_000)
PARSER = make_parser()
PROBE = """
import contextlib, dataclasses, inspect, io, json, pathlib, sys
import caesr.options as table

@dataclasses.dataclass(frozen=True)
class UpscaleOptions(table.UpscaleOptions):
    probe: int = table.option(7, "a probe", least=0, most=9)

table.UpscaleOptions = UpscaleOptions  # before those import it that derive from it
from caesr import cli
from caesr.page.options_form import api_signature, component, page_options

with contextlib.redirect_stdout(io.StringIO()) as help_text, contextlib.suppress(SystemExit):
    cli.main(["upscale", "--help"])

def upscale(file, *values):
    "Upscale a picture."

api_signature(upscale, "a picture", "the result")
[row] = [row for row in page_options() if row.name == "probe"]
slider = component(row)
folder = pathlib.Path(sys.argv[1])
code = cli.main(["upscale", str(folder), "--scale", "2", "--probe", "3", "--device", "cpu"])
options, output = UpscaleOptions(probe=3), table.OutputOptions()
print(json.dumps({
    "code": code,
    "help": help_text.getvalue(),
    "parameter": inspect.signature(upscale).parameters["probe"].default,
    "docstring": upscale.__doc__,
    "component": [type(slider).__name__, slider.minimum, slider.maximum, slider.value, slider.label],
    "command": table.command_line("a.png", "b.png", options, output),
    "python": table.python_lines("a.png", "b.png", options, output),
    "manifest": (folder / "manifest.jsonl").read_text(),
}))
"""


def values(row: Option) -> st.SearchStrategy:
    """Return the values that an option takes."""
    if row.kind is bool:
        chosen = st.booleans()
    elif row.choices:
        chosen = st.sampled_from(row.choices)
    elif row.kind is str:
        chosen = TEXTS[row.name]
    elif row.kind is int:
        chosen = st.integers(int(row.least), int(min(row.most, 100_000)))
    else:
        chosen = st.floats(row.least, min(row.most, 100_000))
    return st.just(row.default) | chosen


def are_compatible(values: dict) -> bool:
    """Return whether values contradict each other in no way."""
    sizes = [values[name] for name in ("width", "height", "long_side", "megapixels")]
    if sum(size is not None for size in sizes) > 1:
        return False
    return values["texture"] is None or values["model"] in ("auto", "texture")


def every_value(table: type[Options]) -> dict[str, st.SearchStrategy]:
    return {row.name: values(row) for row in option_table(table)}


UPSCALE = st.fixed_dictionaries(every_value(UpscaleOptions)).filter(are_compatible).map(lambda v: UpscaleOptions(**v))
OUTPUT = st.builds(OutputOptions, **every_value(OutputOptions))


@pytest.mark.parametrize(("table", "row"), NUMBERS, ids=lambda value: getattr(value, "name", ""))
def test_a_number_is_taken_within_its_bounds_and_refused_beyond_them(table, row):
    taken = [row.least, row.most] if row.most < math.inf else [row.least, 10 * row.least]
    for value in taken:
        assert getattr(table(**{row.name: value}), row.name) in (value, None)  # None: the texture family itself
    beyond = [-1, math.nan, math.inf, -math.inf, 10**400, "wide", [4], row.least / 2 if row.least > 0 else -0.1]
    beyond += [row.most * 1.001] if row.most < math.inf else []
    beyond += [row.least + 0.5] if row.kind is int else []
    for value in beyond:
        with pytest.raises(OptionError, match=f"^{row.name}=") as error:
            table(**{row.name: value})
        assert isinstance(error.value.args[0], Message)


@pytest.mark.parametrize(("table", "row"), CHOICES, ids=lambda value: getattr(value, "name", ""))
def test_a_choice_is_one_of_those_that_there_are(table, row):
    for choice in row.choices:
        assert getattr(table(**{row.name: choice}), row.name) == choice
    for value in ("other", 3):
        with pytest.raises(OptionError, match=f"^{row.name}={value!r}: choose from {row.choices[0]}"):
            table(**{row.name: value})


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"scale": 9}, "scale=9: choose from 1 to 8."),
        ({"tile": 4}, "tile=4: give 'auto' or a whole number from 32 up."),
        ({"width": -3}, "width=-3: give a whole number from 1 up."),
        ({"megapixels": "many"}, "megapixels=many: give a number from 1e-06 up."),
        ({"precision": "int8"}, "precision='int8': choose from auto, float32, bfloat16, float16."),
        ({"scale": "4y"}, "scale=4y: choose from 1 to 8."),
        ({"width": 9, "long_side": 9}, "Give one size only: width or long_side."),
        (
            {"model": "photo", "texture": 30},
            "texture=30 blends base and texture; leave model=photo out, or choose texture.",
        ),
    ],
)
def test_what_cannot_be_is_said_with_what_can(values, why):
    with pytest.raises(OptionError) as error:
        UpscaleOptions(**values)
    assert str(error.value) == why


def test_a_form_without_an_answer_means_the_default():
    for empty in (None, "", 0):
        assert UpscaleOptions(tile=empty, width=empty, megapixels=empty) == UpscaleOptions()
    assert UpscaleOptions(texture=0).texture == 0


def test_options_are_of_their_kind_whatever_they_are_given_as():
    options = UpscaleOptions(scale="2", tile=64.0, width=None, ensemble=1)
    assert options == UpscaleOptions(scale=2.0, tile=64, ensemble=True)
    assert [type(value) for value in (options.scale, options.tile, options.ensemble)] == [float, int, bool]


def test_the_texture_dial_at_its_end_is_the_texture_family_itself():
    assert UpscaleOptions(texture=100) == UpscaleOptions(model="texture")
    assert UpscaleOptions(texture=30).model == "texture"


@given(SIDES, SIDES, st.integers(1, 160_000))
@example(height=3, width=3, wanted=23)
def test_a_width_a_height_and_a_long_side_are_reached_to_the_pixel(height, width, wanted):
    for name, side in (("width", width), ("height", height), ("long_side", max(height, width))):
        options = UpscaleOptions(**{name: wanted})
        if MIN_SCALE <= wanted / side <= MAX_SCALE:
            assert round(side * options.scale_for(height, width)) == wanted
        else:
            with pytest.raises(OptionError, match=f"{width} × {height} pixels cannot become {options.size_label}"):
                options.scale_for(height, width)


@given(SIDES, SIDES, st.floats(MIN_SCALE, MAX_SCALE))
def test_megapixels_are_reached_and_a_scale_stays_itself(height, width, scale):
    assert UpscaleOptions(scale=scale).scale_for(height, width) == scale
    wanted = height * width * (1 + (scale - 1) * 0.999) ** 2 * 1.0001
    reached = UpscaleOptions(megapixels=wanted / 1e6).scale_for(height, width)
    assert math.isclose(height * width * reached**2, wanted)


def test_a_size_takes_the_place_of_a_scale():
    assert UpscaleOptions(scale=2, width=111) == UpscaleOptions(width=111)


def test_the_names_of_files_tell_sizes_apart():
    sizes = [{}, {"scale": 2.5}, {"width": 1920}, {"height": 1080}, {"long_side": 3000}, {"megapixels": 12}]
    labels = [UpscaleOptions(**size).size_label for size in sizes]
    assert labels == ["x4", "x2.5", "1920w", "1080h", "3000px", "12mp"]


@given(UPSCALE, OUTPUT)
def test_the_words_of_a_command_line_choose_the_same_options(upscale, output):
    words = ["upscale", "a.png", *upscale.command_words(), *output.command_words()]
    parsed = PARSER.parse_args(words)
    assert (chosen(parsed, UpscaleOptions), chosen(parsed, OutputOptions)) == (upscale, output)


@given(UPSCALE, OUTPUT)
def test_the_python_expression_makes_the_same_options(upscale, output):
    for options in (upscale, output):
        assert eval(options.python_call(), {type(options).__name__: type(options)}) == options


def test_defaults_are_left_unsaid():
    assert UpscaleOptions().command_words() == OutputOptions().command_words() == []
    assert UpscaleOptions().python_call() == "UpscaleOptions()"
    assert UpscaleOptions(scale=2).command_words() == ["--scale", "2"]


@pytest.mark.parametrize(("table", "row"), ROWS, ids=lambda value: getattr(value, "name", ""))
@settings(max_examples=25)
@given(data=st.data())
def test_the_fingerprint_changes_exactly_with_what_changes_pixels(table, row, data):
    others = {"model": "texture"} if row.name == "texture" else {}  # which a texture chooses by itself
    one, other = (table(**others, **{row.name: data.draw(values(row))}) for _ in range(2))
    differ = getattr(one, row.name) != getattr(other, row.name)
    assert (one.fingerprint() != other.fingerprint()) == (differ and row.changes_pixels)


def test_tile_and_device_alone_change_no_pixels():
    rows = [row.name for _, row in ROWS if not row.changes_pixels]
    assert rows == ["tile", "device"]


@given(UPSCALE, OUTPUT)
def test_a_fingerprint_survives_a_manifest(upscale, output):
    whole = fingerprint(upscale, output)
    assert json.loads(json.dumps(whole)) == whole
    assert set(whole) == {row.name for _, row in ROWS} - {"tile", "device"}


def test_a_mistyped_choice_is_answered_with_the_nearest():
    with pytest.raises(OptionError, match=r"choose from same, png, jpg.*\. Did you mean webp\?$"):
        OutputOptions("wepb")


@pytest.mark.parametrize("text", ["3", "x3", "3x", "X3", "×3", "3.0x"])
def test_a_scale_may_be_said_as_people_say_it(text):
    assert UpscaleOptions(scale=text).scale == 3
    with pytest.raises(OptionError, match=r"^width="):  # no other number may
        UpscaleOptions(width=f"x{text}")


def test_the_copied_command_and_the_copied_python_make_the_same_file(tmp_path):
    source = picture(tmp_path / "a cat's.png")
    upscale, output = UpscaleOptions(scale=2.5, tile=MIN_TILE, device="cpu"), OutputOptions("webp", metadata="none")
    by_command, by_python = tmp_path / "one 1.webp", tmp_path / "two.webp"
    program, *words = shlex.split(command_line(str(source), str(by_command), upscale, output))
    assert program == "caesr"
    assert main(words) == 0
    exec(python_lines(str(source), str(by_python), upscale, output), {})
    assert by_command.read_bytes() == by_python.read_bytes()


FILE_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
SHOW = "import os, sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX shell there")
@settings(max_examples=30)
@given(FILE_NAMES, FILE_NAMES, OUTPUT)
@example("-photo.jpg", "--out.png", OutputOptions(keep_date=True))
@example("train", "batch", OutputOptions())
@example('a\'b "c" $(d) `e`\n\\*?~.jpg', "é 日😀!&|;<>.png", OutputOptions("jpg"))
@example("-h", "--help", OutputOptions())
@example("=a.jpg", "@b.png", OutputOptions())
def test_a_shell_reads_the_copied_command_as_it_is_meant(source, target, output):
    upscale = UpscaleOptions(model="-nets/a b")
    line = command_line(source, target, upscale, output)
    shell = f'caesr() {{ "$PYTHON" -c "$SHOW" "$@"; }}\n{line}\n'
    environment = os.environ | {"PYTHON": sys.executable, "SHOW": SHOW}
    done = subprocess.run(["sh", "-c", shell], capture_output=True, check=True, env=environment)
    verb_or_file, *words = map(os.fsdecode, done.stdout.split(b"\0"))
    assert verb_or_file not in VERBS
    parsed = PARSER.parse_args(["upscale", verb_or_file, *words])
    assert [Path(name) for name in (*parsed.inputs, parsed.out)] == [Path(source), Path(target)]
    assert (chosen(parsed, UpscaleOptions), chosen(parsed, OutputOptions)) == (upscale, output)


def test_options_are_fields_of_their_classes():
    for table in TABLES:
        assert [row.name for row in option_table(table)] == [one.name for one in fields(table)]


@pytest.mark.slow
def test_a_field_that_is_added_appears_in_every_interface(tmp_path: Path):
    picture(tmp_path / "a.png")
    run = subprocess.run([sys.executable, "-c", PROBE, tmp_path], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["code"] == 0
    assert "--probe N" in found["help"]
    assert "a probe, 0 to 9 (default: 7)" in " ".join(found["help"].split())
    assert found["parameter"] == 7
    assert "    probe: a probe, 0 to 9.\n" in found["docstring"]
    assert found["component"] == ["Slider", 0, 9, 7, "a probe"]
    assert found["command"] == "caesr a.png -o b.png --probe 3"
    assert "UpscaleOptions(probe=3)" in found["python"]
    assert json.loads(found["manifest"].splitlines()[0])["settings"]["probe"] == 3
