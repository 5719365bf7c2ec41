"""Files are there whole or not at all, and what the dead left is told from what the living write."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from caesr.files import atomic
from caesr.files.atomic import remove_abandoned
from tests.conftest import ROOT

WRITER = """
import sys
from pathlib import Path
from caesr.files.atomic import atomic_write
with atomic_write(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("begun", flush=True)
    sys.stdin.readline()
    part.write_text("whole")
"""


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def writer(path: Path) -> subprocess.Popen[str]:
    """A process that has written half of a file, and writes the rest when it is told to."""
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("before")
    with atomic.atomic_write(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
        assert part.parent == tmp_path
    assert path.read_text() == "after"
    assert names(tmp_path) == ["a"]


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("before")
    with contextlib.suppress(ZeroDivisionError), atomic.atomic_write(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path):
    dead, alive = writer(tmp_path / "dead"), writer(tmp_path / "alive")
    dead.kill()
    dead.communicate()
    assert len(names(tmp_path)) == 2
    remove_abandoned(tmp_path)
    assert len(names(tmp_path)) == 1
    alive.communicate("go on\n")
    assert alive.returncode == 0
    assert names(tmp_path) == ["alive"]
    assert (tmp_path / "alive").read_text() == "whole"


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
def test_one_that_is_swept_before_it_has_its_lock_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lock, swept = atomic.fcntl.flock, []

    def late(file: object, how: int) -> None:
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        lock(file, how)

    monkeypatch.setattr(atomic.fcntl, "flock", late)
    with atomic.atomic_write(tmp_path / "a") as part:
        part.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"
    assert swept


def test_nothing_else_is_swept(tmp_path: Path):
    for name in (".part", f"{'0' * 32}.part", f".{'0' * 31}.part", f".{'0' * 32}.png"):
        (tmp_path / name).write_text("mine")
    remove_abandoned(tmp_path)
    assert len(names(tmp_path)) == 4
    remove_abandoned(tmp_path / "nowhere")
