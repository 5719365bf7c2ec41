"""Visitors' files in Gradio's cache are removed when they are old."""

import os
import time
from pathlib import Path

from caesr.page.cache_cleaner import remove_old_files


def make_older(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_old_files_are_removed_and_those_of_the_page_are_kept(tmp_path):
    for name, age in (("old", 4000), ("new", 10), ("example", 4000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cat.png").touch()
        make_older(tmp_path / name / "cat.png", age)
    remove_old_files(tmp_path, 3600, {tmp_path / "example" / "cat.png"})
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.png")} == {"new/cat.png", "example/cat.png"}


def test_a_folder_is_removed_when_it_has_been_empty_for_as_long(tmp_path):
    (tmp_path / "just").mkdir()
    (tmp_path / "long").mkdir()
    make_older(tmp_path / "long", 4000)
    remove_old_files(tmp_path, 3600)
    assert [folder.name for folder in tmp_path.iterdir()] == ["just"]


def test_a_folder_that_is_not_there_yet_is_no_error(tmp_path):
    remove_old_files(tmp_path / "gradio", 3600)
