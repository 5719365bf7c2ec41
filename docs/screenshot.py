"""Take the pictures of the page at work, a tab each: docs/page.png, compare.png, invented.png, batch.png, zoo.png.

python -m docs.screenshot [--out FOLDER] [--width 1440] [--dark] [--locale zh-CN]
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browsing import FLAGS, TABS, chromium, drop, turn_to, visit
from tests.serving import ROOT, served

EXAMPLES = ROOT / "examples"
LONG = 120_000  # milliseconds
NAMES = ("page", "compare", "invented", "batch", "zoo")  # of the pictures, in the order of the tabs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--locale", default="en-GB")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, served(Path(home)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        query = "?__theme=dark" if options.dark else "?__theme=light"
        page = visit(browser, server.url, options.width, query, locale=options.locale)
        drop(page, EXAMPLES / "cat.png")
        page.wait_for_selector("#facts strong")
        for tab, name in zip(TABS, NAMES, strict=True):
            turn_to(page, tab)
            {"page": enlarged, "compare": compared, "invented": mapped, "batch": filled, "zoo": listed}[name](page)
            page.wait_for_timeout(1500)
            page.screenshot(path=options.out / f"{name}.png", full_page=True)
        browser.close()


def enlarged(page: Page) -> None:
    page.click("#run")
    page.wait_for_function("document.querySelector('#status').innerText.includes('×')", timeout=LONG)
    page.wait_for_selector("#loupe img", timeout=LONG)


def compared(page: Page) -> None:
    page.click("#compare")
    page.wait_for_function("document.querySelectorAll('#compared img').length == 3", timeout=LONG)


def mapped(page: Page) -> None:
    page.click("#show-map")
    page.wait_for_function("document.querySelector('#verdict').innerText.includes('dB')", timeout=LONG)


def filled(page: Page) -> None:
    page.set_input_files("#files input[type=file]", sorted(EXAMPLES.glob("*.png")))
    page.wait_for_timeout(1000)
    page.click("#run-batch")
    page.wait_for_function("document.querySelector('#download-zip')?.disabled === false", timeout=LONG)


def listed(page: Page) -> None:
    page.wait_for_selector("#catalogue td")


if __name__ == "__main__":
    main()
