"""The page, in a real browser and through its API, on a real server of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import zoo
from caesr import Upscaler
from tests.conftest import ROOT

CAT = ROOT / "examples" / "cat.png"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
READY = 60_000  # milliseconds


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if not found:
        pytest.skip("LEFT OUT: no Chrome or Chromium here, so nobody has looked at the page.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def program(url: str) -> Client:
    return Client(url, verbose=False, download_files=tempfile.mkdtemp())


def visit(browser: Browser, url: str, **context: object) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}, **context).new_page()
    page.outside = []
    page.on("request", lambda r: r.url.startswith(("data:", "blob:", url)) or page.outside.append(r.url))
    page.goto(url)
    expect(page.locator("#about-model")).to_contain_text("caesr-lite-x4", timeout=READY)
    return page


def drop(page: Page, file: Path) -> None:
    page.set_input_files("#picture input[type=file]", file)
    expect(page.locator("#facts")).not_to_be_empty(timeout=READY)


def expected(scale: float, tile: int | str = "auto") -> np.ndarray:
    return Upscaler(zoo.load_family("lite"), "cpu", tile)(np.array(Image.open(CAT).convert("RGB")), scale)


@pytest.mark.browser
def test_a_visitor_enlarges_a_photograph_and_downloads_what_the_library_makes(browser, server, tmp_path):
    page = visit(browser, server, locale="en-GB")
    drop(page, CAT)
    expect(page.locator("#facts")).to_contain_text("226 × 150, colour, 8 bit → 904 × 600")
    page.fill("#scale input[type=number]", "3")
    page.press("#scale input[type=number]", "Enter")
    expect(page.locator("#facts")).to_contain_text("678 × 450", timeout=READY)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("678 × 450 in", timeout=READY)
    with page.expect_download() as event:
        page.click("#download")
    event.value.save_as(tmp_path / "cat.png")
    assert event.value.suggested_filename == "cat_3x.png"
    assert np.array_equal(np.array(Image.open(tmp_path / "cat.png")), expected(3))
    sizes = page.eval_on_selector_all("#result img", "all => all.map(i => [i.naturalWidth, i.naturalHeight])")
    assert sizes == [[678, 450], [678, 450]]
    assert page.outside == []


@pytest.mark.browser
def test_the_page_speaks_chinese_to_those_who_read_it(browser, server):
    page = visit(browser, server, locale="zh-CN")
    expect(page.locator("#run")).to_have_text("放大")
    expect(page.locator("#model")).to_contain_text("清晰的图片")
    drop(page, CAT)
    expect(page.locator("#facts")).to_contain_text("彩色")
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("用时", timeout=READY)
    expect(page.locator(".toast-body")).to_have_count(0)


@pytest.mark.browser
def test_cancel_stops_a_long_run_and_frees_the_device(browser, server, tmp_path):
    Image.fromarray(np.tile(np.array(Image.open(CAT).convert("RGB")), (12, 12, 1))).save(tmp_path / "large.png")
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "large.png")
    page.uncheck("#auto input")
    page.fill("#tile input[type=number]", "32")
    page.press("#tile input[type=number]", "Enter")
    page.click("#run")
    expect(page.locator("#result")).to_contain_text(re.compile(r"tile \d+/4845"), timeout=READY)
    page.click("#cancel")
    result = program(server).predict(handle_file(CAT), api_name="/upscale")
    assert Image.open(result).size == (904, 600)
    expect(page.locator("#status")).to_be_empty()  # else this job would only have waited for the long one


@pytest.mark.browser
def test_a_file_that_is_no_picture_is_answered_in_a_sentence(browser, server, tmp_path):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:5000])
    page = visit(browser, server, locale="en")
    drop(page, tmp_path / "broken.png")
    page.click("#run")
    expect(page.locator("body")).to_contain_text("damaged", timeout=READY)
    page.set_input_files("#picture input[type=file]", CAT)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("904 × 600", timeout=READY)


def test_the_api_gives_a_program_the_same_pixels(server):
    result = program(server).predict(handle_file(CAT), "lite", 2.5, 64, api_name="/upscale")
    assert Path(result).name == "cat_2.5x.png"
    assert np.array_equal(np.array(Image.open(result)), expected(2.5, tile=64))


def test_the_api_keeps_alpha_and_16_bits(server, tmp_path):
    rgba = np.dstack([np.array(Image.open(CAT).convert("RGB")), np.tile(np.arange(226, dtype=np.uint8), (150, 1))])
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    output = Image.open(program(server).predict(handle_file(tmp_path / "alpha.png"), api_name="/upscale"))
    assert (output.mode, output.size) == ("RGBA", (904, 600))
    deep = Image.fromarray((np.arange(64 * 48, dtype=np.uint16) * 20).reshape(48, 64))
    deep.save(tmp_path / "deep.png")
    output = Image.open(program(server).predict(handle_file(tmp_path / "deep.png"), api_name="/upscale"))
    assert output.mode == "I;16"
    assert len(np.unique(np.array(output))) > 1000


@pytest.mark.parametrize(
    ("arguments", "why"), [(("esrgan", 4, 0), "There is: lite"), (("lite", 9, 0), "choose from 1 to 8")]
)
def test_the_api_says_what_is_wrong(server, arguments, why):
    with pytest.raises(Exception, match=why):
        program(server).predict(handle_file(CAT), *arguments, api_name="/upscale")


def test_only_upscale_is_offered_to_programs(server):
    assert list(program(server).view_api(return_format="dict")["named_endpoints"]) == ["/upscale"]
