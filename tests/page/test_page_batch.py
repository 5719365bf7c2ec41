"""The tab Batch: many pictures, stopped and gone on with, looked at and downloaded: in a real browser."""

import csv
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from caesr import Upscaler
from caesr.model.family import load_family
from tests.browsing import (
    CAT,
    READY,
    ROOT,
    choose_format,
    choose_model,
    choose_scale,
    download,
    drop,
    turn_to,
    type_in,
    visit,
    wait_until_loaded,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COFFEE = ROOT / "examples" / "page" / "coffee.jpg"


def batch_files(folder: Path) -> list[Path]:
    """Write what people drop into a batch: a picture, a broken one, and a zip with two of one stem and a text."""
    small = Image.open(CAT).convert("RGB").resize((40, 30))
    small.save(folder / "one.png")
    (folder / "broken.png").write_bytes(CAT.read_bytes()[:3000])
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for format in ("JPEG", "PNG"):
            buffer = io.BytesIO()
            small.save(buffer, format)
            archive.writestr(f"inside/two.{format.lower()}", buffer.getvalue())
        archive.writestr("inside/notes.txt", "no picture")
    return [folder / name for name in ("one.png", "broken.png", "more.zip")]


def give(page: Page, files: list[Path], words: str) -> None:
    """Give files to the tab, and wait until the page says so."""
    page.set_input_files("#files input[type=file]", files)
    expect(page.locator("#files")).to_contain_text(words, timeout=READY)
    expect(page.locator("#run-batch")).to_be_enabled(timeout=READY)


def run_batch(page: Page, caption: str, state: str) -> None:
    """Upscale all pictures of the tab, and wait for a state of one, for what the page says at the end, for the zip."""
    page.click("#run-batch")
    expect(page.locator("#rows")).to_contain_text(state, timeout=READY)
    expect(page.locator("#run-batch")).to_have_text("Upscale all", timeout=READY)
    expect(page.locator("#batch-so-far")).to_contain_text(caption, timeout=READY)
    expect(page.locator("#download-zip")).to_be_enabled(timeout=READY)


def cards(page: Page) -> dict[str, str]:
    """Return what the gallery says of each picture, by its name."""
    texts = "all => all.map(card => [card.querySelector('p').innerText, card.querySelector('small').innerText])"
    return dict(page.locator("#rows .card").evaluate_all(texts))


def read_report(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    """Return the rows of the report in a zip of results."""
    return list(csv.DictReader(io.StringIO(archive.read("report.csv").decode())))


def read_results(file: Path) -> dict[str, bytes]:
    """Return the pictures in a zip of results."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith((".png", ".jpg"))}


def test_one_broken_file_stops_none_and_of_an_earlier_batch_what_has_the_same_settings_is_kept(
    browser, server, tmp_path
):
    page = visit(browser, server, locale="en")
    choose_model(page, "Faithful")
    choose_scale(page, 2)
    turn_to(page, "batch")
    expect(page.locator("#run-batch")).to_be_disabled()
    give(page, batch_files(tmp_path), "one.png and 2 more")
    run_batch(page, "3 of 4 done, 1 failed", "done")
    earlier = download(page, "#download-zip", tmp_path)
    assert re.fullmatch(r"one_and_more_\d{4}-\d\d-\d\d_\d{4}\.zip", earlier.name)
    check_batch(earlier, tmp_path)
    page.click("#files .remove")
    expect(page.locator("#run-batch")).to_be_disabled(timeout=READY)

    again = visit(browser, server, locale="en")  # who knows nothing of the first
    choose_model(again, "Faithful")
    choose_scale(again, 2)
    turn_to(again, "batch")
    give(again, [*batch_files(tmp_path), earlier], "one.png and 3 more")
    run_batch(again, "3 of 4 done, 1 failed", "there already")
    said = cards(again)
    assert said.pop("broken.png").startswith("failed · broken.png is damaged")
    assert said == {
        "one.png": "there already",
        "more/inside/two.jpeg": "there already",
        "more/inside/two.png": "there already",
        "more/inside/notes.txt": "skipped · not a picture",
    }
    assert read_results(download(again, "#download-zip", tmp_path / "again")) == read_results(earlier)

    choose_model(again, "More")
    again.click("#checkpoint input")
    again.get_by_role("option", name="Base: clean").click()
    run_batch(again, "0 of 4 done, 4 failed", "another model")
    said = cards(again)
    del said["more/inside/notes.txt"]
    for name, words in said.items():
        assert words.startswith("failed")
        assert "/caesr-" not in words  # no folder of the server
        assert ("damaged" if name == "broken.png" else "made with other settings or another model") in words


def check_batch(file: Path, folder: Path) -> None:
    """Check a zip of the results of `batch_files`."""
    results = ["more/inside/two_x2.jpg", "more/inside/two_x2.png", "one_x2.png"]
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == sorted([*results, "manifest.jsonl", "report.csv"])
        small = np.array(Image.open(folder / "one.png"))
        with Image.open(io.BytesIO(archive.read("one_x2.png"))) as image:
            assert np.array_equal(np.array(image), Upscaler(load_family("lite"), "cpu")(small, 2))
        broken, skipped, *others = sorted(read_report(archive), key=lambda row: (row["result"], row["name"]))
    assert (broken["name"], broken["result"]) == ("broken.png", "")
    assert broken["error"].startswith("broken.png is damaged")
    assert (skipped["name"], skipped["error"]) == ("more/inside/notes.txt", "not a picture")
    assert [(row["name"], row["result"]) for row in others] == [
        ("more/inside/two.jpeg", results[0]), ("more/inside/two.png", results[1]), ("one.png", results[2]),
    ]  # fmt: skip
    assert all(float(row["seconds"]) > 0 for row in others)


def test_each_result_can_be_looked_at_and_downloaded_in_the_format_of_both_tabs(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    choose_scale(page, 2)
    choose_format(page, "WebP")
    turn_to(page, "batch")
    expect(page.locator("#batch-format input")).to_have_value("WebP")
    choose_format(page, "PNG", "#batch-format")
    expect(page.locator("#format input")).to_have_value("PNG")
    give(page, [CAT, COFFEE], "cat.png and 1 more")
    run_batch(page, "2 of 2 done, 0 failed", "done")
    page.locator("#rows button.picture").last.click()
    expect(page.locator("#batch-viewer .after")).to_be_visible(timeout=READY)
    assert wait_until_loaded(page, "#batch-viewer .before, #batch-viewer .after") == [[600, 400], [300, 200]]
    expect(page.locator("#batch-viewer .stage")).to_be_in_viewport(ratio=0.9)
    expect(page.locator("#rows button.picture").last).to_have_attribute("aria-pressed", "true")
    file = download(page, "#rows .card:has-text('coffee') a", tmp_path)
    assert file.name == "coffee_x2.png"
    source = np.array(Image.open(COFFEE))
    assert np.array_equal(np.array(Image.open(file)), Upscaler(load_family("photo"), "cpu")(source, 2))  # by Auto


def test_a_batch_that_is_stopped_gives_what_is_done_and_goes_on_from_there(browser, server, tmp_path, photograph):
    Image.open(CAT).convert("RGB").resize((40, 30)).save(tmp_path / "a.png")
    Image.fromarray(np.tile(photograph, (8, 8, 1))).save(tmp_path / "b.png")
    page = visit(browser, server, locale="en")
    page.uncheck("#tile-auto input")
    type_in(page, "#tile", 32)
    turn_to(page, "batch")
    give(page, [tmp_path / "a.png", tmp_path / "b.png"], "a.png and 1 more")
    page.click("#run-batch")
    expect(page.locator("#rows .card.done")).to_have_count(1, timeout=READY)
    expect(page.locator("#batch-so-far")).to_contain_text("2/2 · b.png", timeout=READY)
    page.click("#run-batch")
    expect(page.locator("#rows .card.left")).to_contain_text("left out", timeout=READY)
    expect(page.locator("#download-zip")).to_be_enabled(timeout=READY)
    with zipfile.ZipFile(download(page, "#download-zip", tmp_path)) as archive:
        assert sorted(archive.namelist()) == ["a_x4.png", "manifest.jsonl", "report.csv"]
        report = read_report(archive)
    assert [(row["name"], row["result"], row["error"]) for row in report] == [
        ("a.png", "a_x4.png", ""), ("b.png", "", "left out"),
    ]  # fmt: skip

    expect(page.locator("#run-batch")).to_have_text("Upscale the rest")
    page.click("#run-batch")
    expect(page.locator("#rows .card.kept")).to_contain_text("there already", timeout=READY)
    expect(page.locator("#batch-so-far")).to_contain_text("2/2 · b.png", timeout=READY)
    page.click("#run-batch")
    expect(page.locator("#rows .card.left")).to_contain_text("left out", timeout=READY)
    drop(page, CAT, into="#files")
    expect(page.locator("#run-batch")).to_have_text("Upscale all", timeout=READY)  # of others there is no rest
