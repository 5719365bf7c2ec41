"""The viewer: zoom, move, divide, pinch; what was invented; and the page on a phone: in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browsing import READY, choose_model, choose_scale, upscale, visit, wait_until_loaded

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AFTER = "#viewer .after"
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


def place(page: Page) -> dict[str, float]:
    """Return where on the screen the result is, and how large."""
    box = page.locator(AFTER).bounding_box()
    assert box is not None
    return box


def test_the_viewer_zooms_moves_and_divides(browser, server):
    page = visit(browser, server, locale="en")
    wait_until_loaded(page, AFTER)
    stage = page.locator("#viewer .stage").bounding_box()
    page.click("#viewer button[data-zoom='2']")
    expect(page.locator("#viewer button[data-zoom='2']")).to_have_attribute("aria-pressed", "true")
    before = place(page)
    assert before["width"] == 2400
    page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    page.mouse.down()
    page.mouse.move(stage["x"] + 60, stage["y"] + 90)
    page.mouse.up()
    assert place(page)["x"] == pytest.approx(before["x"] - 40)
    page.locator("#viewer .divider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer .divider")).to_have_attribute("aria-valuenow", "55")
    page.locator("#viewer .stage").press("0")
    expect(page.locator("#viewer button[data-zoom='0']")).to_have_attribute("aria-pressed", "true")
    page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(page.locator("#viewer button[data-zoom='0']")).to_have_attribute("aria-pressed", "false")
    page.click("#viewer button.full")
    page.wait_for_function("document.fullscreenElement?.classList.contains('before-after')")


def test_what_was_invented_is_laid_over_the_result_and_said_in_a_sentence(page):
    page.locator("#picture .examples button").first.click()
    choose_scale(page, 2)
    upscale(page, "600 × 400")
    page.check("#viewer .invented input")
    expect(page.locator("#viewer .note")).to_contain_text("differs visibly from a faithful model's", timeout=READY)
    expect(page.locator("#viewer .invented input")).to_be_checked()
    expect(page.locator("#viewer .map")).to_be_visible()
    wait_until_loaded(page, "#viewer .map")
    share = float(re.search(r"([\d.]+) %", page.inner_text("#viewer .note"))[1])
    assert share == pytest.approx(100 * page.evaluate(SHARE_OF_MAP), abs=1)
    page.uncheck("#viewer .invented input")
    expect(page.locator("#viewer .map")).to_be_hidden(timeout=READY)
    choose_model(page, "Faithful")
    expect(page.locator("#stale span")).to_be_visible(timeout=READY)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("Faithful", timeout=READY)
    page.check("#viewer .invented input")
    expect(page.locator("#viewer .note")).to_contain_text("reduced again", timeout=READY)


def test_on_a_phone_two_fingers_zoom_and_the_bar_upscales_and_then_downloads(browser, server):
    page = visit(browser, server, width=390, locale="en", has_touch=True, is_mobile=True)
    expect(page.locator("#run")).to_be_in_viewport(ratio=1)
    page.locator("#picture .examples button").first.click()
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    page.click("#run")
    expect(page.locator("#download")).to_be_in_viewport(ratio=1, timeout=READY)
    expect(page.locator("#download")).to_contain_text("Download JPEG")
    expect(page.locator("#run")).to_be_hidden()
    expect(page.locator("#viewer .stage")).to_be_in_viewport(ratio=0.9, timeout=READY)

    wait_until_loaded(page, AFTER)
    before = place(page)
    pinch(page, "#viewer .stage", 60, 180)
    assert place(page)["width"] == pytest.approx(3 * before["width"], rel=0.05)
    expect(page.locator("#viewer button[data-zoom='0']")).to_have_attribute("aria-pressed", "false")
    zoomed, scrolled = place(page), page.evaluate("scrollY")
    drag(page, "#viewer .stage", -50, -30)
    moved = place(page)
    assert (moved["x"] - zoomed["x"], moved["y"] - zoomed["y"]) == pytest.approx((-50, -30), abs=1)
    assert page.evaluate("scrollY") == scrolled  # the picture moves, not the page
    pinch(page, "#viewer .stage", 180, 60)
    assert place(page)["width"] == pytest.approx(before["width"], rel=0.05)

    page.click("#scales label:has-text('×2')")
    expect(page.locator("#run")).to_be_in_viewport(ratio=1, timeout=READY)


def pinch(page: Page, selector: str, start: float, end: float) -> None:
    """Move two fingers, side by side about the middle of an element, from one distance to another."""
    x, y = middle(page, selector)
    touch(page, [[(x - gap / 2, y), (x + gap / 2, y)] for gap in steps(start, end)])


def drag(page: Page, selector: str, right: float, down: float) -> None:
    """Move a finger from beside the middle of an element."""
    x, y = middle(page, selector)
    touch(page, [[(x + 70 + right * part, y + down * part)] for part in steps(0, 1)])


def touch(page: Page, frames: list[list[tuple[float, float]]]) -> None:
    """Send what a touch screen sends of fingers at these places, one after the other."""
    session = page.context.new_cdp_session(page)
    for n, fingers in enumerate(frames):
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": "touchMove" if n else "touchStart", "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def steps(start: float, end: float, count: int = 10) -> list[float]:
    """Return numbers from one to another."""
    return [start + (end - start) * n / count for n in range(count + 1)]


def middle(page: Page, selector: str) -> tuple[float, float]:
    """Return the middle of an element on the screen."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
