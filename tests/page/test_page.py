"""The tab Upscale, and how the page behaves: in a real browser, on a server of its own."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image
from playwright.sync_api import Page, expect

from caesr import OutputOptions, UpscaleOptions, Upscaler
from caesr.jobs import upscale_file
from caesr.model.family import load_blend, load_family
from tests.browsing import (
    CAT,
    READY,
    ROOT,
    api_client,
    choose_format,
    choose_model,
    download,
    drop,
    type_in,
    unfold,
    upscale,
    visit,
)
from tests.pictures import make_exif, make_profile

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SIZES = {  # of #kind -> the component that is shown, and its first value for the cat at ×4
    "by width": ("#width", "904"),
    "by height": ("#height", "600"),
    "by long side": ("#long_side", "904"),
    "by megapixels": ("#megapixels", "0.54"),
    "for print": ("#print-cm", "7.7"),
}


def choose_kind(page: Page, name: str) -> None:
    page.click("#kind input")
    page.get_by_role("option", name=name).click()


def natural_sizes(page: Page) -> list[list[int]]:
    """Return the sizes of the two pictures in the viewer, once both are loaded."""
    images = "#viewer .before, #viewer .after"
    page.wait_for_function("all => [...document.querySelectorAll(all)].every(image => image.complete)", arg=images)
    return page.eval_on_selector_all(images, "all => all.map(i => [i.naturalWidth, i.naturalHeight])")


def test_at_first_sight_there_is_an_example_and_everything_fits_the_window(browser, server):
    page = visit(browser, server, width=1366, locale="en-GB")
    page.set_viewport_size({"width": 1366, "height": 768})
    assert natural_sizes(page) == [[1200, 800], [300, 200]]
    expect(page.locator("#viewer .tag").first).to_have_text("Original")
    expect(page.locator("#run")).to_be_disabled()
    expect(page.locator("#download")).to_be_disabled()
    page.wait_for_function("document.documentElement.scrollHeight <= innerHeight")
    for goal in ("#picture", "#scale", "#tile", "#model", "#run", "#advanced", "#viewer", "#download", "#format"):
        expect(page.locator(goal)).to_be_in_viewport(ratio=1)
    assert page.outside == []


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
    assert natural_sizes(page) == [[1200, 800], [300, 200]]  # the original is the file itself
    assert page.outside == []


def test_another_format_or_quality_is_saved_from_the_same_result(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    upscale(page, "904 × 600")
    said = page.inner_text("#status")
    for format, quality, name in (
        ("WebP", 80, "cat_x4.webp"),
        ("JPEG", 80, "cat_x4.jpg"),
        ("TIFF", None, "cat_x4.tif"),
    ):
        choose_format(page, format)
        if quality:
            type_in(page, "#quality", quality)
        expect(page.locator("#download")).to_have_text(re.compile(f"Download {format} · [\\d.]+ [KM]B"), timeout=READY)
        page.wait_for_timeout(800)
        expect(page.locator("#download")).to_be_enabled(timeout=READY)
        file = download(page, "#download", tmp_path)
        assert file.name == name
        output = OutputOptions(quality=quality or 95)
        library = upscale_file(CAT, tmp_path / f"library{file.suffix}", UpscaleOptions(device="cpu"), output)
        assert file.read_bytes() == library.read_bytes(), format
    assert page.inner_text("#status") == said  # no run was needed


def test_a_changed_setting_says_that_the_result_is_of_others(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    upscale(page, "904 × 600")
    choose_model(page, "Texture")
    expect(page.locator("#stale")).to_contain_text("Settings changed: upscale again", timeout=READY)
    choose_model(page, "Auto")
    expect(page.locator("#stale span")).to_have_count(0, timeout=READY)
    page.click("#scales label:has-text('×2')")
    expect(page.locator("#scale input[type=number]")).to_have_value("2")
    expect(page.locator("#stale")).to_contain_text("Settings changed: upscale again", timeout=READY)
    upscale(page, "452 × 300")
    expect(page.locator("#status")).to_contain_text("Faithful · ×2")
    expect(page.locator("#stale span")).to_have_count(0)


def test_recent_results_can_be_shown_again_and_their_names_differ(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    upscale(page, "904 × 600")
    choose_model(page, "Photo")
    expect(page.locator("#stale span")).to_be_visible(timeout=READY)
    upscale(page, "904 × 600")
    expect(page.locator("#status")).to_contain_text("Photo")
    assert download(page, "#download", tmp_path).name == "cat_x4_photo.png"
    expect(page.locator("#recent button")).to_have_count(2)
    page.locator("#recent button").last.click()
    expect(page.locator("#status")).to_contain_text("Faithful", timeout=READY)
    expect(page.locator("#recent button").last).to_have_attribute("aria-pressed", "true")


def test_settings_survive_a_reload(browser, server):
    page = visit(browser, server, locale="en")
    type_in(page, "#scale", 3)
    choose_model(page, "Texture")
    page.uncheck("#tile-auto input")
    type_in(page, "#tile", 96)
    kept = "localStorage.getItem('caesr-settings')"
    page.wait_for_timeout(1000)
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


def test_each_size_begins_with_what_the_scale_gives_and_is_never_out_of_bounds(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    unfold(page, "#advanced")
    for name, (component, value) in SIZES.items():
        choose_kind(page, name)
        expect(page.locator(f"{component} input[type=number]")).to_have_value(value, timeout=READY)
        others = [other for other, _ in SIZES.values() if other != component]
        for other in others:
            expect(page.locator(other)).to_have_count(0)
        expect(page.locator("#problem p")).to_have_count(0)
    choose_kind(page, "by long side")
    type_in(page, "#long_side", 5000)  # ×8 is the most
    expect(page.locator("#facts")).to_contain_text("1808 × 1200", timeout=READY)
    type_in(page, "#long_side", 500)
    expect(page.locator("#facts")).to_contain_text("500 × 332", timeout=READY)
    upscale(page, "500 × 332")
    choose_kind(page, "by scale")
    type_in(page, "#scale", 99)  # as is 8 here
    expect(page.locator("#facts")).to_contain_text("1808 × 1200", timeout=READY)
    expect(page.locator(".toast-body")).to_have_count(0)


def test_the_texture_dial_blends_base_and_texture(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    unfold(page, "#advanced")
    expect(page.locator("#texture")).to_have_count(0)
    choose_model(page, "Texture")
    expect(page.locator("#texture")).to_be_visible(timeout=READY)
    type_in(page, "#texture", 40)
    Image.open(CAT).convert("RGB").resize((60, 40)).save(tmp_path / "small.png")
    drop(page, tmp_path / "small.png")
    upscale(page, "240 × 160")
    expect(page.locator("#status")).to_contain_text("Texture 40 %")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    source = np.array(Image.open(tmp_path / "small.png"))
    assert np.array_equal(result, Upscaler(load_blend(0.4), "cpu")(source, 4))


def test_every_checkpoint_can_be_chosen(browser, server, tmp_path, photograph):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    choose_model(page, "More")
    page.click("#checkpoint input")
    page.get_by_role("option", name="caesr-base-x2").click()
    page.click("#scales label:has-text('×2')")
    upscale(page, "452 × 300")
    expect(page.locator("#status")).to_contain_text("caesr-base-x2 · ×2")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(result, Upscaler(load_family("base"), "cpu")(photograph, 2))


def test_the_copied_command_and_the_copied_python_make_the_same_file(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    unfold(page, "#advanced")
    page.check("#true_to_input input")
    choose_format(page, "JPEG")
    type_in(page, "#quality", 80)
    page.click("#scales label:has-text('×2')")
    upscale(page, "452 × 300")
    result = download(page, "#download", tmp_path)
    assert result.name == "cat_x2.jpg"
    program, *words = shlex.split(page.input_value("#command textarea"))
    assert [program, *words[:3]] == ["caesr", "cat.png", "-o", "cat_x2.jpg"]
    lines = page.input_value("#python textarea")
    for n, command in enumerate((["-m", "caesr", *words], ["-c", lines])):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "cat.png").write_bytes(CAT.read_bytes())
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
        command = [sys.executable, *command]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
        assert (folder / "cat_x2.jpg").read_bytes() == result.read_bytes(), command


def test_the_viewer_zooms_moves_and_divides(browser, server):
    page = visit(browser, server, locale="en")
    stage = page.locator("#viewer .stage").bounding_box()
    page.click("#viewer button[data-zoom='2']")
    width = page.locator("#viewer .after").evaluate("i => i.getBoundingClientRect().width")
    assert width == 2400
    left = page.locator("#viewer .after").evaluate("i => i.getBoundingClientRect().left")
    page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    page.mouse.down()
    page.mouse.move(stage["x"] + 60, stage["y"] + 90)
    page.mouse.up()
    assert page.locator("#viewer .after").evaluate("i => i.getBoundingClientRect().left") == pytest.approx(left - 40)
    page.locator("#viewer .divider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer .divider")).to_have_attribute("aria-valuenow", "55")
    page.locator("#viewer .stage").press("0")
    expect(page.locator("#viewer button[data-zoom='0']")).to_have_attribute("aria-pressed", "true")
    page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_function("document.querySelector('#viewer button[data-zoom=\"0\"]').ariaPressed === 'false'")
    page.click("#viewer button.full")
    page.wait_for_function("document.fullscreenElement?.classList.contains('before-after')")


def test_what_was_invented_is_laid_over_the_result_and_said_in_a_sentence(browser, server):
    page = visit(browser, server, locale="en")
    page.locator("#picture .examples button").first.click()
    upscale(page, "1200 × 800")
    page.check("#viewer .invented input")
    expect(page.locator("#viewer .note")).to_contain_text("differs visibly from a faithful model's", timeout=READY)
    expect(page.locator("#viewer .invented input")).to_be_checked()
    expect(page.locator("#viewer .map")).to_be_visible()
    share = float(re.search(r"([\d.]+) %", page.inner_text("#viewer .note"))[1])
    assert share == pytest.approx(100 * page.evaluate(SHARE_OF_MAP), abs=1)
    page.uncheck("#viewer .invented input")
    expect(page.locator("#viewer .map")).to_be_hidden(timeout=READY)
    choose_model(page, "Faithful")
    expect(page.locator("#stale span")).to_be_visible(timeout=READY)
    upscale(page, "1200 × 800")
    expect(page.locator("#status")).to_contain_text("Faithful", timeout=READY)
    page.check("#viewer .invented input")
    expect(page.locator("#viewer .note")).to_contain_text("reduced again", timeout=READY)


SHARE_OF_MAP = """() => {
  const map = document.querySelector("#viewer .map"), canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [map.naturalWidth, map.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(map, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let marked = 0;
  for (let n = 3; n < data.length; n += 4) marked += data[n] > 0;
  return marked / (data.length / 4);
}"""


def real_photographs(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Write files of several kinds; returns what the page says of each, the size of its result, and Pillow's mode."""
    cat = Image.open(CAT).convert("RGB")
    cat.save(folder / "sideways.jpg", exif=make_exif(orientation=6), icc_profile=make_profile(), quality=95)
    alpha = cat.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(cat.size))
    alpha.save(folder / "alpha.png")
    deep = (np.array(cat.convert("L")).astype(np.uint16) * 257)[:, :100]
    Image.fromarray(deep).save(folder / "deep.png")
    cat.save(folder / "scan.tif")
    return {
        "sideways.jpg": ("150 × 226 · JPEG · Wide Gamut Test", "300 × 452", "RGB"),
        "alpha.png": ("226 × 150 · PNG · with transparency", "452 × 300", "RGBA"),
        "deep.png": ("100 × 150 · PNG · greyscale · 16 bit", "200 × 300", "I;16"),
        "scan.tif": ("226 × 150 · TIFF", "452 × 300", "RGB"),
    }


def test_orientation_profile_alpha_and_16_bits_are_kept_and_every_original_is_shown(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    page.click("#scales label:has-text('×2')")
    for name, (facts, size, mode) in real_photographs(tmp_path).items():
        drop(page, tmp_path / name)
        expect(page.locator("#facts")).to_contain_text(facts, timeout=READY)
        upscale(page, size)
        width, height = map(int, size.split(" × "))
        assert natural_sizes(page) == [[width, height], [width // 2, height // 2]]  # upright, and of a TIFF a preview
        with Image.open(download(page, "#download", tmp_path)) as result:
            assert result.format == {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[name[-3:]]
            assert (result.size, result.mode) == ((width, height), mode)
            if name == "sideways.jpg":
                assert result.info["icc_profile"] == make_profile()
                assert result.getexif().get(0x0112, 1) == 1
    assert page.outside == []


def test_for_a_large_picture_x2_is_suggested_and_a_very_large_result_is_asked_about(
    browser, server, tmp_path, photograph
):
    Image.fromarray(np.tile(photograph, (16, 16, 1))).save(tmp_path / "large.jpg", quality=95)
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "large.jpg")
    expect(page.locator("#facts")).to_contain_text("7232 × 4800", timeout=READY)
    expect(page.locator("#facts")).to_contain_text("×2 is suggested")
    expect(page.locator("#confirm")).to_have_count(0)
    page.click("#scales label:has-text('×4')")
    expect(page.locator("#confirm")).to_contain_text(
        re.compile(r"Make 139 megapixels: about \d+ (s|min)\?"), timeout=READY
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


def test_a_result_too_large_for_a_browser_is_shown_reduced_and_downloaded_whole(browser, server, tmp_path, photograph):
    Image.fromarray(np.tile(photograph, (9, 8, 1))).save(tmp_path / "large.png")
    page = visit(browser, server, locale="en")
    choose_format(page, "JPEG")
    choose_model(page, "Faithful")
    type_in(page, "#scale", 3)
    drop(page, tmp_path / "large.png")
    type_in(page, "#scale", 3)  # a little more than 16 megapixels
    upscale(page, "5424 × 4050")
    expect(page.locator("#status")).to_contain_text("shown reduced")
    assert natural_sizes(page)[0][0] * natural_sizes(page)[0][1] <= 16.1e6
    assert Image.open(download(page, "#download", tmp_path)).size == (5424, 4050)


def test_a_new_picture_removes_the_result_of_the_one_before_and_never_its_own(browser, server, tmp_path):
    for name, size in (("one", (20, 16)), ("other", (16, 20))):
        Image.open(CAT).convert("RGB").resize(size).save(tmp_path / f"{name}.png")
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "one.png")
    upscale(page, "80 × 64")  # within an instant of the upload
    page.wait_for_timeout(500)
    expect(page.locator("#status")).to_contain_text("80 × 64")
    page.click("#picture .remove")
    expect(page.locator("#status span")).to_have_count(0, timeout=READY)
    expect(page.locator("#download")).to_be_disabled()
    expect(page.locator("#run")).to_be_disabled()
    drop(page, tmp_path / "other.png")
    upscale(page, "64 × 80")


PASTE = """async (address) => {
  const data = new DataTransfer();
  data.items.add(new File([await (await fetch(address)).blob()], "pasted.png", { type: "image/png" }));
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
  document.body.dispatchEvent(event);
}"""
DROP = PASTE.replace("pasted.png", "dropped.png").replace(
    'new ClipboardEvent("paste", { clipboardData: data, bubbles: true })',
    'new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })',
).replace("document.body", "document.querySelector('#picture .zone')")  # fmt: skip


@pytest.mark.parametrize(("how", "name"), [(PASTE, "pasted.png"), (DROP, "dropped.png")])
def test_a_picture_can_be_pasted_and_dropped(browser, server, how, name):
    page = visit(browser, server, locale="en")
    page.evaluate(how, page.locator("#picture .examples img").first.get_attribute("src"))
    expect(page.locator("#facts")).to_contain_text(name, timeout=READY)


def test_the_language_is_the_browsers_until_the_visitor_chooses_and_then_kept(browser, server):
    page = visit(browser, server, locale="zh-CN")
    expect(page.locator("#run")).to_have_text("放大")
    drop(page, CAT)
    upscale(page, "904 × 600")
    expect(page.locator("#status")).to_contain_text("忠实 · ×4")
    page.click("button[data-language=en]")
    expect(page.locator("#run")).to_have_text("Upscale", timeout=READY)
    expect(page.locator("#header")).to_contain_text("Make photos 2–8× larger and sharper", timeout=READY)
    page.reload()
    expect(page.locator("#picture")).to_contain_text("Drop a photo", timeout=READY)
    expect(page.locator("button[data-language=en]")).to_have_attribute("aria-pressed", "true", timeout=READY)
    expect(page.locator(".toast-body")).to_have_count(0)


def begin_long_run(page: Page, folder: Path, photograph: np.ndarray) -> None:
    """Begin an upscaling that takes minutes, and check that the page does not jump."""
    Image.fromarray(np.tile(photograph, (12, 11, 1))).save(folder / "long.png")
    page.uncheck("#tile-auto input")
    type_in(page, "#tile", 32)
    drop(page, folder / "long.png")
    unfold(page, "#advanced")
    page.check("#ensemble input")
    expect(page.locator("#facts")).to_contain_text("min", timeout=READY)
    before = page.locator("#download").bounding_box()["y"]
    page.click("#run")
    expect(page.locator("#status")).to_contain_text(re.compile(r"\d+ %"), timeout=READY)
    assert page.locator("#download").bounding_box()["y"] == before


def test_cancelling_works_at_once_and_who_waits_sees_how_many_come_first(browser, server, tmp_path, photograph):
    first = visit(browser, server, locale="en")
    begin_long_run(first, tmp_path, photograph)
    first.click("#run")
    expect(first.locator("#status")).to_contain_text("Stopped.", timeout=READY)
    first.click("#run")  # the next click counts
    expect(first.locator("#status")).to_contain_text(re.compile(r"\d+ %"), timeout=READY)
    waiting = []
    for locale, words in (("en", "1 person ahead of you"), ("zh-CN", "您前面还有 2 人")):
        page = visit(browser, server, locale=locale)
        drop(page, CAT)
        expect(page.locator("#run")).to_be_enabled(timeout=READY)
        page.click("#run")
        expect(page.locator("#status")).to_contain_text(words, timeout=READY)
        waiting.append(page)
    first.click("#run")  # or they would wait for minutes
    for page in waiting:
        expect(page.locator("#status")).to_contain_text("904 × 600", timeout=READY)


def test_closing_the_browser_tab_in_mid_run_frees_the_device(browser, server, tmp_path, photograph):
    page = visit(browser, server, locale="en")
    begin_long_run(page, tmp_path, photograph)
    page.context.close()
    result = api_client(server).predict(handle_file(CAT), api_name="/upscale")
    assert Image.open(result).size == (904, 600)


def test_a_file_that_cannot_be_opened_says_so_in_one_line_and_names_no_folder(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    (tmp_path / "fake.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    (tmp_path / "notes (1).jpg").write_text("not a picture at all")
    for name in ("fake.heic", "notes (1).jpg"):
        page.set_input_files("#picture input[type=file]", tmp_path / name)
        expect(page.locator("#problem")).to_contain_text(name, timeout=READY)
        assert not re.search(r"/tmp|gradio|Traceback", page.inner_text("body").replace("Built with Gradio", ""))
        expect(page.locator("#run")).to_be_disabled()
    expect(page.locator(".toast-body")).to_have_count(0)
    drop(page, CAT)
    expect(page.locator("#problem p")).to_have_count(0)
    upscale(page, "904 × 600")


@pytest.mark.parametrize(("locale", "words"), [("en", "broken.png is damaged"), ("zh-CN", "broken.png 已损坏")])
def test_a_broken_file_is_answered_in_a_sentence(browser, server, tmp_path, locale, words):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:5000])
    page = visit(browser, server, locale=locale)
    page.set_input_files("#picture input[type=file]", tmp_path / "broken.png")
    expect(page.locator("#problem")).to_contain_text(words, timeout=READY)


def test_a_forged_path_is_refused(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)

    def forge(route, request):
        body = request.post_data_json
        forged = [{"path": "/etc/hostname"}]
        data = [forged if isinstance(one, list) and one and isinstance(one[0], dict) else one for one in body["data"]]
        route.continue_(post_data=json.dumps(body | {"data": data}))

    page.route("**/queue/join*", forge)
    page.click("#run")
    expect(page.locator(".toast-body")).to_contain_text("Choose it again", timeout=READY)
    assert page.locator("#status [data-result]").count() == 0


def test_on_a_phone_the_bar_upscales_and_then_downloads(browser, server):
    page = visit(browser, server, width=390, locale="en", has_touch=True, is_mobile=True)
    expect(page.locator("#run")).to_be_in_viewport(ratio=1)
    page.locator("#picture .examples button").first.click()
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    page.click("#run")
    expect(page.locator("#download")).to_be_in_viewport(ratio=1, timeout=READY)
    expect(page.locator("#download")).to_contain_text("Download JPEG")
    expect(page.locator("#run")).to_be_hidden()
    expect(page.locator("#viewer .stage")).to_be_in_viewport(timeout=READY)
    page.click("#scales label:has-text('×2')")
    expect(page.locator("#run")).to_be_in_viewport(ratio=1, timeout=READY)
