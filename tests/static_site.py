"""The page of `zoo site`, written once and served as a plain web server does, for its tests and benchmark."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Error, Page, expect

READY = 60_000  # milliseconds in which a small picture is upscaled


class QuietHandler(SimpleHTTPRequestHandler):
    """A server of files that sets no headers of its own, and logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of 127.0.0.1; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def visit_site(browser: Browser, url: str, **context: object) -> Page:
    """Open the page in a fresh profile, and wait until it has loaded itself again with threads.

    `page.outside` lists the addresses beyond it that it asks for, `page.errors` what it did not catch.
    """
    page = browser.new_context(**context).new_page()
    page.outside, page.errors = [], []
    page.on("request", lambda r: r.url.startswith(("data:", "blob:", url)) or page.outside.append(r.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(url)
    end = time.monotonic() + READY / 1000
    while time.monotonic() < end and not is_isolated(page):
        page.wait_for_timeout(50)
    expect(page.locator("#viewer .note")).not_to_be_empty()
    return page


def is_isolated(page: Page) -> bool:
    """Return whether the page may use threads; not yet while it loads itself again."""
    try:
        return page.evaluate("crossOriginIsolated")
    except Error:
        return False


def upscale_file(page: Page, file: Path, model: str, scale: int, timeout: float = READY) -> None:
    """Choose a file, a model by the text of its button and a scale, and wait for the result."""
    page.set_input_files("#file", file)
    expect(page.locator("#facts")).to_contain_text(file.name)
    page.click(f"#models label:has-text('{model}')")
    page.click(f"#scales label:has-text('×{scale}')")
    page.click("#run")
    expect(page.locator("#save")).to_be_visible(timeout=timeout)


def save_as(page: Page, kind: str, into: Path) -> Path:
    """Save the result as PNG, JPEG or WebP; returns the file, by the name that the page gives it."""
    page.select_option("#format", label=kind)
    with page.expect_download(timeout=READY) as event:
        page.click("#download")
    event.value.save_as(into / event.value.suggested_filename)
    return into / event.value.suggested_filename
