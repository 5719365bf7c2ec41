"""Runs that cannot go on: what people are told, the exit code, and that nothing half-written is left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr import Upscaler
from caesr.jobs.runner import Wish, enlarge_files, here
from tests.conftest import ROOT, small

CAT = ROOT / "examples" / "cat.png"
RUN = "import sys; from caesr.__main__ import main; sys.exit(main())"
FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); " + RUN


def upscale(*arguments: object, code: str | None = None) -> subprocess.Popen[str]:
    """The command line; `code` runs it under conditions of its own."""
    return caesr("upscale", *arguments, code=code)


def caesr(verb: str, *arguments: object, code: str | None = None) -> subprocess.Popen[str]:
    way = ["-c", code] if code else ["-m", "caesr"]
    command = [sys.executable, *way, verb, *map(str, arguments), "--device", "cpu"]
    heard = None if sys.platform == "win32" else partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    # where the tests run in the background of a shell it would be ignored
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=heard)


def inputs(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        Image.open(CAT).convert("RGB").resize((24, 20)).save(folder / name)
    return folder


def enlarged(
    source: Path,
    out: Path,
    say: Callable[..., None] = lambda *_, **__: None,
    wish: Wish = Wish(2),  # noqa: B008
) -> dict[str, str]:
    """Enlarge a folder by a small network; what failed, and why."""
    report = enlarge_files(here(Upscaler(small(2), "cpu", 32), wish, say), [source], out, wish, say=say)
    return {name.split("] ")[1]: reason for name, reason in report.failed.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="other signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_so_and_keeps_only_what_is_whole(tmp_path: Path, number: signal.Signals):
    source, out = inputs(tmp_path / "in", "a.png"), tmp_path / "out"
    shutil.copy(CAT, source / "b.png")  # by eight symmetries of small tiles, it takes a while
    run = upscale(source, "-o", out, "--scale", 8, "--tile", 32, "--ensemble")
    while not ((out / "a_8x.png").exists() and list(out.glob(".*.part"))):
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    run.send_signal(number)
    _, said = run.communicate()
    assert run.returncode == 128 + number
    assert said.endswith("\ncaesr: stopped. What was finished is kept, and nothing is left half-written.\n")
    assert "Traceback" not in said
    assert [file.name for file in out.iterdir()] == ["a_8x.png"]
    assert Image.open(out / "a_8x.png").size == (192, 160)


@pytest.mark.parametrize("verb", ["upscale", "batch"])
def test_killed_in_mid_run_it_leaves_nothing_half_under_its_own_name_and_the_next_run_completes_it(
    tmp_path: Path, verb
):
    """SIGKILL, which no program hears; what is on the disk is as after a power failure."""
    source, out = inputs(tmp_path / "in", "a.png"), tmp_path / "out"
    shutil.copy(CAT, source / "b.png")
    where = [source, "-o", out] if verb == "upscale" else [source, out]
    names = ["a_8x.png", "b_8x.png"]
    arguments = [*where, "--scale", 8, "--tile", 32]
    run = caesr(verb, *arguments)
    while not ((out / names[0]).exists() and list(out.glob(".*.part"))):
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)
    run.kill()
    run.communicate()
    assert len(list(out.glob(".*.part"))) == 1
    assert [file.name for file in out.glob("*_8x.png")] == names[:1]
    before = (out / names[0]).read_bytes()
    again = caesr(verb, *arguments, "--resume")
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert "1 enlarged, 1 there already, 0 failed" in said
    assert sorted(file.name for file in out.glob("*_8x.png")) == names
    assert (out / names[0]).read_bytes() == before
    for name, size in zip(names, [(192, 160), (1808, 1200)], strict=True):
        with Image.open(out / name) as image:
            image.load()
            assert image.size == size
    assert not list(out.glob(".*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on files there")
def test_a_disk_that_is_full_is_said_and_what_fitted_is_kept(tmp_path: Path):
    """A limit on the size of files stands for the disk."""
    source = inputs(tmp_path / "in", "a.png")
    shutil.copy(CAT, source / "b.png")
    run = upscale(source, "-o", tmp_path / "out", "--scale", 2, code=FULL)
    _, said = run.communicate()
    assert run.returncode == 2
    assert "1 enlarged, 1 failed" in said
    assert "b_2x.png cannot be written (File too large); make room or choose another place." in said
    assert "Traceback" not in said
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a_2x.png"]


def test_a_disk_that_is_really_full_is_said_and_nothing_is_left_on_it(tmp_path: Path):
    """A disk of 64 kilobytes in memory, where this system lets us have one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    if (
        not mount
        or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode
    ):
        pytest.skip("only root may have a small disk")
    try:
        source = inputs(tmp_path / "in", "a.png")
        shutil.copy(CAT, source / "b.png")
        for format in ("png", "jpg", "webp", "tif"):
            failed = enlarged(source, disk, wish=Wish(2, format, 100))
            assert failed == {"b.png": failed["b.png"]}, format
            assert "cannot be written (No space left on device); make room" in failed["b.png"]
            (made,) = disk.iterdir()
            assert made.name == Wish(2, format).name("a.png")
            made.unlink()
    finally:
        subprocess.run(["umount", disk], check=True)  # it says no while a file is open, which would keep its room


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no folder that is closed to root, too")
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path: Path):
    """Permissions mean nothing to root; in /sys nobody makes a file or a folder."""
    source = inputs(tmp_path / "in", "a.png")
    failed = enlarged(source, Path("/sys/kernel"))
    assert failed["a.png"].startswith("/sys/kernel/a_2x.png cannot be written (")
    failed = enlarged(source, Path("/sys/kernel/out"))
    assert failed["a.png"].startswith("/sys/kernel/out: there can be no such folder (")
    for reason in (failed["a.png"], enlarged(source, source / "a.png" / "out")["a.png"]):
        assert reason.endswith("); choose another OUT.")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root writes wherever it likes")
def test_a_folder_without_permission_to_write_is_said(tmp_path: Path):
    (tmp_path / "out").mkdir(mode=0o555)
    failed = enlarged(inputs(tmp_path / "in", "a.png"), tmp_path / "out")
    assert "cannot be written (Permission denied); make room or choose another place." in failed["a.png"]


def test_an_input_that_is_removed_in_mid_run_fails_and_the_others_are_enlarged(tmp_path: Path):
    source = inputs(tmp_path / "in", "a.png", "b.png", "c.png")

    def remove(line: str, end: str = "\n") -> None:
        if line.startswith("[1/3]"):
            (source / "b.png").unlink(missing_ok=True)

    failed = enlarged(source, tmp_path / "out", say=remove)
    assert failed == {"b.png": f"There is no file {source / 'b.png'}; name a picture that is there."}
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a_2x.png", "c_2x.png"]


def test_an_output_folder_that_is_removed_in_mid_run_costs_one_picture(tmp_path: Path):
    source, out = inputs(tmp_path / "in", "a.png", "b.png"), tmp_path / "out"
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(source / "a.png")

    def remove(line: str, end: str = "\n") -> None:
        if line.startswith("[1/2] a.png: 1/"):
            shutil.rmtree(out)

    failed = enlarged(source, out, say=remove)
    assert list(failed) == ["a.png"]
    assert "cannot be written (No such file or directory)" in failed["a.png"]
    assert [file.name for file in out.iterdir()] == ["b_2x.png"]
