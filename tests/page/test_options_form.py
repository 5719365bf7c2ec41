"""The options as components of the page and as parameters of the API: both are the table's."""

import inspect

import gradio as gr
import pytest

from caesr.options import Option, OptionError, OutputOptions, UpscaleOptions
from caesr.page.controls import Controls, controls
from caesr.page.options_form import api_component, api_signature, component, initial_value, options_of, page_options

ROWS = page_options()
SIZES = ("scale", "width", "height", "long_side", "megapixels")
PARAMETERS = [
    *("file", "model", "scale", "tile", "width", "height", "long_side", "megapixels", "texture", "ensemble"),
    *("true_to_input", "format", "quality", "metadata"),
]
PNG = OutputOptions("png")


@pytest.fixture(scope="module")
def column() -> Controls:
    """Return the left column of a page."""
    with gr.Blocks():
        return controls()


def answers(column: Controls, kind: str = "scale", **choices: object) -> dict:
    """Return what the components of the column hold after a visitor's choices."""
    values = {shown: shown.value for shown in column.options.values()} | {column.kind: kind}
    return values | {column.options[name]: value for name, value in choices.items()}


def test_the_page_offers_every_option_but_those_about_the_machine(column):
    assert set(column.options) == {row.name for row in ROWS} == set(PARAMETERS) - {"file"}


@pytest.mark.parametrize("make", [component, api_component])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_component_begins_with_the_default(make, row: Option):
    unanswered = {row.name: make(row).value}
    if row.name == "texture":
        assert UpscaleOptions(**unanswered) in (UpscaleOptions(model="texture"), UpscaleOptions())
    else:
        assert options_of(unanswered) in [(UpscaleOptions(), OutputOptions()), (UpscaleOptions(), PNG)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_slider_has_the_bounds_of_the_table(row: Option):
    shown = component(row)
    if isinstance(shown, gr.Slider) and not row.allows_auto:
        assert (shown.minimum, shown.maximum) == (row.least, row.most)


def test_every_step_of_the_tile_slider_is_a_tile():
    (row,) = (row for row in ROWS if row.allows_auto)
    shown = component(row)
    assert row.parse(shown.minimum) == "auto"
    for tile in range(shown.step, shown.maximum + 1, shown.step):
        assert row.parse(tile) == tile


def test_untouched_the_column_means_the_defaults(column):
    assert column.chosen(answers(column)) == (UpscaleOptions(), PNG)


@pytest.mark.parametrize("kind", SIZES)
def test_of_the_sizes_the_one_that_is_shown_counts(column, kind):
    filled = {"scale": 2, "width": 500, "height": 400, "long_side": 600, "megapixels": 1.5}
    upscale, _ = column.chosen(answers(column, kind, **filled))
    assert upscale == UpscaleOptions(**{kind: filled[kind]})


def test_the_texture_dial_counts_for_the_texture_family_only(column):
    assert column.chosen(answers(column, model="base", texture=30))[0] == UpscaleOptions(model="base")
    assert column.chosen(answers(column, model="texture", texture=30))[0] == UpscaleOptions(texture=30)
    assert column.chosen(answers(column, model="texture"))[0] == UpscaleOptions(model="texture")


def test_a_tile_of_0_is_chosen_for_the_machine(column):
    assert column.chosen(answers(column, tile=0))[0].tile == "auto"
    assert column.chosen(answers(column, tile=64))[0].tile == 64


def test_a_size_that_cannot_be_is_refused_in_words(column):
    with pytest.raises(OptionError, match="height=-3: give a whole number from 1 up"):
        column.chosen(answers(column, "height", height=-3))


def test_the_api_has_the_parameters_of_the_table_and_explains_each():
    def upscale(file: str, *values: object) -> str:
        """Upscale a picture."""
        return file

    signed = api_signature(upscale, "the picture", "The result.")
    parameters = inspect.signature(signed).parameters
    assert list(parameters) == PARAMETERS
    assert {row.name: parameters[row.name].default for row in ROWS} == {row.name: initial_value(row) for row in ROWS}
    lines = inspect.getdoc(signed).splitlines()
    assert lines[0] == "Upscale a picture."
    assert [line.split(":")[0].strip() for line in lines[3:-2]] == PARAMETERS
    assert all(line.endswith(".") for line in lines[4:-2])
