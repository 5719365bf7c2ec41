"""The Space: it holds what the page needs and nothing else, and is kept up to date."""

import re
from pathlib import Path

import pytest
from huggingface_hub import metadata_load

import zoo
from tests.conftest import ROOT
from tests.hub_server import OWNER
from zoo import catalogue, space
from zoo.cli import main

pytestmark = pytest.mark.slow

REPO = "someone/upscaler"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_the_front_matter_configures_the_space():
    front = metadata_load(ROOT / "README.md")
    pins = dict(re.findall(r"^([\w-]+)==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert front["sdk"] == "gradio"
    assert front["sdk_version"] == pins["gradio"]
    assert isinstance(front["python_version"], str)  # 3.10 as a number would be 3.1
    assert (ROOT / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60
    assert front["license"] == zoo.info(zoo.names()[0]).licence.lower()


def test_the_front_matter_lists_the_published_checkpoints_of_the_catalogue():
    text = (ROOT / "README.md").read_text()
    assert text == space.update_front_matter(text, catalogue.read().values()), "run: python -m zoo space"


def test_publishing_adds_the_checkpoints_to_the_front_matter(hub, token, project):
    before = metadata_load(space.README)
    names = ["caesr-lite-x2", "caesr-lite-x3"]
    assert main(["publish", "--namespace", OWNER, *names]) == 0
    front = metadata_load(space.README)
    for name in names:
        commit = hub.repositories[f"someone/{name}"].find("main")
        assert f"someone/{name}" in front["models"]
        assert f"someone/{name} config.json,model.safetensors {commit}" in front["preload_from_hub"]
    published = [entry for entry in catalogue.read().values() if entry.revision]
    assert len(front["models"]) == len(front["preload_from_hub"]) == len(published)
    assert {**front, "models": 0, "preload_from_hub": 0} == {**before, "models": 0, "preload_from_hub": 0}
    text = space.README.read_text()
    assert main(["space"]) == 0
    assert space.README.read_text() == text


def test_a_space_is_what_the_page_needs_and_nothing_else(tmp_path):
    folder = space.assemble(tmp_path)
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", (folder / "README.md").read_text())
    for name in contents(folder):
        assert name in pictures or name.split("/")[0] in space.CONTENTS, name
        assert "__pycache__" not in name
        assert not Path(name).name.startswith(".")
    assert set(pictures) <= contents(folder).keys()
    for name in zoo.names():
        assert contents(folder / "zoo" / "checkpoints" / name) == contents(catalogue.CHECKPOINTS / name)


def test_a_space_is_created_and_kept_equal_to_the_project(hub, token, project, tmp_path, capsys, caplog):
    push = ["space", "--repo", REPO]
    assert main([*push, "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert "zoo/checkpoints/caesr-lite-x2/model.safetensors" in output
    assert hub.log == []

    assert main(push) == 0
    repository = hub.repositories[f"spaces/{REPO}"]
    assert repository.sdk == "gradio"
    first = repository.commits[repository.find("main")]
    assert first.pop(".gitattributes")
    assert first == contents(space.assemble(tmp_path / "expected", REPO))
    front = metadata_load(tmp_path / "expected" / "README.md")
    address, picture = front["thumbnail"].split("/resolve/main/")
    assert address == f"{hub.url}/spaces/{REPO}"
    assert picture in first

    commits = len(repository.commits)
    assert main(push) == 0
    assert len(repository.commits) == commits  # nothing has changed: nothing is committed
    (project / "examples" / "rocket.png").unlink()
    (project / "examples" / "README.md").write_text("Three pictures.")
    assert main(push) == 0
    second = repository.commits[repository.find("main")]
    assert set(first) - set(second) == {"examples/rocket.png"}
    assert second["examples/README.md"] == b"Three pictures."
    assert token not in output + "".join(capsys.readouterr()) + caplog.text


def test_a_refused_push_is_explained(hub, token, capsys):
    assert main(["space", "--repo", "another/upscaler"]) == 2
    assert "may not write there" in capsys.readouterr().err


def test_the_docker_image_copies_what_a_space_holds():
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    copied = {name for line in copied for name in line.split()}
    assert copied == {*space.CONTENTS, "constraints.txt"}
    admitted = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(admitted) == copied
