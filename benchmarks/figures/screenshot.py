"""Take screenshots of the page at work, one of each tab: docs/page.png, compare.png, batch.png, models.png.

python -m benchmarks.figures.screenshot [--out FOLDER] [--width 1366] [--dark] [--locale zh-CN]
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks import ROOT
from benchmarks.pictures import EXAMPLES
from tests.browsing import FLAGS, TABS, find_chromium, turn_to, visit
from tests.serving import served

RUN_MILLISECONDS = 120_000  # that a run on the page may take
HEIGHT = 768  # pixels
SETTLE_MILLISECONDS = 1500  # before a screenshot


def show_upscaled(page: Page) -> None:
    """Upscale the picture."""
    page.click("#run")
    page.wait_for_selector("#status [data-result]", timeout=RUN_MILLISECONDS)


def show_compared(page: Page) -> None:
    """Compare the four methods that are chosen."""
    page.click("#compare")
    page.wait_for_function("document.querySelectorAll('#compared img').length == 4", timeout=RUN_MILLISECONDS)


def show_batch(page: Page) -> None:
    """Upscale all examples as a batch."""
    page.set_input_files("#files input[type=file]", EXAMPLES)
    page.wait_for_timeout(1000)
    page.click("#run-batch")
    done = "document.querySelector('#download-zip')?.disabled === false"
    page.wait_for_function(done, timeout=RUN_MILLISECONDS)


def show_models(page: Page) -> None:
    """Wait for the samples of the models."""
    page.wait_for_selector("#cards img")


SHOTS = {  # name of the picture: what is done on its tab, in the order of the tabs
    "page": show_upscaled,
    "compare": show_compared,
    "batch": show_batch,
    "models": show_models,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--width", type=int, default=1366)
    parser.add_argument("--locale", default="en-GB")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        query = "?__theme=dark" if options.dark else "?__theme=light"
        page = visit(browser, server.url, options.width, query, locale=options.locale)
        page.set_viewport_size({"width": options.width, "height": HEIGHT})
        page.locator("#picture .examples button").first.click()
        page.wait_for_selector("#run:not(:disabled)")
        for tab, (name, show) in zip(TABS, SHOTS.items(), strict=True):
            turn_to(page, tab)
            show(page)
            page.wait_for_timeout(SETTLE_MILLISECONDS)
            page.screenshot(path=options.out / f"{name}.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
