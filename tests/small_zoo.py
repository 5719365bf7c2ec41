"""Fixtures: a zoo with two small checkpoints, shipped, published on a small Hub, or there only."""

import shutil
from dataclasses import replace

import pytest

from tests.hub_server import Hub
from zoo import catalogue, client, space

NAME, REPO = "caesr-lite-x2", "someone/caesr-lite-x2"


@pytest.fixture
def hub(monkeypatch):
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(client, "unanswered", {})
        yield hub


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def nets(tmp_path_factory):
    """The folder of two small checkpoints, of scale 2 and 4."""
    from tests.conftest import small  # here, because conftest imports this file

    folder = tmp_path_factory.mktemp("nets")
    for scale in (2, 4):
        small(scale).save_pretrained(folder / f"caesr-lite-x{scale}")
    return folder


@pytest.fixture
def files(nets):
    """The files of the checkpoint of scale 2, by name."""
    return {file.name: file.read_bytes() for file in (nets / NAME).iterdir()}


@pytest.fixture
def shipped(nets, tmp_path, monkeypatch):
    """The checkpoints of the zoo: shipped, not published."""
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "catalogue.json")
    monkeypatch.setattr(catalogue, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr(space, "README", tmp_path / "README.md")  # missing, so it is not updated
    shutil.copytree(nets, catalogue.CHECKPOINTS)
    folders = sorted(catalogue.CHECKPOINTS.iterdir())
    catalogue.write({folder.name: catalogue.describe(folder, {}) for folder in folders})
    return catalogue.CHECKPOINTS


@pytest.fixture
def published(hub, shipped):
    """The Hub with the same checkpoints, published and still shipped."""
    entries = catalogue.read()
    for name, entry in entries.items():
        repo = f"someone/{name}"
        commit = hub.add(repo, {file.name: file.read_bytes() for file in (shipped / name).iterdir()})
        entries[name] = replace(entry, repo_id=repo, revision=commit)
    catalogue.write(entries)
    return hub


@pytest.fixture
def bare(published, shipped):
    """The Hub with the same checkpoints, no longer shipped."""
    shutil.rmtree(shipped)
    return published
