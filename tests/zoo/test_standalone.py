"""The zoo alone: it fetches with huggingface-hub, safetensors and the standard library, without torch or caesr."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tests.conftest import ROOT
from tests.hub_server import publish_by_hand
from tests.zoo.environments import link_packages
from zoo.checkpoint_files import FILES, sha256

NAME = "caesr-lite-x2"
HEAVY = ("torch", "numpy", "PIL", "pyvips", "gradio", "caesr")


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    return link_packages(tmp_path_factory.mktemp("site") / "packages", ["huggingface-hub", "safetensors"])


@pytest.fixture
def project(tmp_path) -> Path:
    """A folder that holds the zoo and nothing else."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "zoo", folder / "zoo", ignore=shutil.ignore_patterns("__pycache__", "stages"))
    return folder


@pytest.fixture
def run(packages, project, tmp_path):
    """Run Python in the folder; returns the lines of its output."""

    def run(*arguments: str, **environment: str) -> list[str]:
        known = {"PYTHONPATH": str(packages), "HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": "1"}
        command = [sys.executable, "-S", *arguments]  # -S: without the site-packages of this interpreter
        done = subprocess.run(command, cwd=project, env=known | environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def is_whole(folder: str) -> bool:
    return all(sha256(Path(folder) / file) == zoo.info(NAME).sha256[file] for file in FILES)


def test_nothing_heavy_can_be_imported_in_these_tests(run):
    code = f"import importlib.util; print([name for name in {HEAVY} if importlib.util.find_spec(name)])"
    assert run("-c", code) == ["[]"]


def test_the_shipped_copy_is_found(run, project):
    folder = str(project / "zoo" / "checkpoints" / NAME)
    assert run("-m", "zoo", "fetch", NAME) == [folder]
    assert run("-c", f"import zoo; print(zoo.fetch({NAME!r}))") == [folder]
    assert is_whole(folder)


def test_a_published_checkpoint_comes_from_the_hub(run, project, hub, tmp_path):
    publish_by_hand(project, hub)
    shutil.rmtree(project / "zoo" / "checkpoints")
    (folder,) = run("-m", "zoo", "fetch", NAME, HF_ENDPOINT=hub.url)
    assert Path(folder).is_relative_to(tmp_path / "hub")
    assert is_whole(folder)
    assert run("-c", f"import zoo; print(zoo.fetch({NAME!r}))", HF_HUB_OFFLINE="1") == [folder]


def test_any_repository_comes_from_the_hub(run, hub, files):
    commit = hub.add("any.body/net", files)
    (folder,) = run("-c", "import zoo; print(zoo.fetch('any.body/net'))", HF_ENDPOINT=hub.url)
    assert Path(folder).name == commit
