"""The Space: what goes there is what the page needs, it starts there, and it says where its weights come from."""

import re
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gradio_client import Client, handle_file
from huggingface_hub import metadata_load
from packaging.requirements import Requirement
from PIL import Image

import zoo
from caesr import Upscaler
from caesr.model.family import load_family
from caesr.page import controls, settings
from tests.browsing import sound
from tests.conftest import ROOT
from tests.hub_server import OWNER, TOKEN, Hub, publish_by_hand
from tests.serving import served
from zoo import catalogue, space
from zoo.cli import main

CAT = ROOT / "examples" / "cat.png"
REPO = "someone/enlarger"


@pytest.fixture
def server(monkeypatch) -> Iterator[Hub]:
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


@pytest.fixture
def mine(monkeypatch, tmp_path) -> Path:
    """A project of one's own: what it publishes and writes stays there."""
    folder = space.assemble(tmp_path / "mine")
    monkeypatch.setattr(space, "ROOT", folder)
    monkeypatch.setattr(space, "README", folder / "README.md")
    monkeypatch.setattr(catalogue, "CATALOGUE", folder / "zoo" / "catalogue.json")
    monkeypatch.setattr(catalogue, "CHECKPOINTS", folder / "zoo" / "checkpoints")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_front_matter_says_what_spaces_need_to_know():
    front = metadata_load(ROOT / "README.md")
    pins = dict(re.findall(r"^([\w-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == pins["gradio"]
    assert isinstance(front["python_version"], str)  # 3.10 as a number would be 3.1
    assert (ROOT / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60
    assert front["license"] == zoo.info(zoo.names()[0]).licence.lower()


def test_the_front_matter_names_what_is_published_at_the_revisions_of_the_catalogue():
    text = (ROOT / "README.md").read_text()
    assert text == space.front_matter(text, catalogue.read().values()), "run: python -m zoo space"


def test_publishing_enters_the_checkpoints_into_the_front_matter(server, mine):
    before = metadata_load(space.README)
    names = ["caesr-lite-x2", "caesr-lite-x3"]
    assert main(["publish", "--namespace", OWNER, *names]) == 0
    front = metadata_load(space.README)
    for name in names:
        commit = server.repositories[f"someone/{name}"].find("main")
        assert f"someone/{name}" in front["models"]
        assert f"someone/{name} config.json,model.safetensors {commit}" in front["preload_from_hub"]
    assert (
        len(front["models"])
        == len(front["preload_from_hub"])
        == len([e for e in catalogue.read().values() if e.revision])
    )
    assert {**front, "models": 0, "preload_from_hub": 0} == {**before, "models": 0, "preload_from_hub": 0}
    text = space.README.read_text()
    assert main(["space"]) == 0
    assert space.README.read_text() == text


def test_a_space_is_what_the_page_needs_and_nothing_else(tmp_path):
    folder = space.assemble(tmp_path)
    expected = {"app.py", "caesr", "zoo", "requirements.txt", "README.md", "LICENSE", "examples", "docs"}
    assert {path.name for path in folder.iterdir()} == expected
    assert {path.name for path in (folder / "docs").iterdir()} == {
        "page.png",
        "compare.png",
        "contact_sheet.png",
        "degraded.jpg",
    }
    assert not [path for path in folder.rglob("*") if path.name == "__pycache__" or path.name.startswith(".")]
    for picture in re.findall(r"!\[.*?\]\((.+?)\)", (folder / "README.md").read_text()):
        assert (folder / picture).is_file()
    for name in zoo.names():
        assert contents(folder / "zoo" / "checkpoints" / name) == contents(catalogue.CHECKPOINTS / name)


def test_a_space_is_made_and_kept_equal_to_what_is_here(server, mine, tmp_path, capsys, caplog):
    push = ["space", "--repo", REPO]
    assert main([*push, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "zoo/checkpoints/caesr-lite-x2/model.safetensors" in said
    assert server.log == []

    assert main(push) == 0
    repository = server.repositories[f"spaces/{REPO}"]
    assert repository.sdk == "gradio"
    there = repository.commits[repository.find("main")]
    assert there.pop(".gitattributes")
    assert there == contents(space.assemble(tmp_path / "expected", REPO))
    assert b"thumbnail: " + f"{server.url}/spaces/{REPO}/resolve/main/docs/page.png".encode() in there["README.md"]

    commits = len(repository.commits)
    assert main(push) == 0
    assert len(repository.commits) == commits  # nothing has changed: nothing is committed
    (mine / "examples" / "rocket.png").unlink()
    (mine / "examples" / "README.md").write_text("Three pictures.")
    assert main(push) == 0
    now = repository.commits[repository.find("main")]
    assert set(there) - set(now) == {"examples/rocket.png"}
    assert now["examples/README.md"] == b"Three pictures."
    assert TOKEN not in said + "".join(capsys.readouterr()) + caplog.text


def test_who_may_not_push_a_space_is_told_why(server, capsys):
    assert main(["space", "--repo", "another/enlarger"]) == 2
    assert "may not write there" in capsys.readouterr().err


def test_the_image_copies_what_a_space_holds_and_its_context_has_it():
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for line in copied for name in line.split()}
    assert copied == {*space.CONTENTS, "constraints.txt"}
    admitted = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(admitted) == copied


def requirements_only(folder: Path) -> Path:
    """A site-packages that holds what requirements.txt asks for, as it is installed here, and nothing else."""
    installed = Path(sysconfig.get_path("purelib"))
    folder.mkdir()
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    todo, done = [Requirement(line) for line in lines if line], set()
    while todo:
        requirement = todo.pop()
        if requirement.name in done:
            continue
        done.add(requirement.name)
        found = distribution(requirement.name)
        for name in {file.parts[0] for file in found.files or []} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(installed / name)
        for further in map(Requirement, found.requires or []):
            if not further.marker or any(further.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
                todo.append(further)
    return folder


def test_a_space_in_these_tests_sees_nothing_that_its_requirements_do_not_bring(tmp_path):
    names = {path.name for path in requirements_only(tmp_path / "site").iterdir()}
    assert {"torch", "gradio", "pyvips", "huggingface_hub"} < names
    assert not names & {"caesr", "zoo", "pytest", "playwright", "hypothesis"}


@contextmanager
def started(folder: Path, home: Path, **environment: str) -> Iterator[tuple[str, Path]]:
    """The page of a Space: its address and its log. Of this project and this machine it sees nothing else."""
    home.mkdir()
    known = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(requirements_only(home / "site"))}
    known |= {"HF_HUB_DISABLE_XET": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "app.py"]  # -S: no site-packages of this interpreter, no editable install in it
    with served(home, command, folder, known, **environment) as page:
        yield page.url, page.log
    sound(page)


def enlarged(url: str, folder: Path) -> np.ndarray:
    client = Client(url, verbose=False, download_files=str(folder))
    return np.array(Image.open(client.predict(handle_file(CAT), "lite", 2.5, 64, api_name="/upscale")))


def expected() -> np.ndarray:
    return Upscaler(load_family("lite"), "cpu", 64)(np.array(Image.open(CAT).convert("RGB")), 2.5)


def test_a_space_without_weights_has_them_from_the_hub(server, tmp_path):
    folder = space.assemble(tmp_path / "space")
    publish_by_hand(folder, server)
    shutil.rmtree(folder / "zoo" / "checkpoints")
    with started(folder, tmp_path / "home", HF_ENDPOINT=server.url) as (url, _):
        assert server.log == []
        assert np.array_equal(enlarged(url, tmp_path), expected())
    for name in ("caesr-lite-x2", "caesr-lite-x3", "caesr-lite-x4"):
        sha256 = zoo.info(name).sha256["model.safetensors"]
        assert server.log.count(f"GET /storage/{sha256}/model.safetensors 200") == 1


def test_a_space_starts_without_the_hub_and_says_that_it_uses_its_own_copy(tmp_path):
    folder = space.assemble(tmp_path / "space")
    publish_by_hand(folder)
    with started(folder, tmp_path / "home", HF_ENDPOINT="http://127.0.0.1:9") as (url, log):
        assert np.array_equal(enlarged(url, tmp_path), expected())
        assert "http://127.0.0.1:9 does not answer" in log.read_text()
        assert "Using the copy that ships with CAESR" in log.read_text()


@pytest.fixture
def describe(mine) -> Iterator[Callable[..., str]]:
    """What the page says of a family, in a language."""
    settings.found.cache_clear()
    yield lambda family, language: controls.describe(
        settings.Settings(family), None, SimpleNamespace(headers={"accept-language": language})
    )
    settings.found.cache_clear()


def test_the_page_says_so_too(describe, mine):
    assert describe("lite", "en").count("\n") == 0  # nothing is published, and nothing was asked for
    publish_by_hand(mine)
    settings.found.cache_clear()
    for language, words in (("en-GB", "copy that ships with CAESR"), ("zh-CN", "自带的副本")):
        line = describe("lite", language)
        assert words in line
        assert "caesr-lite-x2, caesr-lite-x3, caesr-lite-x4" in line


def test_the_page_says_nothing_of_it_where_the_hub_answered(describe, mine, server, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    publish_by_hand(mine, server)
    assert describe("lite", "en").count("\n") == 0
    assert any(line.startswith("GET /storage") for line in server.log)


def test_the_page_says_what_is_missing_where_neither_has_it(describe, mine):
    publish_by_hand(mine)
    shutil.rmtree(catalogue.CHECKPOINTS)
    assert "hf download someone/caesr-lite-x2" in describe("lite", "en")
