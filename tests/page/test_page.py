"""The tab Upscale, and how the page behaves: in a real browser, on a server of its own."""

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

from caesr import Upscaler
from caesr.model.family import load_blend, load_family
from tests.browsing import CAT, READY, ROOT, api_client, download, drop, turn_to, type_in, unfold, visit
from tests.pictures import make_exif, make_profile

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NAMES_OF_SIZES = {  # of #kind -> the component that is shown
    "by scale": "#scale",
    "by width": "#width",
    "by height": "#height",
    "by long side": "#long_side",
    "by megapixels": "#megapixels",
}


def upscale(page: Page, size: str) -> None:
    """Upscale the picture, and wait until the page says that the result has this size."""
    page.click("#run")
    expect(page.locator("#status")).to_contain_text(size, timeout=READY)


def choose_kind(page: Page, name: str) -> None:
    page.click("#kind input")
    page.get_by_role("option", name=name).click()


def test_a_visitor_upscales_a_photograph_and_downloads_what_the_library_makes(browser, server, tmp_path, photograph):
    page = visit(browser, server, locale="en-GB")
    drop(page, CAT)
    expect(page.locator("#facts")).to_contain_text("226 × 150, colour, 8 bit → 904 × 600")
    expect(page.locator("#facts")).to_contain_text(re.compile(r"Tiles: 1 · memory: about \d+ MB · time: about"))
    type_in(page, "#scale", 3)
    expect(page.locator("#facts")).to_contain_text("678 × 450", timeout=READY)
    upscale(page, "678 × 450 in")
    unfold(page, "#elsewhere")
    assert page.input_value("#command textarea") == "caesr cat.png -o cat_x3.png --scale 3"
    file = download(page, "#download", tmp_path)
    assert file.name == "cat_x3.png"
    assert np.array_equal(np.array(Image.open(file)), Upscaler(load_family("lite"), "cpu")(photograph, 3))
    sizes = page.eval_on_selector_all("#result img", "all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[678, 450], [678, 450]]
    assert page.outside == []


def test_a_width_and_another_format_can_be_chosen(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    choose_kind(page, "by width")
    type_in(page, "#width", 500)
    expect(page.locator("#facts")).to_contain_text("500 × 332", timeout=READY)
    unfold(page, "#more")
    page.click("#format label:has-text('WEBP')")
    upscale(page, "500 × 332 in")
    file = download(page, "#download", tmp_path)
    assert file.name == "cat_500w.webp"
    with Image.open(file) as image:
        assert (image.format, image.size) == ("WEBP", (500, 332))


def test_of_the_sizes_only_the_chosen_one_is_shown(browser, server):
    page = visit(browser, server, locale="en")
    for name in [*NAMES_OF_SIZES, "by scale"]:
        choose_kind(page, name)
        for component in NAMES_OF_SIZES.values():
            is_shown = component == NAMES_OF_SIZES[name]
            expect(page.locator(component)).to_have_count(int(is_shown), timeout=READY)


def test_a_size_out_of_bounds_is_said_beside_the_picture(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    choose_kind(page, "by long side")
    type_in(page, "#long_side", 5000)
    message = "226 × 150 pixels cannot become 5000px: that is a scale of 22.1; choose from 1 to 8"
    expect(page.locator("#facts")).to_contain_text(message, timeout=READY)
    type_in(page, "#long_side", 452)
    expect(page.locator("#facts")).to_contain_text("452 × 300", timeout=READY)


def test_the_texture_dial_blends_base_and_texture(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    expect(page.locator("#texture")).to_be_hidden()
    page.click("#model label:has-text('Texture')")
    expect(page.locator("#texture")).to_be_visible(timeout=READY)
    type_in(page, "#texture", 40)
    expect(page.locator("#about-model")).to_contain_text("caesr-base-x4, 40 % of its texture", timeout=READY)
    Image.open(CAT).convert("RGB").resize((60, 40)).save(tmp_path / "small.png")
    drop(page, tmp_path / "small.png")
    upscale(page, "240 × 160 in")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    source = np.array(Image.open(tmp_path / "small.png"))
    assert np.array_equal(result, Upscaler(load_blend(0.4), "cpu")(source, 4))
    assert not np.array_equal(result, Upscaler(load_family("texture"), "cpu")(source, 4))


def test_the_copied_command_and_the_copied_python_make_the_same_file(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    unfold(page, "#more")
    page.check("#true_to_input input")
    page.click("#format label:has-text('JPG')")
    type_in(page, "#quality", 80)
    type_in(page, "#scale", 2)
    expect(page.locator("#facts")).to_contain_text("452 × 300", timeout=READY)
    upscale(page, "452 × 300 in")
    result = download(page, "#download", tmp_path)
    assert result.name == "cat_x2.jpg"
    unfold(page, "#elsewhere")
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


def test_a_click_into_the_picture_chooses_what_is_shown_closely(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    unfold(page, "#look")
    upscale(page, "904 × 600")
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)
    before = page.locator("#loupe img").first.get_attribute("src")
    box = page.locator("#picture img").bounding_box()
    place = {"x": box["width"] / 2 + 60, "y": box["height"] / 2 + 50}  # the picture is shown in its own size
    page.locator("#picture img").click(position=place)
    expect(page.locator("#across input[type=number]")).to_have_value("77", timeout=READY)
    expect(page.locator("#down input[type=number]")).to_have_value("83", timeout=READY)
    page.wait_for_function("before => document.querySelector('#loupe img').src != before", arg=before, timeout=READY)
    page.click("#loupe button:has-text('4:1')")
    width, natural = page.locator("#loupe img").first.evaluate("i => [i.getBoundingClientRect().width, i.naturalWidth]")
    assert width == 4 * natural
    left = "i => i.getBoundingClientRect().left"
    places = [page.locator("#loupe img").nth(n).evaluate(left) for n in (0, 1)]
    page.locator("#loupe .frame").first.focus()
    page.keyboard.press("ArrowLeft")
    moved = [page.locator("#loupe img").nth(n).evaluate(left) for n in (0, 1)]
    assert [after - before for before, after in zip(places, moved, strict=True)] == [40, 40]


def real_photographs(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Write files of several kinds; returns what the page says of each, the size of its result, and Pillow's mode."""
    cat = Image.open(CAT).convert("RGB")
    cat.save(folder / "sideways.jpg", exif=make_exif(orientation=6), icc_profile=make_profile(), quality=95)
    alpha = cat.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(cat.size))
    alpha.save(folder / "alpha.png")
    deep = (np.array(cat.convert("L")).astype(np.uint16) * 257)[:, :100]
    Image.fromarray(deep).save(folder / "deep.png")
    return {
        "sideways.jpg": ("150 × 226, colour, 8 bit, Wide Gamut Test", "300 × 452", "RGB"),
        "alpha.png": ("226 × 150, colour with alpha, 8 bit", "452 × 300", "RGBA"),
        "deep.png": ("100 × 150, greyscale, 16 bit", "200 × 300", "I;16"),
    }


def test_orientation_profile_alpha_and_16_bits_are_kept(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    type_in(page, "#scale", 2)
    for name, (facts, size, mode) in real_photographs(tmp_path).items():
        drop(page, tmp_path / name)
        expect(page.locator("#facts")).to_contain_text(facts, timeout=READY)
        expect(page.locator("#facts")).to_contain_text(size, timeout=READY)
        upscale(page, f"{size} in")
        with Image.open(download(page, "#download", tmp_path)) as result:
            assert result.size == tuple(map(int, size.split(" × ")))
            assert result.mode == mode
            if name == "sideways.jpg":
                assert result.info["icc_profile"] == make_profile()
                assert result.getexif().get(0x0112, 1) == 1
    assert page.outside == []


def test_a_photograph_of_30_megapixels_is_planned_begun_and_stopped(browser, server, tmp_path, photograph):
    Image.fromarray(np.tile(photograph, (30, 30, 1))).save(tmp_path / "large.jpg", quality=80)
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "large.jpg")
    type_in(page, "#scale", 1)
    expect(page.locator("#facts")).to_contain_text("6780 × 4500, colour, 8 bit → 6780 × 4500", timeout=READY)
    page.click("#run")
    expect(page.locator("#so-far")).to_contain_text(re.compile(r"tile \d+/\d+"), timeout=READY)
    page.click("#cancel")
    expect(page.locator("#so-far")).to_have_text("Stopped.", timeout=READY)


def test_a_result_too_large_for_a_browser_is_shown_reduced_and_downloaded_whole(browser, server, tmp_path, photograph):
    Image.fromarray(np.tile(photograph, (5, 6, 1))).save(tmp_path / "large.png")
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "large.png")
    unfold(page, "#more")
    page.click("#format label:has-text('JPG')")
    expect(page.locator("#facts")).to_contain_text("5424 × 3000", timeout=READY)  # a little more than 16 megapixels
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("shown reduced", timeout=2 * READY)
    width, height = page.locator("#result img").first.evaluate("i => [i.naturalWidth, i.naturalHeight]")
    assert width * height <= 16.1e6
    assert Image.open(download(page, "#download", tmp_path)).size == (5424, 3000)
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)


def test_a_new_picture_removes_the_result_of_the_one_before_and_never_its_own(browser, server, tmp_path):
    for name, size in (("one", (20, 16)), ("other", (16, 20))):
        Image.open(CAT).convert("RGB").resize(size).save(tmp_path / f"{name}.png")
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "one.png")
    upscale(page, "80 × 64 in")  # within an instant of the upload
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)
    expect(page.locator("#status")).to_contain_text("80 × 64 in")
    page.click("#picture button[aria-label='Remove Image']")
    expect(page.locator("#status")).to_have_text("", timeout=READY)
    expect(page.locator("#download")).to_be_disabled()
    drop(page, tmp_path / "other.png")
    upscale(page, "64 × 80 in")


def test_the_page_speaks_chinese_if_the_browser_prefers_it(browser, server):
    page = visit(browser, server, locale="zh-CN")
    expect(page.locator("#run")).to_have_text("放大")
    expect(page.locator("#model")).to_contain_text("清晰的图片")
    drop(page, CAT)
    expect(page.locator("#facts")).to_contain_text("彩色")
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("用时", timeout=READY)
    turn_to(page, "zoo")
    expect(page.locator("#catalogue")).to_contain_text("检查点", timeout=READY)
    expect(page.locator(".toast-body")).to_have_count(0)


def begin_long_run(page: Page, folder: Path, photograph: np.ndarray) -> None:
    """Begin an upscaling that takes minutes, and check that the page does not jump."""
    Image.fromarray(np.tile(photograph, (12, 12, 1))).save(folder / "long.png")
    unfold(page, "#more")
    drop(page, folder / "long.png")
    type_in(page, "#tile", 32)
    expect(page.locator("#facts")).to_contain_text("Tiles: 4845", timeout=READY)
    before = height_of_progress(page)
    page.click("#run")
    expect(page.locator("#so-far")).to_contain_text(re.compile(r"tile \d+/4845"), timeout=READY)
    assert height_of_progress(page) == before


def height_of_progress(page: Page) -> float:
    """Return how far the result lies below the button."""
    return page.locator("#result").bounding_box()["y"] - page.locator("#run").bounding_box()["y"]


def test_cancelling_works_at_once_and_who_waits_sees_how_many_come_first(browser, server, tmp_path, photograph):
    first = visit(browser, server, locale="en")
    begin_long_run(first, tmp_path, photograph)
    first.click("#cancel")
    expect(first.locator("#so-far")).to_have_text("Stopped.", timeout=READY)
    first.click("#run")  # the next click counts
    expect(first.locator("#so-far")).to_contain_text(re.compile(r"tile \d+/4845"), timeout=READY)
    waiting = []
    for locale, words in (("en", "waiting for the device · 1 before you"), ("zh-CN", "您前面还有 2 个任务")):
        page = visit(browser, server, locale=locale)
        drop(page, CAT)
        page.click("#run")
        expect(page.locator("#so-far")).to_contain_text(words, timeout=READY)
        waiting.append(page)
    first.click("#cancel")  # or they would wait for minutes
    for page in waiting:
        expect(page.locator("#status")).to_contain_text("904 × 600", timeout=READY)
        expect(page.locator("#so-far")).to_have_text("")


def test_closing_the_browser_tab_in_mid_run_frees_the_device(browser, server, tmp_path, photograph):
    page = visit(browser, server, locale="en")
    begin_long_run(page, tmp_path, photograph)
    page.context.close()
    result = api_client(server).predict(handle_file(CAT), api_name="/upscale")
    assert Image.open(result).size == (904, 600)


@pytest.mark.parametrize(("locale", "words"), [("en", "broken.png is damaged"), ("zh-CN", "broken.png 已损坏")])
def test_a_broken_file_is_answered_in_a_sentence(browser, server, tmp_path, locale, words):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:5000])
    page = visit(browser, server, locale=locale)
    drop(page, tmp_path / "broken.png")
    page.click("#run")
    expect(page.locator(".toast-body")).to_contain_text(words, timeout=READY)
    page.set_input_files("#picture input[type=file]", CAT)
    expect(page.locator("#facts")).to_contain_text("226 × 150", timeout=READY)
    upscale(page, "904 × 600")
