"""The page's API and MCP, and that every way in gives the same bytes."""

import asyncio
import base64
import os
import re
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image

import zoo
from caesr import Upscaler
from caesr.imaging.resize import resize_image
from caesr.model.family import load_family
from tests.browsing import CAT, READY, ROOT, download, drop, program, type_in, visit


def expected(scale: float, tile: int | str = "auto") -> np.ndarray:
    return Upscaler(load_family("lite"), "cpu", tile)(np.array(Image.open(CAT).convert("RGB")), scale)


def test_a_program_gets_the_same_pixels(server):
    result = program(server).predict(handle_file(CAT), "lite", 2.5, 64, api_name="/upscale")
    assert Path(result).name == "cat_2.5x.png"
    assert np.array_equal(np.array(Image.open(result)), expected(2.5, tile=64))


def test_a_program_may_ask_for_all_that_the_page_offers(server):
    asked = {"width": 333, "true_to_input": True, "format": "webp", "quality": 100, "metadata": "none"}
    result = program(server).predict(handle_file(CAT), api_name="/upscale", **asked)
    assert Path(result).name == "cat_333w.webp"
    source = np.array(Image.open(CAT).convert("RGB"))
    whole = Upscaler(load_family("lite"), "cpu", true_to_input=True)(source, 333 / 226)
    assert np.array_equal(np.array(Image.open(result)), whole)


def test_alpha_and_16_bits_are_kept(server, tmp_path):
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
    ("asked", "why"),
    [
        ({"model": "esrgan"}, "There is: lite"),
        ({"scale": 9}, "choose from 1 to 8"),
        ({"width": 4000}, "choose from 1 to 8"),
        ({"quality": 0, "format": "jpg"}, "quality of 0"),
    ],
)
def test_what_is_wrong_is_said(server, asked, why):
    with pytest.raises(Exception, match=why):
        program(server).predict(handle_file(CAT), api_name="/upscale", **asked)


def test_a_program_compares_and_measures(server, tmp_path):
    truth = np.array(Image.open(CAT).convert("RGB"))[:120, :160]
    Image.fromarray(truth).save(tmp_path / "truth.png")
    Image.fromarray(resize_image(truth, 1 / 2)).save(tmp_path / "small.png")
    files = handle_file(tmp_path / "small.png"), handle_file(tmp_path / "truth.png")
    figures, sheet = program(server).predict(files[0], "bicubic, lite", 2, files[1], api_name="/compare")
    assert [row["model"] for row in figures] == ["bicubic", "lite"]
    assert figures[1]["psnr_y"] > figures[0]["psnr_y"] + 0.5
    assert Image.open(sheet).width == 3 * 160 + 2 * 6


def test_a_program_lists_the_zoo(server):
    listed = program(server).predict(api_name="/zoo")
    assert [entry["name"] for entry in listed] == zoo.names()
    assert listed[0]["figures"] == zoo.info(zoo.names()[0]).figures


def test_of_two_people_at_once_each_gets_their_own_result(server, tmp_path):
    def visit(n: int) -> None:
        pixels = np.full((40 + n, 60, 3), 20 * n, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
        result = program(server).predict(handle_file(tmp_path / f"{n}.png"), "lite", 2, 32, api_name="/upscale")
        assert Path(result).name == f"{n}_2x.png"
        made = np.array(Image.open(result)).astype(int)
        assert made.shape == (2 * (40 + n), 120, 3)
        assert abs(made - 20 * n).max() <= 2

    with ThreadPoolExecutor(4) as visitors:
        list(visitors.map(visit, range(8)))


def test_only_these_are_offered_to_programs(server):
    assert list(program(server).view_api(return_format="dict")["named_endpoints"]) == ["/upscale", "/compare", "/zoo"]


def by_command_line(folder: Path) -> bytes:
    target = folder / "cat_3x.png"
    command = [sys.executable, "-m", "caesr", "upscale", CAT, "-o", target, "--scale", "3", "--device", "cpu"]
    subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True, env=os.environ)
    return target.read_bytes()


async def ask_by_mcp(server: str) -> tuple[list[str], str]:
    """The tools' names, and what `upscale` answers."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    picture = "data:image/png;base64," + base64.b64encode(CAT.read_bytes()).decode()
    async with streamablehttp_client(f"{server}/gradio_api/mcp/") as (reader, writer, _):
        async with ClientSession(reader, writer) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            answer = await session.call_tool("upscale", {"file": picture, "model": "lite", "scale": 3})
            return tools, str(answer)


def by_mcp(server: str) -> bytes:
    pytest.importorskip("mcp", reason="LEFT OUT: no mcp here (pip install 'caesr[mcp]')")
    with ThreadPoolExecutor(1) as elsewhere:  # the browser has a loop running in this thread
        tools, answer = elsewhere.submit(asyncio.run, ask_by_mcp(server)).result()
    assert {"upscale", "compare", "list_checkpoints"} <= set(tools)
    found = re.search(r"http://[^\s'\"]+_3x\.png", answer)
    assert found, answer
    with urllib.request.urlopen(found[0], timeout=60) as response:
        return response.read()


@pytest.mark.browser
def test_page_api_mcp_and_command_line_give_the_same_bytes(browser, server, tmp_path):
    page = visit(browser, server, locale="en")
    drop(page, CAT)
    type_in(page, "#scale", 3)
    page.locator("#facts", has_text="678 × 450").wait_for(timeout=READY)
    page.click("#run")
    page.locator("#status", has_text="678 × 450").wait_for(timeout=READY)
    made = download(page, "#download", tmp_path).read_bytes()
    assert Path(program(server).predict(handle_file(CAT), "lite", 3, api_name="/upscale")).read_bytes() == made
    assert by_command_line(tmp_path / "line") == made
    assert by_mcp(server) == made
