"""All pages of a file on the page: kept as a run wrote them, in the same kind of file."""

import pytest
from gradio_client import handle_file

from caesr.engine.progress import Steps
from caesr.files.pages import open_pages
from caesr.files.read import inspect
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.device import Device
from caesr.page.drop_zone import Dropped
from caesr.page.facts import outlook, resolved
from caesr.page.result import save_result
from caesr.page.tab_upscale import upscale
from tests.browsing import api_client
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SAMPLES = ROOT / "tests" / "samples" / "pages"
TWICE = UpscaleOptions("lite", scale=2)


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "scan.tif"])
def test_all_pages_are_downloaded_as_the_same_kind_whatever_is_chosen_later(tmp_path, name):
    device, source = Device(), SAMPLES / name
    _, options, output = resolved(source, TWICE, OutputOptions(pages="all"))
    steps = Steps(upscale(device, Dropped(source, name), options, output))
    for _ in steps:
        pass
    assert not any("of which the first was taken" in note for note in steps.result.notes)
    for chosen in (output, OutputOptions("jpg", pages="all")):
        file, _ = save_result(steps.result, chosen, tmp_path)
        assert file.name == f"{source.stem}_x2{source.suffix}"
        assert (inspect(file).format, inspect(file).pages) == (source.suffix[1:], 4)
        file.unlink()
    assert inspect(steps.result.after).pages == 1  # the first is shown


def test_the_time_and_the_tiles_of_all_frames_are_foretold():
    device, source = Device(), SAMPLES / "moving.gif"
    first, whole = (outlook(source, TWICE, OutputOptions(pages=pages), device) for pages in ("first", "all"))
    assert whole.plan.tiles == 4 * first.plan.tiles
    assert whole.output.format == "gif"
    assert first.plan.seconds is not None
    assert whole.plan.seconds is not None
    assert whole.plan.seconds > 2 * first.plan.seconds


def test_a_program_gets_all_frames(server, tmp_path):
    result = api_client(server).predict(
        handle_file(SAMPLES / "moving.gif"), scale=2, format="webp", pages="all", api_name="/upscale"
    )
    before, after = open_pages(SAMPLES / "moving.gif"), open_pages(result)
    assert (after.format, len(after)) == ("webp", 4)
    assert after.timing is not None
    assert before.timing is not None
    assert after.timing.seconds == before.timing.seconds
