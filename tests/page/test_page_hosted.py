"""The page as it is hosted: below a path behind a proxy, with a Hub, for longer than an hour. In a real browser."""

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

import zoo
from caesr import Upscaler
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import load_family
from caesr.page.header import header_html
from tests.browsing import CAT, READY, check_stopped_page, download, drop, turn_to, unfold, upscale, visit
from tests.hub_server import Hub, publish_by_hand
from tests.proxy import Proxy
from tests.serving import Served, served
from zoo import space

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATH = "/caesr"
STATIC_PAGE = 'https://someone-caesr.static.hf.space/?from="page"&to=<home>'
START = "from caesr.page import app; app.CLEAN_SECONDS = 1; app.main()"


@dataclass(frozen=True)
class Hosted:
    """A page, what is before and behind it, and the folder of its project."""

    page: Served
    proxy: Proxy
    hub: Hub
    folder: Path


@pytest.fixture(scope="module")
def hosted(tmp_path_factory) -> Iterator[Hosted]:
    """Serve a copy of the project, whose checkpoints are published on a test Hub, behind a proxy."""
    folder = space.assemble(tmp_path_factory.mktemp("hosted") / "project")
    home = tmp_path_factory.mktemp("home")
    with Hub() as hub:
        publish_by_hand(folder, hub)
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hub"), "GRADIO_ROOT_PATH": PATH}
        variables |= {"CAESR_STATIC_PAGE": STATIC_PAGE, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(folder)}
        with served(home, [sys.executable, "-c", START], folder, **variables) as page, Proxy(page.url, PATH) as proxy:
            yield Hosted(page, proxy, hub, folder)
    check_stopped_page(page)


def test_below_a_path_everything_is_asked_for_below_it(browser, hosted, tmp_path, photograph):
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    page.click("#scales label:has-text('×2')")
    drop(page, CAT)
    upscale(page, "452 × 300")
    page.wait_for_function("[...document.querySelectorAll('#viewer .stage img[src]')].every(i => i.naturalWidth > 0)")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(result, Upscaler(load_family("lite"), "cpu")(photograph, 2))
    turn_to(page, "models")
    unfold(page, "#all-figures")
    expect(page.locator("#catalogue")).to_contain_text("caesr-lite-x4", timeout=READY)
    assert page.outside == []
    assert set(hosted.proxy.outside) <= {"/favicon.ico"}  # which browsers ask for by themselves


def test_no_call_is_lost_on_a_network_with_jitter(browser, hosted):
    with Proxy(hosted.page.url, PATH, delay=0.15) as slow:
        page = visit(browser, slow.url, query="/", locale="en")
        for scale in (2, 3, 2, 4):  # a call joins while the stream of the last one is closing
            page.click(f"#scales label:has-text('×{scale}')")
            drop(page, CAT)
        upscale(page, "904 × 600")
        assert page.outside == []


def test_who_leaves_in_the_middle_of_an_upload_leaves_no_traceback_in_the_log(hosted):
    head = (
        "POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
        '--edge\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    )
    with socket.create_connection(hosted.page.url.removeprefix("http://").split(":")) as visitor:
        visitor.sendall(head.encode() + bytes(1000))
        time.sleep(0.5)  # until the server has begun to read it
    time.sleep(1)  # until it has noticed
    assert "Traceback" not in hosted.page.log.read_text()


def test_the_head_links_to_the_page_that_needs_no_server_where_its_address_is_configured(browser, hosted):
    page = visit(browser, hosted.proxy.url, query="/", locale="zh-CN")
    link = page.get_by_role("link", name="无需上传：在浏览器中运行")
    expect(link).to_have_attribute("href", STATIC_PAGE)


def test_the_chosen_language_is_heeded_below_a_path(browser, hosted):
    page = visit(browser, hosted.proxy.url, query="/", locale="zh-CN")
    page.click("button[data-language=en]")
    expect(page.locator("#run")).to_have_text("Upscale", timeout=READY)
    expect(page.locator("#picture")).to_contain_text("Drop a photo", timeout=READY)


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "//other.host/"])
def test_what_is_no_web_address_is_never_linked(monkeypatch, address):
    monkeypatch.setenv("CAESR_STATIC_PAGE", address)
    assert "<a " not in header_html(None)


def test_a_checkpoint_is_fetched_from_the_hub_and_then_cached(browser, hosted):
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    turn_to(page, "models")
    unfold(page, "#all-figures")
    unfold(page, "#developer")
    row = page.locator("#catalogue tr", has_text="caesr-photo-x4")
    expect(row).to_contain_text("published as someone/caesr-photo-x4", timeout=READY)
    assert "cached" not in row.inner_text()
    page.click("#fetch-name input")
    page.get_by_role("option", name="caesr-photo-x4").click()
    expect(page.locator("#zoo-command textarea")).to_have_value(re.compile("zoo fetch caesr-photo-x4"), timeout=READY)
    hosted.hub.fail("slow", "GET /storage", seconds=2, times=1)
    page.click("#fetch")
    expect(page.locator("#fetched-so-far")).to_have_text(
        re.compile(r"caesr-photo-x4 · \d\.\d / 3\.\d MB"), timeout=READY
    )
    expect(page.locator("#fetched")).to_contain_text("its hashes verified", timeout=READY)
    expect(page.locator("#fetched-so-far")).to_have_text("")
    expect(row).to_contain_text("cached", timeout=READY)
    assert page.outside == []


def test_any_repository_can_be_loaded_chosen_and_used_and_one_that_fails_is_answered_in_a_sentence(
    browser, hosted, tmp_path, photograph
):
    files = {file.name: file.read_bytes() for file in zoo.fetch("caesr-lite-x3").iterdir()}
    hosted.hub.add("another/network", files | {"README.md": b"Mine."})
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    turn_to(page, "models")
    unfold(page, "#developer")
    page.fill("#repo input, #repo textarea", "nobody/nothing")
    page.click("#load")
    expect(page.locator("#loaded")).to_contain_text("hf download nobody/nothing", timeout=READY)
    page.fill("#repo input, #repo textarea", "another/network")
    page.click("#load")
    expect(page.locator("#loaded")).to_contain_text("another/network (×3) is loaded and chosen", timeout=READY)
    turn_to(page, "compare")
    expect(page.locator("#models")).to_contain_text("another/network")
    turn_to(page, "upscale")
    expect(page.locator("#about-model")).to_contain_text("another/network", timeout=READY)
    expect(page.locator("#checkpoint input")).to_have_value("another/network")
    page.click("#scales label:has-text('×3')")
    drop(page, CAT)
    upscale(page, "678 × 450")
    result = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(result, Upscaler(CAEResNet.from_pretrained("caesr-lite-x3"), "cpu")(photograph, 3))


def test_files_of_visitors_are_removed_after_an_hour(browser, hosted, tmp_path):
    Image.open(CAT).convert("RGB").resize((40, 30)).save(tmp_path / "mine.png")
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    drop(page, tmp_path / "mine.png")
    upscale(page, "160 × 120")
    turn_to(page, "batch")
    drop(page, tmp_path / "mine.png", into="#files")
    expect(page.locator("#files")).to_contain_text("mine.png", timeout=READY)
    page.click("#run-batch")
    expect(page.locator("#download-zip")).to_be_enabled(timeout=READY)
    zip_name = download(page, "#download-zip", tmp_path).name
    assert {"mine.png", "mine_x4.png", zip_name} <= {file.name for file in cached(hosted)}
    for file in cached(hosted):
        os.utime(file, (time.time() - 3599, time.time() - 3599))
    (cached(hosted)[0].parent / "new.png").touch()
    wait_until_one_is_left(page, hosted)
    assert [file.name for file in cached(hosted)] == ["new.png"]
    page.reload()
    page.locator("#picture .examples button").first.click()
    expect(page.locator("#facts")).to_contain_text("×", timeout=READY)  # the examples are still there


def wait_until_one_is_left(page: Page, hosted: Hosted) -> None:
    """Wait until Gradio's cache holds one file besides the examples, for a minute at most."""
    for _ in range(120):
        if len(cached(hosted)) == 1:
            break
        page.wait_for_timeout(500)


def cached(hosted: Hosted) -> list[Path]:
    """Return the files in Gradio's cache, without the examples."""
    examples = {file.name for file in (hosted.folder / "examples").iterdir()}
    files = [file for file in (hosted.page.home / "gradio" / "caesr").rglob("*") if file.is_file()]
    return [file for file in files if file.name not in examples]
