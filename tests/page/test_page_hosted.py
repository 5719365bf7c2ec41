"""The page as others host it: below a path behind a proxy, with a Hub, for longer than an hour. In a real browser."""

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import zoo
from caesr import Upscaler
from caesr.model.caeresnet import CAEResNet
from caesr.model.family import load_family
from tests.browsing import CAT, READY, download, drop, sound, turn_to, type_in, visit
from tests.hub_server import Hub, publish_by_hand
from tests.proxy import Proxy
from tests.serving import Served, served
from zoo import space

pytestmark = pytest.mark.browser

PATH = "/caesr"
START = "import app; app.OFTEN = 1; app.main()"  # what is old enough is looked for every second


@dataclass(frozen=True)
class Hosted:
    page: Served
    proxy: Proxy
    hub: Hub
    folder: Path


@pytest.fixture(scope="module")
def hosted(tmp_path_factory) -> Iterator[Hosted]:
    """A project of its own, whose checkpoints are published on a Hub of ours; and its page, behind a proxy."""
    folder = space.assemble(tmp_path_factory.mktemp("hosted") / "project")
    home = tmp_path_factory.mktemp("home")
    with Hub() as hub:
        publish_by_hand(folder, hub)
        known = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hub"), "GRADIO_ROOT_PATH": PATH}
        known |= {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(folder)}
        with served(home, [sys.executable, "-c", START], folder, **known) as page, Proxy(page.url, PATH) as proxy:
            yield Hosted(page, proxy, hub, folder)
    sound(page)


def test_below_a_path_everything_is_asked_for_below_it(browser, hosted, tmp_path):
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    type_in(page, "#scale", 2)
    drop(page, CAT)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("452 × 300", timeout=READY)
    expect(page.locator("#loupe img")).to_have_count(2, timeout=READY)
    made = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(made, Upscaler(load_family("lite"), "cpu")(np.array(Image.open(CAT).convert("RGB")), 2))
    turn_to(page, "zoo")
    expect(page.locator("#catalogue")).to_contain_text("caesr-lite-x4", timeout=READY)
    assert page.outside == []
    assert set(hosted.proxy.outside) <= {"/favicon.ico"}  # which the browser looks for before it has the page


def test_a_checkpoint_is_fetched_from_the_hub_and_then_cached(browser, hosted):
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    turn_to(page, "zoo")
    row = page.locator("#catalogue tr", has_text="caesr-photo-x4")
    expect(row).to_contain_text("published as someone/caesr-photo-x4", timeout=READY)
    assert "cached" not in row.inner_text()
    page.click("#checkpoint input")
    page.get_by_role("option", name="caesr-photo-x4").click()
    expect(page.locator("#zoo-command textarea")).to_have_value(re.compile("fetch caesr-photo-x4"), timeout=READY)
    hosted.hub.fail("slow", "GET /storage", seconds=2, times=1)
    page.click("#fetch")
    expect(page.locator("#fetched-so-far")).to_have_text(
        re.compile(r"caesr-photo-x4 · \d\.\d / 3\.\d MB"), timeout=READY
    )
    expect(page.locator("#fetched")).to_contain_text("its hashes verified", timeout=READY)
    expect(page.locator("#fetched-so-far")).to_have_text("")
    expect(row).to_contain_text("cached", timeout=READY)
    assert page.outside == []


def test_a_hub_that_fails_is_answered_in_a_sentence(browser, hosted):
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    turn_to(page, "zoo")
    page.fill("#repo input, #repo textarea", "nobody/nothing")
    page.click("#load")
    expect(page.locator("body")).to_contain_text("hf download nobody/nothing", timeout=READY)


def test_anybodys_repository_can_be_loaded_chosen_and_used(browser, hosted, tmp_path):
    files = {file.name: file.read_bytes() for file in zoo.fetch("caesr-lite-x3").iterdir()}
    hosted.hub.add("another/network", files | {"README.md": b"Mine."})
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    turn_to(page, "zoo")
    page.fill("#repo input, #repo textarea", "another/network")
    page.click("#load")
    expect(page.locator("#loaded")).to_contain_text("another/network (×3) is loaded and chosen", timeout=READY)
    expect(page.locator("#about-model")).to_contain_text("another/network", timeout=READY)
    expect(page.locator("#model label:has-text('another/network') input")).to_be_checked()
    turn_to(page, "compare")
    expect(page.locator("#models")).to_contain_text("another/network")
    turn_to(page, "enlarge")
    type_in(page, "#scale", 3)
    drop(page, CAT)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("678 × 450", timeout=READY)
    made = np.array(Image.open(download(page, "#download", tmp_path)))
    assert np.array_equal(
        made, Upscaler(CAEResNet.from_pretrained("caesr-lite-x3"), "cpu")(np.array(Image.open(CAT).convert("RGB")), 3)
    )


def test_what_a_visitor_brought_and_got_is_gone_after_an_hour(browser, hosted, tmp_path):
    Image.open(CAT).convert("RGB").resize((40, 30)).save(tmp_path / "mine.png")
    page = visit(browser, hosted.proxy.url, query="/", locale="en")
    drop(page, tmp_path / "mine.png")
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("160 × 120", timeout=READY)
    turn_to(page, "batch")
    drop(page, tmp_path / "mine.png", into="#files")
    page.click("#run-batch")
    expect(page.locator("#download-zip")).to_be_enabled(timeout=READY)
    assert {"mine.png", "mine_4x.png", "before.png", "enlarged.zip"} <= {file.name for file in kept(hosted)}
    for file in kept(hosted):
        os.utime(file, (time.time() - 3590, time.time() - 3590))
    (kept(hosted)[0].parent / "new.png").touch()
    for _ in range(120):
        if len(kept(hosted)) == 1:
            break
        page.wait_for_timeout(500)
    assert [file.name for file in kept(hosted)] == ["new.png"]
    page.reload()
    page.locator("button.gallery-item").first.click()
    expect(page.locator("#facts")).to_contain_text("×", timeout=READY)  # the examples are still there


def kept(hosted: Hosted) -> list[Path]:
    """What Gradio holds, besides the examples."""
    examples = {file.name for file in (hosted.folder / "examples").iterdir()}
    files = [file for file in (hosted.page.home / "gradio" / "caesr").rglob("*") if file.is_file()]
    return [file for file in files if file.name not in examples]
