"""A real browser, the page on a server of its own, and what visitors do: shared by the tests of the page."""

import re
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
READY = 60_000  # milliseconds in which the page has to show something
AS_THE_PICTURE = "As the picture"
TABS = ("upscale", "compare", "batch", "models")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    """Serve the page as `make demo` does, without a GPU; yields its address."""
    with served(tmp_path_factory.mktemp("server"), CUDA_VISIBLE_DEVICES="") as page:
        yield page.url
    check_stopped_page(page)


@pytest.fixture
def browser(session_browser: Browser) -> Iterator[Browser]:
    """Yield Chromium without a window; the pages that a test opens are closed, so that they do not go on working."""
    before = set(session_browser.contexts)
    yield session_browser
    for context in session_browser.contexts:
        if context not in before:
            context.close()


@pytest.fixture
def page(session_page: Page) -> Page:
    """Return the page in English, shared by many tests: without a picture, with the settings it has at first."""
    begin_again(session_page)
    return session_page


@pytest.fixture(scope="session")
def session_page(session_browser: Browser, server: str) -> Iterator[Page]:
    """Open the page in English once for all tests: to load it takes seconds."""
    page = visit(session_browser, server, locale="en")
    yield page
    page.context.close()


@pytest.fixture(scope="session")
def session_browser() -> Iterator[Browser]:
    """Start Chromium once for all tests."""
    if not find_chromium():
        pytest.skip("LEFT OUT: no Chrome or Chromium here, so the page was not opened.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield browser
        browser.close()


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome, by whatever name it is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def check_stopped_page(page: Served) -> None:
    """Check that a page that was stopped has logged no traceback, and that no run has left its folder behind."""
    assert "Traceback" not in page.log.read_text()
    assert not list(page.home.glob("caesr-*"))


def api_client(url: str) -> Client:
    """Return a program that calls the API of a page."""
    return Client(url, verbose=False, download_files=tempfile.mkdtemp())


def visit(browser: Browser, url: str, width: int = 1280, query: str = "", script: str = "", **context: object) -> Page:
    """Open the page, after a script of the test's; `page.outside` lists the addresses beyond it that it asks for."""
    page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
    page.add_init_script(script)
    page.outside = []
    page.on("request", lambda r: r.url.startswith(("data:", "blob:", url)) or page.outside.append(r.url))
    page.goto(url + query)
    expect(page.locator("#about-model")).not_to_be_empty(timeout=READY)
    expect(page.locator("#viewer .note")).not_to_be_empty(timeout=READY)  # the example is shown
    return page


def begin_again(page: Page) -> None:
    """Remove the picture, and set what tests change to what a visitor finds at first."""
    page.unroute_all()
    turn_to(page, "upscale")
    remove_picture(page)
    if is_unfolded(page, "#advanced"):
        if page.input_value("#kind input") != "by scale":
            choose_kind(page, "by scale")
        for name in ("true_to_input", "ensemble"):
            page.uncheck(f"#{name} input")
        page.click("#advanced > button")
    page.check("#tile-auto input")
    choose_model(page, "Auto")
    choose_scale(page, 4)
    if page.input_value("#format input") != AS_THE_PICTURE:
        choose_format(page, AS_THE_PICTURE)


def drop(page: Page, file: Path, into: str = "#picture") -> None:
    """Upload a file; of the picture, wait until the page has said what will become of it, or what is wrong."""
    if into != "#picture":
        page.set_input_files(f"{into} input[type=file]", file)
        return
    remove_picture(page)
    page.set_input_files("#picture input[type=file]", file)
    expect(page.locator("#facts, #problem").filter(has_text=file.name).first).to_be_visible(timeout=READY)


def remove_picture(page: Page) -> None:
    """Remove the picture if there is one, and wait until nothing is said of it any more."""
    if page.locator("#picture .remove").is_visible():
        page.click("#picture .remove")
    expect(page.locator("#facts p, #problem p, #status [data-result]")).to_have_count(0, timeout=READY)
    expect(page.locator("#run")).to_be_disabled(timeout=READY)


def upscale(page: Page, size: str) -> None:
    """Upscale the picture, and wait until the page says that the result has this size."""
    expect(page.locator("#facts")).to_contain_text(size, timeout=READY)
    expect(page.locator("#run")).to_be_enabled(timeout=READY)
    page.click("#run")
    expect(page.locator("#status [data-result]")).to_contain_text(size, timeout=READY)
    expect(page.locator("#run")).to_have_text(re.compile("Upscale|放大"))


def choose_model(page: Page, name: str) -> None:
    """Choose a model by the text of its button."""
    page.click(f"#model label:has-text('{name}')")


def choose_scale(page: Page, scale: int) -> None:
    """Choose a scale by its button."""
    page.click(f"#scales label:has-text('×{scale}')")
    expect(page.locator("#scale input[type=number]")).to_have_value(str(scale))


def choose_kind(page: Page, name: str) -> None:
    """Choose by what the size is told; Advanced is open."""
    page.click("#kind input")
    page.get_by_role("option", name=name).click()


def choose_format(page: Page, name: str, component: str = "#format") -> None:
    """Choose the format of the result."""
    page.click(f"{component} input")
    page.get_by_role("option", name=name, exact=True).click()
    expect(page.locator(f"{component} input")).to_have_value(name)


def turn_to(page: Page, tab: str) -> None:
    """Open a tab."""
    page.get_by_role("tab").nth(TABS.index(tab)).click()


def wait_until_loaded(page: Page, images: str) -> list[list[int]]:
    """Wait until images are loaded; returns their sizes in pixels."""
    page.wait_for_function(
        """all => {
          const images = [...document.querySelectorAll(all)];
          return images.length && images.every(image => image.complete && image.naturalWidth);
        }""",
        arg=images,
    )
    return page.eval_on_selector_all(images, "all => all.map(i => [i.naturalWidth, i.naturalHeight])")


def is_unfolded(page: Page, accordion: str) -> bool:
    """Return whether an accordion is open."""
    return "open" in (page.get_attribute(f"{accordion} > button", "class") or "")


def unfold(page: Page, accordion: str) -> None:
    """Open an accordion. While Gradio renders it, for some milliseconds, what is typed into it is lost."""
    if is_unfolded(page, accordion):
        return
    page.click(f"{accordion} > button")
    page.wait_for_timeout(500)


def type_in(page: Page, component: str, value: object) -> None:
    """Set a slider or a number."""
    page.fill(f"{component} input[type=number]", str(value))
    page.press(f"{component} input[type=number]", "Enter")


def download(page: Page, button: str, into: Path) -> Path:
    """Press a button that gives a file; returns the file, by the name that the page suggests."""
    with page.expect_download() as event:
        page.click(button)
    event.value.save_as(into / event.value.suggested_filename)
    return into / event.value.suggested_filename
