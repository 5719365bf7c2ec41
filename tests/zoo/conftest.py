"""Fixtures of the tests of the zoo: a copy of the project to publish from, and the right to publish."""

from pathlib import Path

import pytest

from tests.hub_server import TOKEN, Hub
from zoo import catalogue, space


@pytest.fixture
def token(hub: Hub, monkeypatch) -> str:
    """The token of the Hub's owner, in HF_TOKEN."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return TOKEN


@pytest.fixture
def project(monkeypatch, tmp_path) -> Path:
    """A copy of the project, in which the zoo reads and writes."""
    folder = space.assemble(tmp_path / "project")
    monkeypatch.setattr(space, "ROOT", folder)
    monkeypatch.setattr(space, "README", folder / "README.md")
    monkeypatch.setattr(catalogue, "CATALOGUE", folder / "zoo" / "catalogue.json")
    monkeypatch.setattr(catalogue, "CHECKPOINTS", folder / "zoo" / "checkpoints")
    return folder
