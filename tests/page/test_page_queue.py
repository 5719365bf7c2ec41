"""Long runs on the page: cancelled, left, and waited for: in a real browser."""

import re
from pathlib import Path

import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browsing import CAT, READY, api_client, choose_model, drop, type_in, unfold, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def begin_long_run(page: Page, folder: Path, photograph: np.ndarray) -> None:
    """Begin an upscaling that takes a minute or more, and check that the page does not jump."""
    Image.fromarray(np.tile(photograph, (7, 6, 1))).save(folder / "long.png")
    page.uncheck("#tile-auto input")
    type_in(page, "#tile", 32)
    choose_model(page, "Photo")
    unfold(page, "#advanced")
    page.check("#ensemble input")
    drop(page, folder / "long.png")
    expect(page.locator("#facts")).to_contain_text("5424 × 4200", timeout=READY)
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    before = page.locator("#download").bounding_box()["y"]
    page.click("#run")
    expect(page.locator("#status")).to_contain_text(re.compile(r"\d+ %"), timeout=READY)
    assert page.locator("#download").bounding_box()["y"] == before


def test_cancelling_works_at_once_and_who_waits_sees_how_many_come_first(browser, page, server, tmp_path, photograph):
    waiting = {page: "1 person ahead of you", visit(browser, server, locale="zh-CN"): "您前面还有 2 人"}
    for other in waiting:
        drop(other, CAT)
        expect(other.locator("#run")).to_be_enabled(timeout=READY)
    first = visit(browser, server, locale="en")
    begin_long_run(first, tmp_path, photograph)
    first.click("#run")
    expect(first.locator("#status")).to_contain_text("Stopped.", timeout=READY)
    first.click("#run")  # the next click counts
    expect(first.locator("#status")).to_contain_text(re.compile(r"\d+ %"), timeout=READY)
    for other, words in waiting.items():
        other.click("#run")
        expect(other.locator("#status")).to_contain_text(words, timeout=READY)
    first.click("#run")  # or they would wait for minutes
    for other in waiting:
        expect(other.locator("#status")).to_contain_text("904 × 600", timeout=READY)


def test_closing_the_browser_tab_in_mid_run_frees_the_device(browser, server, tmp_path, photograph):
    page = visit(browser, server, locale="en")
    begin_long_run(page, tmp_path, photograph)
    page.context.close()
    result = api_client(server).predict(handle_file(CAT), api_name="/upscale")
    assert Image.open(result).size == (904, 600)
