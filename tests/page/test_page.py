"""The tab Enlarge, and how the page behaves: in a real browser, on a real server of its own."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image, ImageCms
from playwright.sync_api import expect

from caesr import Upscaler
from caesr.model.family import load_blend, load_family
from tests.browsing import CAT, READY, ROOT, download, drop, program, turn_to, type_in, visit

pytestmark = pytest.mark.browser


def expected(scale: float, tile: int | str = "auto") -> np.ndarray:
    return Upscaler(load_family("lite"), "cpu", tile)(np.array(Image.open(CAT).convert("RGB")), scale)


def enlarge(page, size: str) -> None:
    page.click("#run")
    expect(page.locator("#status")).to_contain_text(size, timeout=READY)


def test_a_visitor_enlarges_a_photograph_and_downloads_what_the_library_makes(browser, server, tmp_path):
    page = visit(browser, server, locale="en-GB")
    drop(page, CAT)
    expect(page.locator("#facts")).to_contain_text("226 × 150, colour, 8 bit → 904 × 600")
    expect(page.locator("#facts")).to_contain_text(re.compile(r"Tiles: 1 · memory: about \d+ MB · time: about"))
    type_in(page, "#scale", 3)
    expect(page.locator("#facts")).to_contain_text("678 × 450", timeout=READY)
    enlarge(page, "678 × 450 in")
    file = download(page, "#download", tmp_path)
    assert file.name == "cat_3x.png"
    assert np.array_equal(np.array(Image.open(file)), expected(3))
    sizes = page.eval_on_selector_all("#result img", "all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[678, 450], [678, 450]]
    assert page.outside == []


def test_a_width_may_be_asked_for_and_another_format(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    page.click("#kind input")
    page.get_by_role("option", name="by width").click()
    page.fill("#size input", "500")
    page.press("#size input", "Enter")
    expect(page.locator("#facts")).to_contain_text("500 × 332", timeout=READY)
    page.click("#more > button")
    page.click("#format label:has-text('WEBP')")
    enlarge(page, "500 × 332 in")
    file = download(page, "#download", tmp_path)
    assert file.name == "cat_500w.webp"
    with Image.open(file) as image:
        assert (image.format, image.size) == ("WEBP", (500, 332))


def test_the_texture_dial_blends_base_and_texture(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    expect(page.locator("#texture")).to_be_hidden()
    page.click("#model label:has-text('Texture')")
    expect(page.locator("#texture")).to_be_visible(timeout=READY)
    type_in(page, "#texture", 40)
    expect(page.locator("#about-model")).to_contain_text("caesr-base-x4, 40 % of its texture", timeout=READY)
    Image.open(CAT).convert("RGB").resize((60, 40)).save(tmp_path / "small.png")
    drop(page, tmp_path / "small.png")
    enlarge(page, "240 × 160 in")
    made = np.array(Image.open(download(page, "#download", tmp_path)))
    source = np.array(Image.open(tmp_path / "small.png"))
    assert np.array_equal(made, Upscaler(load_blend(0.4), "cpu")(source, 4))
    assert not np.array_equal(made, Upscaler(load_family("texture"), "cpu")(source, 4))


def test_the_lines_to_copy_give_the_very_same_file(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    page.click("#more > button")
    page.check("#true input")
    page.click("#format label:has-text('JPG')")
    type_in(page, "#quality", 80)
    type_in(page, "#scale", 2)
    expect(page.locator("#facts")).to_contain_text("452 × 300", timeout=READY)
    enlarge(page, "452 × 300 in")
    made = download(page, "#download", tmp_path).read_bytes()
    page.click("#elsewhere > button")
    lines = page.input_value("#command textarea"), page.input_value("#python textarea")
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    shell = lines[0].replace("python", sys.executable, 1).split()
    for n, command in enumerate((shell, [sys.executable, "-c", lines[1]])):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "cat.png").write_bytes(CAT.read_bytes())
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
        assert (folder / made_name(folder)).read_bytes() == made, command


def made_name(folder) -> str:
    (name,) = (file.name for file in folder.iterdir() if file.name != "cat.png")
    return name


def test_a_click_into_the_picture_chooses_what_is_shown_closely(browser, server):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    page.click("#look > button")
    enlarge(page, "904 × 600")
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)
    before = page.locator("#loupe img").first.get_attribute("src")
    box = page.locator("#picture img").bounding_box()
    middle = {"x": box["width"] / 2 + 60, "y": box["height"] / 2 + 50}  # the picture is shown as it is, not larger
    page.locator("#picture img").click(position=middle)
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


def p3() -> bytes:
    """A profile that is not sRGB's."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"sRGB", b"P3ish")


def real_photographs(folder) -> dict[str, tuple[str, str]]:
    """Files as people have them -> what the page says of each."""
    cat = Image.open(CAT).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    cat.save(folder / "sideways.jpg", exif=exif, icc_profile=p3(), quality=95)
    alpha = cat.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(cat.size))
    alpha.save(folder / "alpha.png")
    deep = (np.array(cat.convert("L")).astype(np.uint16) * 257)[:, :100]
    Image.fromarray(deep).save(folder / "deep.png")
    return {
        "sideways.jpg": ("150 × 226, colour, 8 bit", "300 × 452"),
        "alpha.png": ("226 × 150, colour with alpha, 8 bit", "452 × 300"),
        "deep.png": ("100 × 150, greyscale, 16 bit", "200 × 300"),
    }


def test_photographs_as_people_have_them_are_enlarged_as_they_are(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    type_in(page, "#scale", 2)
    for name, (facts, size) in real_photographs(tmp_path).items():
        drop(page, tmp_path / name)
        expect(page.locator("#facts")).to_contain_text(facts, timeout=READY)
        expect(page.locator("#facts")).to_contain_text(size, timeout=READY)
        enlarge(page, f"{size} in")
        made = Image.open(io.BytesIO(download(page, "#download", tmp_path).read_bytes()))
        assert made.size == tuple(map(int, size.split(" × ")))
        assert made.mode == {"sideways.jpg": "RGB", "alpha.png": "RGBA", "deep.png": "I;16"}[name]
        if name == "sideways.jpg":
            assert made.info["icc_profile"]
            assert made.getexif().get(0x0112, 1) == 1
    assert page.outside == []


def test_a_photograph_of_30_megapixels_is_planned_begun_and_stopped(browser, server, tmp_path):
    small = np.array(Image.open(CAT).convert("RGB"))
    Image.fromarray(np.tile(small, (30, 30, 1))).save(tmp_path / "large.jpg", quality=80)
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "large.jpg")
    type_in(page, "#scale", 1)
    expect(page.locator("#facts")).to_contain_text("6780 × 4500, colour, 8 bit → 6780 × 4500", timeout=READY)
    page.click("#run")
    expect(page.locator("#so-far")).to_contain_text(re.compile(r"tile \d+/\d+"), timeout=READY)
    page.click("#cancel")
    expect(page.locator("#so-far")).to_have_text("Stopped.", timeout=READY)


def test_a_result_too_large_for_a_browser_is_shown_reduced_and_downloaded_whole(browser, server, tmp_path):
    small = np.array(Image.open(CAT).convert("RGB"))
    Image.fromarray(np.tile(small, (5, 6, 1))).save(tmp_path / "large.png")
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "large.png")
    page.click("#more > button")
    page.click("#format label:has-text('JPG')")
    expect(page.locator("#facts")).to_contain_text("5424 × 3000", timeout=READY)  # a little more than 16 megapixels
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("shown reduced", timeout=2 * READY)
    width, height = page.locator("#result img").first.evaluate("i => [i.naturalWidth, i.naturalHeight]")
    assert width * height <= 16.1e6
    assert Image.open(download(page, "#download", tmp_path)).size == (5424, 3000)
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)


def test_a_new_picture_lets_go_of_the_result_before_and_never_of_its_own(browser, server, tmp_path):
    for name, size in (("one", (20, 16)), ("other", (16, 20))):
        Image.open(CAT).convert("RGB").resize(size).save(tmp_path / f"{name}.png")
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "one.png")
    enlarge(page, "80 × 64 in")  # done in an instant
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)
    expect(page.locator("#status")).to_contain_text("80 × 64 in")
    page.click("#picture button[aria-label='Remove Image']")
    expect(page.locator("#status")).to_have_text("", timeout=READY)
    expect(page.locator("#download")).to_be_disabled()
    drop(page, tmp_path / "other.png")
    enlarge(page, "64 × 80 in")


def test_the_page_speaks_chinese_to_those_who_read_it(browser, server):
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


def long_run(page, folder) -> None:
    """Begin something that takes minutes."""
    small = np.array(Image.open(CAT).convert("RGB"))
    Image.fromarray(np.tile(small, (12, 12, 1))).save(folder / "long.png")
    drop(page, folder / "long.png")
    page.click("#more > button")
    page.uncheck("#auto input")
    type_in(page, "#tile", 32)
    expect(page.locator("#facts")).to_contain_text("Tiles: 4845", timeout=READY)
    before = below_the_buttons(page)
    page.click("#run")
    expect(page.locator("#so-far")).to_contain_text(re.compile(r"tile \d+/4845"), timeout=READY)
    assert below_the_buttons(page) == before, "the page jumps"


def below_the_buttons(page) -> float:
    return page.locator("#result").bounding_box()["y"] - page.locator("#run").bounding_box()["y"]


def test_cancel_is_heard_at_once_and_who_waits_sees_how_many_come_first(browser, server, tmp_path):
    first = visit(browser, server, locale="en")
    long_run(first, tmp_path)
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
    first.click("#cancel")
    for page in waiting:  # or they would wait for minutes
        expect(page.locator("#status")).to_contain_text("904 × 600", timeout=READY)
        expect(page.locator("#so-far")).to_have_text("")


def test_a_tab_that_is_closed_in_mid_run_frees_the_device(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    long_run(page, tmp_path)
    page.context.close()
    result = program(server).predict(handle_file(CAT), api_name="/upscale")
    assert Image.open(result).size == (904, 600)


@pytest.mark.parametrize(("locale", "words"), [("en", "damaged"), ("zh-CN", "broken.png 已损坏")])
def test_a_file_that_is_no_picture_is_answered_in_a_sentence(browser, server, tmp_path, locale, words):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:5000])
    page = visit(browser, server, locale=locale)
    drop(page, tmp_path / "broken.png")
    page.click("#run")
    expect(page.locator(".toast-body")).to_contain_text(words, timeout=READY)
    page.set_input_files("#picture input[type=file]", CAT)
    expect(page.locator("#facts")).to_contain_text("226 × 150", timeout=READY)
    enlarge(page, "904 × 600")
