"""The tabs Compare, Batch and Models, accessibility and layout: in a real browser."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

import zoo
from caesr import Upscaler
from caesr.evaluation.evaluate import to_tensor_255
from caesr.imaging.metrics import psnr_ssim_y
from caesr.imaging.resize import resize_image
from caesr.model.family import load_family
from tests.browsing import (
    CAT,
    READY,
    ROOT,
    TABS,
    choose_model,
    download,
    drop,
    turn_to,
    type_in,
    unfold,
    upscale,
    visit,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def rows(page: Page, table: str) -> list[list[str]]:
    """Return the texts of a table's cells."""
    return page.locator(f"{table} tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.children].map(c => c.innerText))"
    )


def test_models_are_compared_on_the_same_part_and_one_is_taken_from_there(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    turn_to(page, "compare")
    page.click("#side label:has-text('64')")
    page.locator("#part .square").press("ArrowRight")
    page.click("#compare")
    expect(page.locator("#compared img")).to_have_count(4, timeout=READY)
    expect(page.locator("#compare")).to_have_text("Compare", timeout=READY)
    titles = page.locator("#compared figcaption strong").all_inner_texts()
    assert titles == ["Bicubic", "Photo", "Faithful", "Texture"]
    sizes = page.locator("#compared img").evaluate_all("all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[256, 256]] * 4
    left = "i => i.getBoundingClientRect().left"
    places = [page.locator("#compared img").nth(n).evaluate(left) for n in (0, 3)]
    page.click("#compared button:has-text('400 %')")
    page.locator("#compared .frame").first.press("ArrowLeft")
    moved = [page.locator("#compared img").nth(n).evaluate(left) for n in (0, 3)]
    assert moved[0] - places[0] == moved[1] - places[1] != 0
    page.click("#compared button[data-use='texture']")
    expect(page.locator("#model label:has-text('Texture') input")).to_be_checked(timeout=READY)
    expect(page.locator("#viewer")).to_be_visible()
    assert page.outside == []


def test_with_a_ground_truth_alone_the_figures_are_those_of_the_library(browser, server, tmp_path, photograph):
    truth = photograph[:120, :160]
    Image.fromarray(truth).save(tmp_path / "truth.png")
    page = visit(browser, server, locale="en")
    page.click("#scales label:has-text('×2')")
    turn_to(page, "compare")
    page.click("#side label:has-text('256')")
    for name in ("Photo", "Texture"):
        page.uncheck(f"#models label:has-text('{name}') input")
    unfold(page, "#measure")
    drop(page, tmp_path / "truth.png", into="#truth")
    expect(page.locator("#truth")).to_contain_text("truth", timeout=READY)
    page.click("#compare")
    expect(page.locator("#maps img")).to_have_count(3, timeout=READY)  # the truth, two errors
    small = resize_image(truth, 1 / 2)
    upscaled = Upscaler(load_family("lite"), "cpu")(small, 2)
    psnr, ssim = psnr_ssim_y(to_tensor_255(upscaled), to_tensor_255(truth), 2)
    lite = rows(page, "#figures")[1]
    assert lite[0] == "Faithful"
    assert lite[3:5] == [f"{psnr:.2f}", f"{ssim:.4f}"]


def test_a_ground_truth_of_another_size_is_answered_in_a_sentence(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    turn_to(page, "compare")
    unfold(page, "#measure")
    drop(page, CAT, into="#truth")
    expect(page.locator("#truth")).to_contain_text("cat", timeout=READY)
    page.click("#compare")
    expect(page.locator("#compared-so-far")).to_contain_text(
        "The ground truth is 226 × 150 and the result would be 904 × 600", timeout=READY
    )
    expect(page.locator("#compare")).to_have_text("Compare")


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


def upscale_batch_files(page: Page, folder: Path) -> None:
    """Upscale the files of `batch_files` twofold, of which one is broken."""
    choose_model(page, "Faithful")
    page.click("#scales label:has-text('×2')")
    turn_to(page, "batch")
    page.set_input_files("#files input[type=file]", batch_files(folder))
    expect(page.locator("#files")).to_contain_text("one.png and 2 more", timeout=READY)
    run_batch(page, "3 of 4 done, 1 failed", "done")


def read_report(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    """Return the rows of the report in a zip of results."""
    return list(csv.DictReader(io.StringIO(archive.read("report.csv").decode())))


def test_in_a_batch_one_broken_file_stops_none_of_the_others(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    upscale_batch_files(page, tmp_path)
    file = download(page, "#download-zip", tmp_path)
    assert re.fullmatch(r"one_and_more_\d{4}-\d\d-\d\d_\d{4}\.zip", file.name)
    results = ["more/inside/two_jpeg_x2.png", "more/inside/two_png_x2.png", "one_x2.png"]
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == sorted([*results, "manifest.jsonl", "report.csv"])
        small = np.array(Image.open(tmp_path / "one.png"))
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


def test_of_an_earlier_batch_what_has_the_same_settings_is_kept_and_nothing_else(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    upscale_batch_files(page, tmp_path)
    earlier = download(page, "#download-zip", tmp_path)
    with zipfile.ZipFile(earlier) as archive:
        before = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    page.set_input_files("#files input[type=file]", [*batch_files(tmp_path), earlier])
    expect(page.locator("#files")).to_contain_text("one.png and 3 more", timeout=READY)

    run_batch(page, "3 of 4 done, 1 failed", "there already")
    said = cards(page)
    assert said.pop("broken.png").startswith("failed · broken.png is damaged")
    assert said == {
        "one.png": "there already",
        "more/inside/two.jpeg": "there already",
        "more/inside/two.png": "there already",
        "more/inside/notes.txt": "skipped · not a picture",
    }
    with zipfile.ZipFile(download(page, "#download-zip", tmp_path)) as archive:
        after = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    assert after == before

    choose_model(page, "More")
    page.click("#checkpoint input")
    page.get_by_role("option", name="Base: clean").click()
    run_batch(page, "0 of 4 done, 4 failed", "another model")
    said = cards(page)
    del said["more/inside/notes.txt"]
    for name, words in said.items():
        assert words.startswith("failed")
        assert "/caesr-" not in words  # no folder of the server
        assert ("damaged" if name == "broken.png" else "made with other settings or another model") in words


def test_a_result_of_a_batch_can_be_looked_at_and_downloaded_by_itself(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    turn_to(page, "batch")
    page.set_input_files("#files input[type=file]", [CAT, ROOT / "examples" / "page" / "coffee.jpg"])
    run_batch(page, "2 of 2 done, 0 failed", "done")
    page.locator("#rows button.picture").last.click()
    expect(page.locator("#batch-viewer .after")).to_be_visible(timeout=READY)
    natural = "i => [i.naturalWidth, i.naturalHeight]"
    page.wait_for_function("document.querySelector('#batch-viewer .after').naturalWidth > 0")
    assert page.locator("#batch-viewer .after").evaluate(natural) == [1200, 800]
    file = download(page, "#rows .card:has-text('coffee') a", tmp_path)
    source = np.array(Image.open(ROOT / "examples" / "page" / "coffee.jpg"))
    assert np.array_equal(np.array(Image.open(file)), Upscaler(load_family("photo"), "cpu")(source, 4))  # by Auto


def test_a_batch_that_is_stopped_gives_what_is_done(browser, server, tmp_path, photograph):
    Image.open(CAT).convert("RGB").resize((40, 30)).save(tmp_path / "a.png")
    Image.fromarray(np.tile(photograph, (8, 8, 1))).save(tmp_path / "b.png")
    page = visit(browser, server, locale="en")
    page.uncheck("#tile-auto input")
    type_in(page, "#tile", 32)
    turn_to(page, "batch")
    page.set_input_files("#files input[type=file]", [tmp_path / "a.png", tmp_path / "b.png"])
    expect(page.locator("#files")).to_contain_text("a.png and 1 more", timeout=READY)
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


def test_a_batch_begins_only_with_files(browser, server):
    page = visit(browser, server, locale="en")
    turn_to(page, "batch")
    expect(page.locator("#run-batch")).to_be_disabled()
    drop(page, CAT, into="#files")
    expect(page.locator("#run-batch")).to_be_enabled(timeout=READY)
    page.click("#files .remove")
    expect(page.locator("#run-batch")).to_be_disabled(timeout=READY)


def test_the_models_are_shown_with_a_sample_and_their_figures_are_folded(browser, server):
    page = visit(browser, server, locale="en")
    turn_to(page, "models")
    families = dict.fromkeys(zoo.info(name).family for name in zoo.names())
    expect(page.locator("#cards img")).to_have_count(1 + len(families), timeout=READY)
    expect(page.locator("#cards")).to_contain_text("Removes JPEG artefacts, noise and blur.")
    expect(page.locator("#column")).to_be_hidden()
    expect(page.locator("#catalogue")).to_be_hidden()
    unfold(page, "#all-figures")
    expect(page.locator("#catalogue")).to_contain_text("caesr-lite-x4", timeout=READY)
    shown = {row[0]: row for row in rows(page, "#catalogue")}
    assert list(shown) == zoo.names()
    for name in zoo.names():
        assert f"{zoo.info(name).figures['Set5']['psnr_y']:.2f}" in shown[name]
    unfold(page, "#developer")
    page.click("#fetch")
    expect(page.locator("#fetched")).to_contain_text("its hashes verified", timeout=READY)
    page.fill("#repo input, #repo textarea", "nobody")
    page.click("#load")
    expect(page.locator("#loaded")).to_contain_text("Name a repository as owner/repo", timeout=READY)


@pytest.mark.parametrize(
    ("theme", "locale", "width"),
    [("light", "en", 1366), ("dark", "zh-CN", 1366), ("light", "zh-CN", 390), ("dark", "en", 390)],
)  # fmt: skip
def test_axe_finds_nothing_on_any_tab(browser, server, theme, locale, width):
    page = visit(browser, server, width=width, locale=locale, query=f"?__theme={theme}")
    page.locator("#picture .examples button").first.click()
    upscale(page, "1200 × 800")
    page.locator("#advanced > button").click()
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_timeout(400)  # for what fades in
        found = Axe().run(page).response["violations"]
        violations = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]
        assert not violations, f"{tab}: {json.dumps(violations, indent=1)}"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_nothing_is_wider_than_the_window(browser, server, width):
    page = visit(browser, server, width=width, locale="en")
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
