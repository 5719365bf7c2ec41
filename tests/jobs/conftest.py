"""Fixtures: a folder of pictures, and where their results go."""

from pathlib import Path

import pytest

from tests.jobs.command import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two pictures and one more below it."""
    for name in ("a.png", "b.png", "sub/a.png"):
        picture(tmp_path / "in" / name)
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a folder for results, which is not there yet."""
    return tmp_path / "out"
