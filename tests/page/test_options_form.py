"""The options as components of the page and as parameters of the API: both are the table's."""

import inspect

import gradio as gr
import pytest

from caesr.files.picture import ImageInfo
from caesr.options import Option, OutputOptions, UpscaleOptions
from caesr.page.controls import Controls, clamp_size, controls
from caesr.page.options_form import api_component, api_signature, component, initial_value, options_of, page_options

ROWS = page_options()
SIZES = ("scale", "width", "height", "long_side", "megapixels")
PARAMETERS = [
    *("file", "model", "scale", "tile", "width", "height", "long_side", "megapixels", "texture", "ensemble"),
    *("true_to_input", "keep_hidden_colours", "format", "quality", "metadata", "keep_print_size", "pages"),
]


@pytest.fixture(scope="module")
def column() -> Controls:
    """Return the left column of a page."""
    with gr.Blocks():
        return controls()


def answers(column: Controls, kind: str = "scale", **choices: object) -> dict:
    """Return what the components of the column hold after a visitor's choices."""
    values = {shown: shown.value for shown in column.settings().values()} | {column.kind: kind}
    values[column.is_auto_tile] = "tile" not in choices
    return values | {column.options[name]: value for name, value in choices.items()}


def test_the_page_offers_every_option_but_those_about_the_machine(column):
    assert set(column.options) == {row.name for row in ROWS} == set(PARAMETERS) - {"file"}


@pytest.mark.parametrize("make", [component, api_component])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_component_begins_with_the_default(make, row: Option):
    unanswered = {row.name: make(row).value}
    if row.allows_auto and make is component:  # has a box for it
        unanswered = {row.name: "auto"}
    if row.name == "texture":
        assert UpscaleOptions(**unanswered) in (UpscaleOptions(model="texture"), UpscaleOptions())
    else:
        assert options_of(unanswered) == (UpscaleOptions(), OutputOptions())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_slider_has_the_bounds_of_the_table(row: Option):
    shown = component(row)
    if isinstance(shown, gr.Slider) and not row.allows_auto:
        assert (shown.minimum, shown.maximum) == (row.least, row.most)


def test_every_step_of_the_tile_slider_is_a_tile():
    (row,) = (row for row in ROWS if row.allows_auto)
    shown = component(row)
    for tile in range(shown.minimum, shown.maximum + 1, shown.step):
        assert row.parse(tile) == tile


def test_untouched_the_column_means_the_defaults(column):
    assert column.asked(answers(column)) == (UpscaleOptions(), OutputOptions())
    assert column.chosen(answers(column)) == (UpscaleOptions("lite"), OutputOptions())  # there is no picture


@pytest.mark.parametrize("kind", SIZES)
def test_of_the_sizes_the_one_that_is_shown_counts(column, kind):
    filled = {"scale": 2, "width": 500, "height": 400, "long_side": 600, "megapixels": 1.5}
    upscale, _ = column.chosen(answers(column, kind, **filled))
    assert upscale == UpscaleOptions("lite", **{kind: filled[kind]})


def test_the_texture_dial_counts_for_the_texture_family_only(column):
    assert column.chosen(answers(column, model="base", texture=30))[0] == UpscaleOptions(model="base")
    assert column.chosen(answers(column, model="texture", texture=30))[0] == UpscaleOptions(texture=30)
    assert column.chosen(answers(column, model="texture"))[0] == UpscaleOptions(model="texture")


def test_the_tile_counts_where_it_is_not_automatic(column):
    assert column.chosen(answers(column))[0].tile == "auto"
    assert column.chosen(answers(column, tile=64))[0].tile == 64


def test_a_size_on_paper_becomes_pixels(column):
    values = answers(column, "print") | {column.print_cm: 25.4, column.print_dpi: 300}
    assert column.chosen(values)[0] == UpscaleOptions("lite", long_side=3000)


@pytest.mark.parametrize("height", [None, 0, -3])
def test_an_empty_size_means_the_scale(column, height):
    assert column.chosen(answers(column, "height", height=height, scale=3))[0] == UpscaleOptions("lite", scale=3)


@pytest.mark.parametrize(("asked", "scale"), [({"width": 9000}, 8), ({"height": 20}, 1), ({"megapixels": 500}, 8)])
def test_a_size_out_of_bounds_becomes_the_nearest(asked, scale):
    info = ImageInfo(width=226, height=150, mode="colour", depth=8, format="png", profile=None, pages=1)
    assert clamp_size(UpscaleOptions(**asked), info) == UpscaleOptions(scale=scale)
    assert clamp_size(UpscaleOptions(width=452), info) == UpscaleOptions(width=452)


def test_a_number_out_of_a_sliders_bounds_becomes_the_nearest():
    (row,) = (row for row in ROWS if row.name == "scale")
    shown = component(row)
    assert [shown.preprocess(value) for value in (99, 0.1, None, 3)] == [8, 1, 1, 3]


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
