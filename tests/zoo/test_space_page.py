"""A Space that runs: it starts with its own files and requirements, and says where its weights come from."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from PIL import Image

import zoo
from caesr import Upscaler, load_family
from caesr.options import UpscaleOptions
from caesr.page.device import Device
from caesr.page.facts import about_model
from tests.browsing import check_stopped_page
from tests.conftest import ROOT
from tests.hub_server import publish_by_hand
from tests.serving import served
from tests.zoo.environments import link_packages
from zoo import catalogue, space

CAT = ROOT / "examples" / "cat.png"


def link_requirements(folder: Path) -> Path:
    """Make a site-packages that holds what requirements.txt brings, and nothing else."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    return link_packages(folder, filter(None, lines))


def test_a_space_in_these_tests_sees_only_what_its_requirements_bring(tmp_path):
    names = {path.name for path in link_requirements(tmp_path / "site").iterdir()}
    assert {"torch", "gradio", "pyvips", "huggingface_hub"} < names
    assert not names & {"caesr", "zoo", "pytest", "playwright", "hypothesis"}


@contextmanager
def started(folder: Path, home: Path, **environment: str) -> Iterator[tuple[str, Path]]:
    """Run the page of a Space: its address and its log. It sees its own files and requirements, nothing else."""
    home.mkdir()
    known = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(link_requirements(home / "site"))}
    known |= {"HF_HUB_DISABLE_XET": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"}
    known["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # another number may round a float32 sum otherwise
    command = [sys.executable, "-S", "app.py"]  # -S: no site-packages of this interpreter, no editable install in it
    with served(home, command, folder, known, **environment) as page:
        yield page.url, page.log
    check_stopped_page(page)


def upscale(url: str, folder: Path) -> np.ndarray:
    client = Client(url, verbose=False, download_files=str(folder))
    return np.array(Image.open(client.predict(handle_file(CAT), model="lite", scale=2.5, tile=64, api_name="/upscale")))


def expected_pixels() -> np.ndarray:
    return Upscaler(load_family("lite"), "cpu", 64)(np.array(Image.open(CAT).convert("RGB")), 2.5)


@pytest.mark.slow
def test_a_space_without_weights_fetches_them_from_the_hub(hub, tmp_path):
    folder = space.assemble(tmp_path / "space")
    publish_by_hand(folder, hub)
    shutil.rmtree(folder / "zoo" / "checkpoints")
    with started(folder, tmp_path / "home", HF_ENDPOINT=hub.url) as (url, _):
        assert hub.log == []
        assert np.array_equal(upscale(url, tmp_path), expected_pixels())
    for name in ("caesr-lite-x2", "caesr-lite-x3", "caesr-lite-x4"):
        sha256 = zoo.info(name).sha256["model.safetensors"]
        assert hub.log.count(f"GET /storage/{sha256}/model.safetensors 200") == 1


@pytest.mark.slow
def test_a_space_starts_without_the_hub_and_logs_that_it_uses_its_own_copy(tmp_path):
    folder = space.assemble(tmp_path / "space")
    publish_by_hand(folder)
    with started(folder, tmp_path / "home", HF_ENDPOINT="http://127.0.0.1:9") as (url, log):
        assert np.array_equal(upscale(url, tmp_path), expected_pixels())
        assert "http://127.0.0.1:9 does not answer" in log.read_text()
        assert "Using the copy that ships with CAESR" in log.read_text()


def describe(family: str, language: str = "en") -> str:
    """Return what the page says about a family."""
    request = SimpleNamespace(headers={"accept-language": language})
    return about_model(UpscaleOptions(model=family), None, Device(), request)


def test_the_page_says_that_it_uses_the_shipped_copy(project):
    assert "<br>" not in describe("lite")  # nothing is published, so the Hub is not asked
    publish_by_hand(project)
    for language, words in (("en-GB", "copy that ships with CAESR"), ("zh-CN", "自带的副本")):
        text = describe("lite", language)
        assert words in text
        assert "caesr-lite-x2, caesr-lite-x3, caesr-lite-x4" in text


def test_the_page_mentions_no_copy_if_the_hub_answered(project, hub, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    publish_by_hand(project, hub)
    assert "<br>" not in describe("lite")
    assert any(line.startswith("GET /storage") for line in hub.log)


def test_the_page_says_how_to_fetch_what_neither_the_hub_nor_the_disk_has(project):
    publish_by_hand(project)
    shutil.rmtree(catalogue.CHECKPOINTS)
    assert "hf download someone/caesr-lite-x2" in describe("lite")
