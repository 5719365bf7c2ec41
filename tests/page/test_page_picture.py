"""How a picture comes to the page, what it says of it, and what it does with what is none: in a real browser."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browsing import (
    CAT,
    READY,
    ROOT,
    choose_scale,
    download,
    drop,
    remove_picture,
    upscale,
    visit,
    wait_until_loaded,
)
from tests.pictures import make_exif, make_profile

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VIEWED = "#viewer .before, #viewer .after"
THUMBNAIL = "#picture .picture img"
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


def test_at_first_sight_there_is_an_example_and_everything_fits_the_window(browser, server):
    page = visit(browser, server, width=1366, locale="en-GB")
    page.set_viewport_size({"width": 1366, "height": 768})
    assert wait_until_loaded(page, VIEWED) == [[1200, 800], [300, 200]]
    expect(page.locator("#viewer .tag").first).to_have_text("Original")
    expect(page.locator("#run")).to_be_disabled()
    expect(page.locator("#download")).to_be_disabled()
    page.wait_for_function("document.documentElement.scrollHeight <= innerHeight")
    for goal in ("#picture", "#scale", "#tile", "#model", "#run", "#advanced", "#viewer", "#download", "#format"):
        expect(page.locator(goal)).to_be_in_viewport(ratio=1)
    assert page.outside == []


@pytest.mark.parametrize(("how", "name"), [(PASTE, "pasted.png"), (DROP, "dropped.png")])
def test_a_picture_can_be_pasted_and_dropped(page, how, name):
    page.evaluate(how, page.locator("#picture .examples img").first.get_attribute("src"))
    expect(page.locator("#facts")).to_contain_text(name, timeout=READY)


@pytest.mark.parametrize(
    ("source", "sides"),
    [
        ("examples/page/coffee.jpg", [300, 200]),
        ("tests/samples/tiff/big.tif", [32, 24]),
        ("tests/samples/formats/photo.heic", [64, 48]),
    ],
)
def test_the_drop_zone_shows_the_picture_whatever_the_browser_knows_and_nothing_jumps(page, source, sides):
    remove_picture(page)
    before = page.locator("#run").bounding_box()
    drop(page, ROOT / source)
    expect(page.locator(THUMBNAIL)).to_be_visible(timeout=READY)
    assert wait_until_loaded(page, THUMBNAIL) == [sides]
    expect(page.locator("#picture .what")).to_be_hidden()
    assert page.locator("#run").bounding_box() == before


def test_after_the_picture_the_tab_key_leads_to_the_button(page):
    drop(page, CAT)
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    page.locator("#picture .examples button").last.focus()
    page.keyboard.press("Tab")
    expect(page.locator("#run")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#scales input").first).to_be_focused()


def test_a_file_that_cannot_be_opened_says_so_in_one_line_and_names_no_folder(page, tmp_path):
    (tmp_path / "fake.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    (tmp_path / "notes (1).jpg").write_text("not a picture at all")
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:5000])
    for name in ("fake.heic", "notes (1).jpg", "broken.png"):
        page.set_input_files("#picture input[type=file]", tmp_path / name)
        expect(page.locator("#problem")).to_contain_text(name, timeout=READY)
        expect(page.locator("#run")).to_be_disabled()
        assert not re.search(r"/tmp|gradio|Traceback", page.inner_text("body").replace("Built with Gradio", ""))
    expect(page.locator("#problem")).to_contain_text("broken.png is damaged")
    expect(page.locator(".toast-body")).to_have_count(0)
    drop(page, CAT)
    expect(page.locator("#problem p")).to_have_count(0)
    expect(page.locator("#run")).to_be_enabled(timeout=READY)


def test_a_new_picture_removes_the_result_of_the_one_before_and_never_its_own(page, tmp_path):
    for name, size in (("one", (20, 16)), ("other", (16, 20))):
        Image.open(CAT).convert("RGB").resize(size).save(tmp_path / f"{name}.png")
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


def real_photographs(folder: Path) -> dict[str, tuple[str, str, str]]:
    """Write files of several kinds; returns what the page says of each, the size of its result, and Pillow's mode."""
    cat = Image.open(CAT).convert("RGB").resize((90, 60))
    cat.save(folder / "sideways.jpg", exif=make_exif(orientation=6), icc_profile=make_profile(), quality=95)
    alpha = cat.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(cat.size))
    alpha.save(folder / "alpha.png")
    deep = (np.array(cat.convert("L")).astype(np.uint16) * 257)[:, :40]
    Image.fromarray(deep).save(folder / "deep.png")
    cat.save(folder / "scan.tif")
    return {
        "sideways.jpg": ("60 × 90 · JPEG · Wide Gamut Test", "120 × 180", "RGB"),
        "alpha.png": ("90 × 60 · PNG · with transparency", "180 × 120", "RGBA"),
        "deep.png": ("40 × 60 · PNG · greyscale · 16 bit", "80 × 120", "I;16"),
        "scan.tif": ("90 × 60 · TIFF", "180 × 120", "RGB"),
    }


def test_orientation_profile_alpha_and_16_bits_are_kept_and_every_original_is_shown(page, tmp_path):
    choose_scale(page, 2)
    for name, (facts, size, mode) in real_photographs(tmp_path).items():
        drop(page, tmp_path / name)
        expect(page.locator("#facts")).to_contain_text(facts, timeout=READY)
        upscale(page, size)
        width, height = map(int, size.split(" × "))
        assert wait_until_loaded(page, VIEWED) == [[width, height], [width // 2, height // 2]]  # upright
        with Image.open(download(page, "#download", tmp_path)) as result:
            assert result.format == {"jpg": "JPEG", "png": "PNG", "tif": "TIFF"}[name[-3:]]
            assert (result.size, result.mode) == ((width, height), mode)
            if name == "sideways.jpg":
                assert result.info["icc_profile"] == make_profile()
                assert result.getexif().get(0x0112, 1) == 1
    assert page.outside == []


def test_pictures_in_quick_succession_leave_the_last_one_and_a_page_at_rest(page, tmp_path):
    calls = []
    page.on("request", lambda request: "/queue/join" in request.url and calls.append(request.url))
    for side in range(40, 46):
        file = tmp_path / f"{side}.png"
        Image.new("RGB", (side, 40)).save(file)
        page.set_input_files("#picture input[type=file]", file)
        page.wait_for_timeout(200)
    expect(page.locator("#facts")).to_contain_text("45.png 45 × 40", timeout=READY)
    upscale(page, "180 × 160")
    page.wait_for_timeout(500)
    calls.clear()
    page.wait_for_timeout(1500)
    assert calls == []


def test_a_forged_path_is_refused(page):
    drop(page, CAT)

    def forge(route, request):
        body = request.post_data_json
        forged = [{"path": "/etc/hostname"}]
        data = [forged if isinstance(one, list) and one and isinstance(one[0], dict) else one for one in body["data"]]
        route.continue_(post_data=json.dumps(body | {"data": data}))

    page.route("**/queue/join*", forge)
    page.click("#run")
    expect(page.locator(".toast-body")).to_contain_text("Choose it again", timeout=READY)
    expect(page.locator("#status [data-result]")).to_have_count(0)


def test_the_language_is_the_browsers_until_the_visitor_chooses_and_then_kept(browser, server, tmp_path):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:5000])
    page = visit(browser, server, locale="zh-CN")
    expect(page.locator("#run")).to_have_text("放大")
    page.set_input_files("#picture input[type=file]", tmp_path / "broken.png")
    expect(page.locator("#problem")).to_contain_text("broken.png 已损坏", timeout=READY)
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
