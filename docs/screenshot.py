"""Take the pictures of the page at work, a tab each: docs/page.png, compare.png, invented.png, batch.png, zoo.png.

python docs/screenshot.py [--out FOLDER] [--width 1440] [--dark] [--locale zh-CN]
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PORT = "7898"
URL = f"http://127.0.0.1:{PORT}"
LONG = 120_000  # milliseconds
TABS = ("page", "compare", "invented", "batch", "zoo")  # in their order on the page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--locale", default="en-GB")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with served(), sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": options.width, "height": 900}, locale=options.locale)
        page.goto(URL + ("?__theme=dark" if options.dark else "?__theme=light"))
        page.wait_for_selector("#about-model code")
        page.set_input_files("#picture input[type=file]", EXAMPLES / "cat.png")
        page.wait_for_selector("#facts strong")
        for number, name in enumerate(TABS):
            page.get_by_role("tab").nth(number).click()
            {"page": enlarged, "compare": compared, "invented": mapped, "batch": filled, "zoo": listed}[name](page)
            page.wait_for_timeout(1500)
            page.screenshot(path=options.out / f"{name}.png", full_page=True)
        browser.close()


@contextmanager
def served() -> Iterator[None]:
    """The page, on a port of its own."""
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | {"GRADIO_SERVER_PORT": PORT})
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(URL, timeout=2)
                break
            except OSError:
                time.sleep(0.3)
        yield
    finally:
        server.terminate()
        server.wait()


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
