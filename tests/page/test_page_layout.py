"""The tab Models, accessibility and layout of all tabs: in a real browser."""

import json

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

import zoo
from tests.browsing import CAT, READY, TABS, turn_to, unfold, upscale, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_models_are_shown_with_a_sample_and_their_figures_are_folded(page):
    turn_to(page, "models")
    families = dict.fromkeys(zoo.info(name).family for name in zoo.names())
    expect(page.locator("#cards img")).to_have_count(1 + len(families), timeout=READY)
    expect(page.locator("#cards")).to_contain_text("Removes JPEG artefacts, noise and blur.")
    expect(page.locator("#column")).to_be_hidden()
    expect(page.locator("#catalogue")).to_be_hidden()
    unfold(page, "#all-figures")
    expect(page.locator("#catalogue")).to_contain_text("caesr-lite-x4", timeout=READY)
    rows = page.locator("#catalogue tbody tr").all_inner_texts()
    shown = dict(row.split("\t", 1) for row in rows)
    assert list(shown) == zoo.names()
    for name in zoo.names():
        assert f"{zoo.info(name).figures['Set5']['psnr_y']:.2f}" in shown[name]
    unfold(page, "#developer")
    page.click("#fetch")
    expect(page.locator("#fetched")).to_contain_text("its hashes verified", timeout=READY)
    page.fill("#repo input, #repo textarea", "nobody")
    page.click("#load")
    expect(page.locator("#loaded")).to_contain_text("Name a repository as owner/repo", timeout=READY)


def fill_all_tabs(page: Page) -> None:
    """Have every tab show results, the last of Batch a failure, with a changed setting and Advanced open."""
    turn_to(page, "batch")
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": CAT.read_bytes()[:3000]}
    page.set_input_files("#files input[type=file]", [broken])
    expect(page.locator("#run-batch")).to_be_enabled(timeout=READY)
    page.click("#run-batch")
    expect(page.locator("#rows .card.failed")).to_have_count(1, timeout=READY)
    turn_to(page, "upscale")
    page.locator("#picture .examples button").first.click()
    upscale(page, "1200 × 800")
    turn_to(page, "compare")
    page.click("#compare")
    expect(page.locator("#compared img")).to_have_count(4, timeout=READY)
    page.click("#scales label:has-text('×2')")
    page.click("#advanced > button")


@pytest.mark.parametrize(("locale", "width", "theme"), [("en", 1366, "light"), ("zh-CN", 390, "dark")])
def test_axe_finds_nothing_on_any_tab_and_nothing_is_wider_than_the_window(browser, server, locale, width, theme):
    page = visit(browser, server, width=1366, locale=locale, query="?__theme=light")
    fill_all_tabs(page)
    page.set_viewport_size({"width": width, "height": 844})
    page.evaluate("isDark => document.body.classList.toggle('dark', isDark)", theme == "dark")
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_timeout(250)  # for what fades in
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        violations = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]
        assert not violations, f"{tab}: {json.dumps(violations, indent=1)}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
    page.set_viewport_size({"width": 1024, "height": 844})
    for tab in TABS:
        turn_to(page, tab)
        page.wait_for_function("document.documentElement.scrollWidth <= 1024")
