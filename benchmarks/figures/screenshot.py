"""Take the screenshots of docs/page.md: each tab at work, the states of a run, a phone, the dark page in Chinese.

python -m benchmarks.figures.screenshot [--out FOLDER] [--only NAME ...]
"""

import argparse
import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks import ROOT
from benchmarks.pictures import EXAMPLES
from tests.browsing import (
    FLAGS,
    READY,
    choose_model,
    choose_scale,
    drop,
    find_chromium,
    turn_to,
    upscale,
    visit,
    wait_until_loaded,
)
from tests.serving import served

COFFEE = ROOT / "examples" / "page" / "coffee.jpg"
WINDOW, PHONE = (1366, 768), (390, 844)  # pixels
RUN_MILLISECONDS = 120_000  # that a run on the page may take
SETTLE_MILLISECONDS = 1200  # before a screenshot
QUALITY = 85


def show_first_sight(page: Page, folder: Path) -> None:
    """Show the page as it comes."""
    wait_until_loaded(page, "#viewer .before, #viewer .after")


def show_upscaled(page: Page, folder: Path) -> None:
    """Upscale a photograph as it comes from a phone."""
    drop(page, COFFEE)
    upscale(page, "1200 × 800")
    wait_until_loaded(page, "#viewer .before, #viewer .after")


def show_changed(page: Page, folder: Path) -> None:
    """Upscale by two models, go back to the first result, and choose another scale."""
    show_upscaled(page, folder)
    choose_model(page, "Texture")
    expect(page.locator("#stale span")).to_be_visible(timeout=READY)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("Texture", timeout=RUN_MILLISECONDS)
    page.locator("#recent button").last.click()
    expect(page.locator("#status")).to_contain_text("Photo", timeout=READY)
    choose_scale(page, 2)
    expect(page.locator("#stale span")).to_be_visible(timeout=READY)


def show_invented(page: Page, folder: Path) -> None:
    """Lay over a result what was invented."""
    show_upscaled(page, folder)
    page.check("#viewer .invented input")
    expect(page.locator("#viewer .note")).to_contain_text("Marked", timeout=RUN_MILLISECONDS)


def show_advanced(page: Page, folder: Path) -> None:
    """Choose a size for print."""
    drop(page, COFFEE)
    page.click("#advanced > button")
    page.click("#kind input")
    page.get_by_role("option", name="for print").click()


def show_large(page: Page, folder: Path) -> None:
    """Have the page ask whether a very large result is meant."""
    file = folder / "panorama.jpg"
    with Image.open(COFFEE) as photograph:
        Image.fromarray(np.tile(np.array(photograph), (10, 12, 1))).save(file, quality=90)
    drop(page, file)
    expect(page.locator("#scales label:has-text('×2') input")).to_be_checked(timeout=READY)
    choose_scale(page, 4)
    expect(page.locator("#confirm")).to_be_visible(timeout=READY)


def show_running(page: Page, folder: Path) -> None:
    """Begin a long run."""
    show_large(page, folder)
    page.check("#confirm input")
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    page.click("#run")
    expect(page.locator("#status")).to_have_text(re.compile(r"[1-9]\d? % · about"), timeout=RUN_MILLISECONDS)


def show_refused(page: Page, folder: Path) -> None:
    """Give the page a file that is none of the kind that its name says."""
    file = folder / "IMG_0412.heic"
    file.write_bytes(b"\0\0\0\x18ftypheic" + bytes(300))
    drop(page, file)


def show_compared(page: Page, folder: Path) -> None:
    """Compare the four methods that are chosen."""
    drop(page, COFFEE)
    turn_to(page, "compare")
    page.click("#compare")
    expect(page.locator("#compared img")).to_have_count(4, timeout=RUN_MILLISECONDS)
    expect(page.locator("#compare")).to_have_text("Compare", timeout=RUN_MILLISECONDS)


def show_batch(page: Page, folder: Path) -> None:
    """Upscale all examples and a damaged file as a batch, and look at one of them."""
    turn_to(page, "batch")
    damaged = folder / "damaged.png"
    damaged.write_bytes(EXAMPLES[0].read_bytes()[:3000])
    page.set_input_files("#files input[type=file]", [*EXAMPLES, damaged])
    expect(page.locator("#run-batch")).to_be_enabled(timeout=READY)
    page.click("#run-batch")
    expect(page.locator("#download-zip")).to_be_enabled(timeout=RUN_MILLISECONDS)
    page.locator("#rows button.picture").first.click()
    expect(page.locator("#batch-viewer .after")).to_be_visible(timeout=READY)
    wait_until_loaded(page, "#batch-viewer .before, #batch-viewer .after")


def show_models(page: Page, folder: Path) -> None:
    """Wait for the samples of the models."""
    turn_to(page, "models")
    wait_until_loaded(page, "#cards img")


Show = Callable[[Page, Path], None]
ON_PHONE: dict[str, Any] = {"has_touch": True, "is_mobile": True}
SHOTS: dict[str, tuple[Show, tuple[int, int], dict[str, Any]]] = {  # name -> what is done, the window, the visitor
    "first_sight": (show_first_sight, WINDOW, {}),
    "upscale": (show_upscaled, WINDOW, {}),
    "changed": (show_changed, WINDOW, {}),
    "invented": (show_invented, WINDOW, {}),
    "advanced": (show_advanced, WINDOW, {}),
    "large": (show_large, WINDOW, {}),
    "running": (show_running, WINDOW, {}),
    "refused": (show_refused, WINDOW, {}),
    "compare": (show_compared, WINDOW, {}),
    "batch": (show_batch, WINDOW, {}),
    "models": (show_models, WINDOW, {}),
    "phone": (show_upscaled, PHONE, ON_PHONE),
    "chinese": (show_upscaled, WINDOW, {"locale": "zh-CN", "query": "?__theme=dark"}),
}


def take(browser: Browser, url: str, name: str, out: Path) -> None:
    """Take one screenshot: of the window if the page fits it or is on a phone, else of the whole page."""
    show, (width, height), visitor = SHOTS[name]
    page = visit(browser, url, width, **({"query": "?__theme=light", "locale": "en-GB"} | visitor))
    page.set_viewport_size({"width": width, "height": height})
    with tempfile.TemporaryDirectory() as folder:
        show(page, Path(folder))
        page.wait_for_timeout(SETTLE_MILLISECONDS)
        shot = page.screenshot(full_page="is_mobile" not in visitor)
    page.context.close()
    with Image.open(io.BytesIO(shot)) as image:
        image.convert("RGB").save(out / f"{name}.webp", quality=QUALITY, method=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "page")
    parser.add_argument("--only", nargs="+", choices=SHOTS, default=list(SHOTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for name in options.only:
            take(browser, server.url, name, options.out)
            print(name)
        browser.close()


if __name__ == "__main__":
    main()
