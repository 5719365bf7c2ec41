"""The page on a real server of its own, and a real browser: what the tests of the page share."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
CAT = ROOT / "examples" / "cat.png"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY = 60_000  # milliseconds
TABS = ("enlarge", "compare", "invented", "batch", "zoo")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    """The page as `make demo` starts it, on a free port, without a GPU."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    home = tmp_path_factory.mktemp("server")
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "CUDA_VISIBLE_DEVICES": "", "TMPDIR": str(home)}
    with (home / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=2)
            break
        except OSError:
            assert process.poll() is None, (home / "log").read_text()
            time.sleep(0.2)
    yield url
    process.terminate()
    process.wait(timeout=20)
    assert "Traceback" not in (home / "log").read_text()
    assert not list(home.glob("caesr-*")), "a run left its folder behind"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.skip("LEFT OUT: no Chrome or Chromium here, so nobody has looked at the page.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def program(url: str) -> Client:
    """Another visitor, who calls the API."""
    return Client(url, verbose=False, download_files=tempfile.mkdtemp())


def visit(browser: Browser, url: str, width: int = 1280, query: str = "", **context: object) -> Page:
    """Open the page; `page.outside` gathers what it asks of anybody else."""
    page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
    page.outside = []
    page.on("request", lambda r: r.url.startswith(("data:", "blob:", url)) or page.outside.append(r.url))
    page.goto(url + query)
    expect(page.locator("#about-model")).to_contain_text("caesr-lite-x4", timeout=READY)
    return page


def drop(page: Page, file: Path, into: str = "#picture") -> None:
    """Give the page a picture."""
    page.set_input_files(f"{into} input[type=file]", file)
    if into == "#picture":
        expect(page.locator("#facts")).not_to_be_empty(timeout=READY)


def turn_to(page: Page, tab: str) -> None:
    """Open a tab."""
    page.get_by_role("tab").nth(TABS.index(tab)).click()


def type_in(page: Page, slider: str, value: object) -> None:
    """Set a slider by its number."""
    page.fill(f"{slider} input[type=number]", str(value))
    page.press(f"{slider} input[type=number]", "Enter")


def download(page: Page, button: str, into: Path) -> Path:
    """Press a button of the page that gives a file; the file, by the name that the page suggests."""
    with page.expect_download() as event:
        page.click(button)
    event.value.save_as(into / event.value.suggested_filename)
    return into / event.value.suggested_filename
