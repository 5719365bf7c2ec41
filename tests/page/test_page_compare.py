"""The tab Compare: in a real browser."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from caesr import Upscaler
from caesr.evaluation.evaluate import to_tensor_255
from caesr.imaging.metrics import psnr_ssim_y
from caesr.imaging.resize import resize_image
from caesr.model.family import load_family
from tests.browsing import (
    CAT,
    READY,
    choose_scale,
    drop,
    remove_picture,
    turn_to,
    unfold,
    wait_until_loaded,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def rows(page: Page, table: str) -> list[list[str]]:
    """Return the texts of a table's cells."""
    return page.locator(f"{table} tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.children].map(c => c.innerText))"
    )


def left_of(page: Page, number: int) -> float:
    """Return where on the screen a picture begins."""
    return page.locator("#compared img").nth(number).evaluate("i => i.getBoundingClientRect().left")


def test_models_are_compared_on_the_same_part_and_one_is_taken_from_there(page):
    drop(page, CAT)
    turn_to(page, "compare")
    page.click("#side label:has-text('64')")
    page.locator("#part .square").press("ArrowRight")
    page.click("#compare")
    expect(page.locator("#compared img")).to_have_count(4, timeout=READY)
    expect(page.locator("#compare")).to_have_text("Compare", timeout=READY)
    titles = page.locator("#compared figcaption strong").all_inner_texts()
    assert titles == ["Bicubic", "Photo", "Faithful", "Texture"]
    assert wait_until_loaded(page, "#compared img") == [[256, 256]] * 4
    before = [left_of(page, number) for number in (0, 3)]
    page.click("#compared button:has-text('400 %')")
    page.locator("#compared .frame").first.press("ArrowLeft")
    after = [left_of(page, number) for number in (0, 3)]
    assert after[0] - before[0] == after[1] - before[1] != 0
    page.click("#compared button[data-use='texture']")
    expect(page.locator("#model label:has-text('Texture') input")).to_be_checked(timeout=READY)
    expect(page.locator("#viewer")).to_be_visible()
    assert page.outside == []


def test_against_a_ground_truth_the_figures_are_those_of_the_library(page, tmp_path, photograph):
    truth = photograph[:120, :160]
    Image.fromarray(truth).save(tmp_path / "truth.png")
    choose_scale(page, 2)
    drop(page, CAT)
    turn_to(page, "compare")
    page.click("#side label:has-text('256')")
    for name in ("Photo", "Texture"):
        page.uncheck(f"#models label:has-text('{name}') input")
    unfold(page, "#measure")
    drop(page, tmp_path / "truth.png", into="#truth")
    expect(page.locator("#truth")).to_contain_text("truth", timeout=READY)
    page.click("#compare")
    expect(page.locator("#compared-so-far")).to_contain_text(
        "The ground truth is 160 × 120 and the result would be 452 × 300", timeout=READY
    )
    expect(page.locator("#compare")).to_have_text("Compare")

    remove_picture(page)  # so that one is made from the ground truth
    page.click("#compare")
    expect(page.locator("#maps img")).to_have_count(3, timeout=READY)  # the truth, two errors
    upscaled = Upscaler(load_family("lite"), "cpu")(resize_image(truth, 1 / 2), 2)
    psnr, ssim = psnr_ssim_y(to_tensor_255(upscaled), to_tensor_255(truth), 2)
    lite = rows(page, "#figures")[1]
    assert lite[0] == "Faithful"
    assert lite[3:5] == [f"{psnr:.2f}", f"{ssim:.4f}"]
    assert np.array_equal(wait_until_loaded(page, "#maps img"), [[160, 120]] * 3)
