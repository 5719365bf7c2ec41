"""Draw docs/site.png: the page of `zoo site` in Chromium, with a photograph that it has upscaled.

python -m benchmarks.figures.site
"""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks import ROOT
from tests.browsing import FLAGS, find_chromium
from tests.static_site import serve, upscale_file, visit_site
from zoo.site import write_site

MINUTES = 600_000  # milliseconds


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        write_site(Path(temporary))
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        with serve(Path(temporary)) as url:
            page = visit_site(browser, url, viewport={"width": 1280, "height": 720})
            upscale_file(page, ROOT / "examples" / "page" / "coffee.jpg", "Photo", 4, timeout=MINUTES)
            page.mouse.move(0, 0)
            page.wait_for_timeout(1000)
            page.screenshot(path=ROOT / "docs" / "site.png")
        browser.close()


if __name__ == "__main__":
    main()
