"""The page on a real server of its own, and a real browser: what the tests of the page share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.serving import ROOT, Served, served

CAT = ROOT / "examples" / "cat.png"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY = 60_000  # milliseconds
TABS = ("enlarge", "compare", "invented", "batch", "zoo")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    """The page as `make demo` starts it, without a GPU."""
    with served(tmp_path_factory.mktemp("server"), CUDA_VISIBLE_DEVICES="") as page:
        yield page.url
    sound(page)


@pytest.fixture
def browser(chromium_at_work: Browser) -> Iterator[Browser]:
    """Chromium, without a window; what a test has opened is closed, or the pages of all would be at work at once."""
    yield chromium_at_work
    for context in chromium_at_work.contexts:
        context.close()


@pytest.fixture(scope="session")
def chromium_at_work() -> Iterator[Browser]:
    """One for all tests."""
    if not chromium():
        pytest.skip("LEFT OUT: no Chrome or Chromium here, so nobody has looked at the page.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def chromium() -> str | None:
    """The program, of whatever name it is here."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def sound(page: Served) -> None:
    """A page that was stopped has reported no fault, and no run has left its folder behind."""
    assert "Traceback" not in page.log.read_text()
    assert not list(page.home.glob("caesr-*"))


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
