"""The tabs Compare, Invented, Batch and Zoo, accessibility and layout: in a real browser."""

import csv
import io
import json
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
from tests.browsing import CAT, READY, TABS, download, drop, turn_to, type_in, unfold, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def rows(page: Page, table: str) -> list[list[str]]:
    """Return the texts of a table's cells."""
    return page.locator(f"{table} tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.children].map(c => c.innerText))"
    )


def test_networks_are_compared_on_the_part_that_was_chosen(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    turn_to(page, "compare")
    page.click("#side label:has-text('64')")
    page.click("#compare")
    expect(page.locator("#compared img")).to_have_count(3, timeout=READY)
    assert [row[0] for row in rows(page, "#figures")] == ["bicubic", "lite", "base"]
    assert all(float(row[1]) >= 0 for row in rows(page, "#figures"))
    sizes = page.locator("#compared img").evaluate_all("all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[256, 256]] * 3
    assert page.outside == []


def test_with_a_ground_truth_alone_the_figures_are_those_of_the_library(browser, server, tmp_path, photograph):
    truth = photograph[:120, :160]
    Image.fromarray(truth).save(tmp_path / "truth.png")
    page = visit(browser, server, locale="en")
    type_in(page, "#scale", 2)
    turn_to(page, "compare")
    page.click("#side label:has-text('256')")
    drop(page, tmp_path / "truth.png", into="#truth")
    page.uncheck("#models label:has-text('Base') input")
    page.click("#compare")
    expect(page.locator("#compared img")).to_have_count(5, timeout=READY)  # two results, the truth, two errors
    small = resize_image(truth, 1 / 2)
    upscaled = Upscaler(load_family("lite"), "cpu")(small, 2)
    psnr, ssim = psnr_ssim_y(to_tensor_255(upscaled), to_tensor_255(truth), 2)
    lite = rows(page, "#figures")[1]
    assert lite[0] == "lite"
    assert lite[3:5] == [f"{psnr:.2f}", f"{ssim:.4f}"]


def test_a_ground_truth_of_another_size_is_answered_in_a_sentence(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    turn_to(page, "compare")
    drop(page, CAT, into="#truth")
    page.click("#compare")
    expect(page.locator("body")).to_contain_text(
        "The ground truth is 226 × 150 and the result would be 904 × 600", timeout=READY
    )


def test_what_was_invented_is_shown_and_said_in_a_sentence(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    turn_to(page, "invented")
    page.click("#show-map")
    expect(page.locator("body")).to_contain_text("Upscale this picture first, in the tab Upscale", timeout=READY)
    turn_to(page, "upscale")
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("904 × 600", timeout=READY)
    turn_to(page, "invented")
    page.click("#show-map")
    expect(page.locator("#verdict")).to_contain_text("dB. Reduced again", timeout=READY)
    sizes = page.eval_on_selector_all("#map img", "all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[904, 600], [904, 600]]
    page.click("#map-kind label:has-text('invented')")
    page.click("#show-map")
    expect(page.locator("#verdict")).to_contain_text("of the pixels differ visibly from what base makes", timeout=READY)


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


def run_batch(page: Page, caption: str) -> None:
    """Upscale all pictures of the tab, and wait for a text that the table had not before, and for the zip."""
    page.click("#run-batch")
    expect(page.locator("#rows")).to_contain_text(caption, timeout=READY)
    expect(page.locator("#rows tbody")).not_to_contain_text("waiting", timeout=READY)
    expect(page.locator("#batch-so-far progress")).to_have_count(0, timeout=READY)
    expect(page.locator("#download-zip")).to_be_enabled(timeout=READY)


def upscale_batch_files(page: Page, folder: Path) -> None:
    """Upscale the files of `batch_files` twofold, of which one is broken."""
    type_in(page, "#scale", 2)
    turn_to(page, "batch")
    page.set_input_files("#files input[type=file]", batch_files(folder))
    expect(page.locator("#files")).to_contain_text("more", timeout=READY)
    run_batch(page, "3 of 4 done, 1 failed")


def read_report(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    """Return the rows of the report in a zip of results."""
    return list(csv.DictReader(io.StringIO(archive.read("report.csv").decode())))


def test_in_a_batch_one_broken_file_stops_none_of_the_others(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    upscale_batch_files(page, tmp_path)
    file = download(page, "#download-zip", tmp_path)
    assert file.name == "upscaled.zip"
    results = ["more/inside/two_jpeg_x2.png", "more/inside/two_png_x2.png", "one_x2.png"]
    with zipfile.ZipFile(file) as archive:
        assert sorted(archive.namelist()) == sorted([*results, "manifest.jsonl", "report.csv"])
        small = np.array(Image.open(tmp_path / "one.png"))
        with Image.open(io.BytesIO(archive.read("one_x2.png"))) as image:
            assert np.array_equal(np.array(image), Upscaler(load_family("lite"), "cpu")(small, 2))
        broken, *others = read_report(archive)
    assert (broken["name"], broken["result"]) == ("broken.png", "")
    assert broken["error"].startswith("broken.png is damaged")
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
    drop(page, earlier, into="#earlier")
    expect(page.locator("#earlier")).to_contain_text("upscaled", timeout=READY)

    run_batch(page, "there already")
    assert {row[0]: row[1] for row in rows(page, "#rows")} == {
        "one.png": "there already",
        "broken.png": "failed",
        "more/inside/two.jpeg": "there already",
        "more/inside/two.png": "there already",
    }
    with zipfile.ZipFile(download(page, "#download-zip", tmp_path)) as archive:
        after = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    assert after == before

    page.click("#model label:has-text('Base')")
    expect(page.locator("#about-model")).to_contain_text("caesr-base-x2", timeout=READY)
    run_batch(page, "0 of 4 done, 4 failed")
    for name, state, reason in rows(page, "#rows"):
        assert state == "failed"
        assert "/caesr-" not in reason  # no folder of the server
        assert ("damaged" if name == "broken.png" else "made with other settings or another model") in reason


def test_a_batch_that_is_stopped_gives_what_is_done(browser, server, tmp_path, photograph):
    Image.open(CAT).convert("RGB").resize((40, 30)).save(tmp_path / "a.png")
    Image.fromarray(np.tile(photograph, (8, 8, 1))).save(tmp_path / "b.png")
    page = visit(browser, server, locale="en")
    unfold(page, "#more")
    type_in(page, "#tile", 32)
    turn_to(page, "batch")
    page.set_input_files("#files input[type=file]", [tmp_path / "a.png", tmp_path / "b.png"])
    expect(page.locator("#files")).to_contain_text("b", timeout=READY)
    page.click("#run-batch")
    expect(page.locator("#rows")).to_contain_text("a_x4.png", timeout=READY)
    expect(page.locator("#rows")).to_contain_text("1 of 2 done", timeout=READY)
    page.click("#stop-batch")
    expect(page.locator("#rows")).to_contain_text("left out", timeout=READY)
    expect(page.locator("#download-zip")).to_be_enabled(timeout=READY)
    with zipfile.ZipFile(download(page, "#download-zip", tmp_path)) as archive:
        assert sorted(archive.namelist()) == ["a_x4.png", "manifest.jsonl", "report.csv"]
        report = read_report(archive)
    assert [(row["name"], row["result"], row["error"]) for row in report] == [
        ("a.png", "a_x4.png", ""), ("b.png", "", "left out"),
    ]  # fmt: skip


def test_a_batch_of_no_pictures_is_answered_in_a_sentence(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    turn_to(page, "batch")
    page.click("#run-batch")
    expect(page.locator(".toast-body")).to_contain_text("Choose pictures, a folder or a zip first", timeout=READY)


def test_the_zoo_shows_the_measured_figures_and_how_to_get_each(browser, server):
    page = visit(browser, server, locale="en")
    turn_to(page, "zoo")
    expect(page.locator("#catalogue")).to_contain_text("caesr-lite-x4", timeout=READY)
    shown = {row[0]: row for row in rows(page, "#catalogue")}
    assert list(shown) == zoo.names()
    for name in zoo.names():
        assert f"{zoo.info(name).figures['Set5']['psnr_y']:.2f}" in shown[name]
    page.click("#fetch")
    expect(page.locator("#fetched")).to_contain_text("its hashes verified", timeout=READY)
    page.fill("#repo input, #repo textarea", "nobody")
    page.click("#load")
    expect(page.locator("body")).to_contain_text("Name a repository as owner/repo", timeout=READY)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_tab(browser, server, theme):
    page = visit(browser, server, locale="en", query=f"?__theme={theme}")
    drop(page, CAT)
    page.click("#run")
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)
    unfold(page, "#more")
    unfold(page, "#look")
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_timeout(400)  # for what fades in
        found = Axe().run(page).response["violations"]
        serious = [
            (finding["id"], [node["html"][:160] for node in finding["nodes"]])
            for finding in found
            if finding["impact"] in ("serious", "critical")
        ]
        assert not serious, f"{tab}: {json.dumps(serious, indent=1)}"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_nothing_is_wider_than_the_window(browser, server, width):
    page = visit(browser, server, width=width, locale="en")
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
