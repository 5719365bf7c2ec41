"""Atomic writes: a file is complete or not there, and only the files of killed writers are removed."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from caesr.files.atomic import atomic_write, remove_abandoned, scratch_file
from tests.conftest import ROOT

WRITER = """
import sys
from pathlib import Path
from caesr.files.atomic import atomic_write
with atomic_write(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("half", flush=True)
    sys.stdin.readline()
    part.write_text("complete")
"""
needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


def list_names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def start_writer(path: Path) -> subprocess.Popen[str]:
    """Start a process that has written half of a file, and writes the rest when it reads a line."""
    command = [sys.executable, "-c", WRITER, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    return process


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("before")
    with atomic_write(path) as part:
        part.write_text("after")
        assert path.read_text() == "before"
        assert part.parent == tmp_path
    assert path.read_text() == "after"
    assert list_names(tmp_path) == ["a"]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("before")
    with contextlib.suppress(ZeroDivisionError), atomic_write(path) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert list_names(tmp_path) == ["a"]


@pytest.mark.slow
@needs_locks
def test_the_file_of_a_killed_writer_is_removed_and_that_of_a_running_one_is_not(tmp_path: Path):
    killed, running = start_writer(tmp_path / "killed"), start_writer(tmp_path / "running")
    killed.kill()
    killed.communicate()
    assert len(list_names(tmp_path)) == 2
    remove_abandoned(tmp_path)
    assert len(list_names(tmp_path)) == 1
    running.communicate("go on\n")
    assert running.returncode == 0
    assert list_names(tmp_path) == ["running"]
    assert (tmp_path / "running").read_text() == "complete"


@needs_locks
def test_a_file_that_is_removed_before_it_is_locked_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import fcntl

    lock, removed = fcntl.flock, []

    def lock_late(file: object, operation: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            removed[0].unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with atomic_write(tmp_path / "a") as part:
        part.write_text("complete")
    assert (tmp_path / "a").read_text() == "complete"
    assert removed


@needs_locks
@pytest.mark.parametrize("write", [atomic_write, scratch_file])
def test_ctrl_c_while_the_hidden_file_is_being_created_leaves_nothing(tmp_path: Path, monkeypatch, write):
    def lock_and_be_stopped(*_: object) -> None:
        assert list_names(tmp_path) != []
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("fcntl.flock", lock_and_be_stopped)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), write(tmp_path / "a"):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert list_names(tmp_path) == []


def test_other_files_are_not_removed(tmp_path: Path):
    for name in (".part", f"{'0' * 32}.part", f".{'0' * 31}.part", f".{'0' * 32}.png"):
        (tmp_path / name).write_text("mine")
    remove_abandoned(tmp_path)
    assert len(list_names(tmp_path)) == 4
    remove_abandoned(tmp_path / "nowhere")
