"""The tab Upscale: what becomes of a picture with every choice, and what is said of the result: in a real browser."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from caesr import OutputOptions, UpscaleOptions, Upscaler
from caesr.jobs import upscale_file
from caesr.model.family import load_blend, load_family
from caesr.page.facts import size_text
from tests.browsing import (
    CAT,
    READY,
    ROOT,
    choose_format,
    choose_kind,
    choose_model,
    choose_scale,
    download,
    drop,
    remove_picture,
    type_in,
    unfold,
    upscale,
    visit,
    wait_until_loaded,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VIEWED = "#viewer .before, #viewer .after"
SIZES = {  # of #kind -> the component that is shown, and its first value for the cat at ×4
    "by width": ("#width", "904"),
    "by height": ("#height", "600"),
    "by long side": ("#long_side", "904"),
    "by megapixels": ("#megapixels", "0.54"),
    "for print": ("#print-cm", "7.7"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """Write a small picture, of 60 × 40."""
    file = tmp_path_factory.mktemp("small") / "cat.png"
    Image.open(CAT).convert("RGB").resize((60, 40)).save(file)
    return file


def test_two_actions_give_what_the_library_makes(browser, server, tmp_path):
    page = visit(browser, server, locale="en-GB")
    page.locator("#picture .examples button").first.click()
    expect(page.locator("#facts")).to_contain_text("coffee.jpg 300 × 200 · JPEG", timeout=READY)
    expect(page.locator("#facts")).to_contain_text(re.compile(r"→ 1200 × 800 · about \d+ s · JPEG, about \d+ KB"))
    expect(page.locator("#about-model")).to_contain_text("JPEG artefacts found (quality about 60): using Photo.")
    upscale(page, "1200 × 800")
    expect(page.locator("#status")).to_have_text(re.compile(r"^\s*Photo · ×4 · 1200 × 800 · [\d.]+ s\s*$"))
    expect(page.locator("#download")).to_have_text(re.compile(r"Download JPEG · \d+ KB"))
    file = download(page, "#download", tmp_path)
    assert file.name == "coffee_x4.jpg"
    source, target = ROOT / "examples" / "page" / "coffee.jpg", tmp_path / "library.jpg"
    upscale_file(source, target, UpscaleOptions(model="photo", device="cpu"), OutputOptions(format="jpg"))
    assert file.read_bytes() == target.read_bytes()
    assert wait_until_loaded(page, VIEWED) == [[1200, 800], [300, 200]]  # the original is the file itself
    assert page.outside == []


def test_changed_settings_are_said_and_recent_results_come_back(browser, server, small, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, small)
    upscale(page, "240 × 160")
    choose_model(page, "Texture")
    expect(page.locator("#stale")).to_contain_text("Settings changed: upscale again", timeout=READY)
    choose_model(page, "Auto")
    expect(page.locator("#stale span")).to_have_count(0, timeout=READY)
    choose_scale(page, 2)
    expect(page.locator("#stale")).to_contain_text("Settings changed: upscale again", timeout=READY)
    upscale(page, "120 × 80")
    expect(page.locator("#status")).to_contain_text("Faithful · ×2")
    expect(page.locator("#stale span")).to_have_count(0)
    choose_model(page, "Photo")
    expect(page.locator("#stale span")).to_be_visible(timeout=READY)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("Photo · ×2", timeout=READY)
    assert download(page, "#download", tmp_path).name == "cat_x2_photo.png"  # the other is cat_x2.png
    expect(page.locator("#recent button")).to_have_count(3)
    page.locator("#recent button").last.click()
    expect(page.locator("#status")).to_contain_text("Faithful · ×4", timeout=READY)
    expect(page.locator("#recent button").last).to_have_attribute("aria-pressed", "true")


def test_another_format_or_quality_is_saved_from_the_same_result(page, small, tmp_path):
    drop(page, small)
    upscale(page, "240 × 160")
    said = page.inner_text("#status")
    for format, quality, suffix in (("WebP", 80, "webp"), ("JPEG", 80, "jpg"), ("TIFF", None, "tif")):
        output = OutputOptions(quality=quality or 95)
        library = upscale_file(small, tmp_path / f"library.{suffix}", UpscaleOptions(device="cpu"), output)
        choose_format(page, format)
        if quality:
            type_in(page, "#quality", quality)
        size = size_text(library.stat().st_size)
        expect(page.locator("#download")).to_have_text(f"Download {format} · {size}", timeout=READY)
        expect(page.locator("#download")).to_be_enabled(timeout=READY)
        file = download(page, "#download", tmp_path)
        assert file.name == f"cat_x4.{suffix}"
        assert file.read_bytes() == library.read_bytes(), format
    expect(page.locator("#status")).to_have_text(said)  # no run was needed


def test_a_picture_that_is_removed_while_its_result_is_saved_anew_leaves_nothing(page, tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (160, 240, 3), np.uint8)).save(photo)
    drop(page, photo)
    upscale(page, "960 × 640")
    choose_format(page, "AVIF")
    expect(page.locator("#download")).to_be_disabled()
    remove_picture(page)
    page.wait_for_timeout(3000)  # AVIF takes a second
    expect(page.locator("#status [data-result]")).to_have_count(0)
    expect(page.locator("#download")).to_be_disabled()


def test_the_texture_dial_blends_base_and_texture(page, small, tmp_path):
    unfold(page, "#advanced")
    expect(page.locator("#texture")).to_have_count(0)
    choose_model(page, "Texture")
    expect(page.locator("#texture")).to_be_visible(timeout=READY)
    type_in(page, "#texture", 40)
    drop(page, small)
    upscale(page, "240 × 160")
    expect(page.locator("#status")).to_contain_text("Texture 40 %")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(result, Upscaler(load_blend(0.4), "cpu")(np.array(Image.open(small)), 4))


def test_every_checkpoint_can_be_chosen(page, small, tmp_path):
    choose_model(page, "More")
    page.click("#checkpoint input")
    page.get_by_role("option", name="caesr-base-x2").click()
    choose_scale(page, 2)
    drop(page, small)
    upscale(page, "120 × 80")
    expect(page.locator("#status")).to_contain_text("caesr-base-x2 · ×2")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(result, Upscaler(load_family("base"), "cpu")(np.array(Image.open(small)), 2))


def test_settings_survive_a_reload(browser, server):
    page = visit(browser, server, locale="en")
    type_in(page, "#scale", 3)
    choose_model(page, "Texture")
    page.uncheck("#tile-auto input")
    type_in(page, "#tile", 96)
    unfold(page, "#advanced")
    choose_kind(page, "by long side")
    type_in(page, "#long_side", 640)
    kept = "localStorage.getItem('caesr-settings')"
    page.wait_for_timeout(700)  # what is kept is encrypted: that it is all there cannot be seen
    before = page.evaluate(kept)
    choose_format(page, "WebP")
    page.wait_for_function(f"before => {kept} !== before", arg=before, timeout=READY)
    page.reload()
    expect(page.locator("#scale input[type=number]")).to_have_value("3", timeout=READY)
    expect(page.locator("#scales label:has-text('×3') input")).to_be_checked()
    expect(page.locator("#model label:has-text('Texture') input")).to_be_checked()
    expect(page.locator("#tile input[type=number]")).to_have_value("96")
    expect(page.locator("#tile input[type=number]")).to_be_enabled()
    expect(page.locator("#format input")).to_have_value("WebP")
    unfold(page, "#advanced")
    expect(page.locator("#long_side input[type=number]")).to_have_value("640", timeout=READY)


def test_each_size_begins_with_what_the_scale_gives_and_is_never_out_of_bounds(page):
    drop(page, CAT)
    unfold(page, "#advanced")
    for name, (component, value) in SIZES.items():
        choose_kind(page, name)
        expect(page.locator(f"{component} input[type=number]")).to_have_value(value, timeout=READY)
        for other, _ in SIZES.values():
            expect(page.locator(other)).to_have_count(int(other == component))
        expect(page.locator("#problem p")).to_have_count(0)
    choose_kind(page, "by long side")
    expect(page.locator("#long_side input[type=number]")).to_have_value("904", timeout=READY)
    type_in(page, "#long_side", 5000)  # ×8 is the most
    expect(page.locator("#facts")).to_contain_text("1808 × 1200", timeout=READY)
    type_in(page, "#long_side", 500)
    upscale(page, "500 × 332")
    choose_kind(page, "by scale")
    type_in(page, "#scale", 99)  # as is 8 here
    expect(page.locator("#facts")).to_contain_text("1808 × 1200", timeout=READY)
    expect(page.locator(".toast-body")).to_have_count(0)


def test_the_first_value_of_a_size_never_replaces_what_somebody_has_typed(page):
    drop(page, CAT)
    unfold(page, "#advanced")
    for name, component, value, typed in (("by width", "#width", "904", "301"), ("by height", "#height", "600", "303")):
        choose_kind(page, name)
        expect(page.locator(f"{component} input[type=number]")).to_have_value(value, timeout=READY)
        type_in(page, component, typed)  # at once: what the choice of a size still asks for is on its way
        expect(page.locator("#facts")).to_contain_text(typed, timeout=READY)
        page.wait_for_timeout(500)
        expect(page.locator(f"{component} input[type=number]")).to_have_value(typed)


def test_a_size_is_chosen_from_the_keyboard(page):
    drop(page, CAT)
    unfold(page, "#advanced")
    choose_kind(page, "by height")
    expect(page.locator("#height")).to_have_count(1, timeout=READY)
    page.focus("#kind input")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#width input[type=number]")).to_have_value("904", timeout=READY)
    expect(page.locator("#height")).to_have_count(0)


def test_the_copied_command_and_the_copied_python_make_the_same_file(browser, server, small, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, small)
    unfold(page, "#advanced")
    page.check("#true_to_input input")
    choose_format(page, "JPEG")
    type_in(page, "#quality", 80)
    choose_scale(page, 2)
    expect(page.locator("#command textarea")).to_have_value(
        re.compile("--quality 80.*--true-to-input|--true-to-input.*--quality 80"), timeout=READY
    )
    upscale(page, "120 × 80")
    result = download(page, "#download", tmp_path)
    assert result.name == "cat_x2.jpg"
    program, *words = shlex.split(page.input_value("#command textarea"))
    assert [program, *words[:3]] == ["caesr", "cat.png", "-o", "cat_x2.jpg"]
    lines = page.input_value("#python textarea")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    runs = []
    for name, command in (("shell", ["-m", "caesr", *words]), ("python", ["-c", lines])):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "cat.png").write_bytes(small.read_bytes())
        runs.append((folder, subprocess.Popen([sys.executable, *command], cwd=folder, env=environment)))
    for folder, run in runs:
        assert run.wait(timeout=120) == 0
        assert (folder / "cat_x2.jpg").read_bytes() == result.read_bytes(), folder.name


def test_for_a_large_picture_x2_is_suggested_and_a_very_large_result_is_asked_about(page, tmp_path, photograph):
    Image.fromarray(np.tile(photograph, (14, 12, 1))).save(tmp_path / "large.jpg", quality=95)
    drop(page, tmp_path / "large.jpg")
    expect(page.locator("#facts")).to_contain_text("5424 × 4200", timeout=READY)
    expect(page.locator("#facts")).to_contain_text("×2 is suggested")
    expect(page.locator("#scales label:has-text('×2') input")).to_be_checked()
    expect(page.locator("#confirm")).to_have_count(0)
    choose_scale(page, 4)
    expect(page.locator("#confirm")).to_contain_text(
        re.compile(r"Make 91 megapixels: about \d+ (s|min)\?"), timeout=READY
    )
    expect(page.locator("#run")).to_be_disabled()
    page.check("#confirm input")
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#status")).to_contain_text(
        re.compile(r"\d+ % · (about \d+ (s|min)|a few seconds) left"), timeout=READY
    )
    expect(page.locator("#run")).to_have_text("Cancel")
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("Stopped.", timeout=READY)
    expect(page.locator("#run")).to_have_text("Upscale")


def test_a_result_too_large_for_a_browser_is_shown_reduced_and_downloaded_whole(page, tmp_path, photograph):
    Image.fromarray(np.tile(photograph, (6, 5, 1))).save(tmp_path / "large.png")
    choose_format(page, "JPEG")
    choose_model(page, "Faithful")
    drop(page, tmp_path / "large.png")
    upscale(page, "4520 × 3600")  # a little more than 16 megapixels
    expect(page.locator("#status")).to_contain_text("shown reduced")
    (width, height), _ = wait_until_loaded(page, VIEWED)
    assert 15e6 < width * height <= 16.1e6
    assert Image.open(download(page, "#download", tmp_path)).size == (4520, 3600)
