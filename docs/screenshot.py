"""Take the README's picture of the page at work: docs/page.png.

python docs/screenshot.py
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PORT = "7899"
URL = f"http://127.0.0.1:{PORT}"


def main() -> None:
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | {"GRADIO_SERVER_PORT": PORT})
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(URL, timeout=2)
                break
            except OSError:
                time.sleep(0.3)
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1280, "height": 960}, locale="en-GB")
            page.goto(URL)
            page.wait_for_selector("#about-model code")
            page.set_input_files("#picture input[type=file]", ROOT / "examples" / "cat.png")
            page.wait_for_selector("#facts strong")
            page.click("#run")
            page.wait_for_function("document.querySelector('#status').innerText.includes('×')")
            page.wait_for_timeout(1500)
            page.screenshot(path=ROOT / "docs" / "page.png", full_page=True)
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
