"""What visitors brought and got does not stay."""

import os
import time
from pathlib import Path

from caesr.page.cache_cleaner import sweep


def aged(path: Path, seconds: float) -> Path:
    os.utime(path, (time.time() - seconds, time.time() - seconds))
    return path


def test_what_is_older_is_removed_and_what_the_page_needs_is_kept(tmp_path):
    for name in ("old", "new", "example"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cat.png").touch()
        aged(tmp_path / name / "cat.png", 10 if name == "new" else 4000)
    sweep(tmp_path, 3600, {tmp_path / "example" / "cat.png"})
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.png")} == {"new/cat.png", "example/cat.png"}


def test_a_folder_goes_when_it_has_been_empty_for_as_long(tmp_path):
    (tmp_path / "just").mkdir()
    (tmp_path / "long").mkdir()
    aged(tmp_path / "long", 4000)
    sweep(tmp_path, 3600)
    assert [folder.name for folder in tmp_path.iterdir()] == ["just"]


def test_where_there_is_nothing_yet_nothing_happens(tmp_path):
    sweep(tmp_path / "gradio", 3600)
