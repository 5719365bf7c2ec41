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
from caesr.engine.progress import Progress
from caesr.files.store import StoreError
from caesr.jobs.batch import Batch, run_batch
from caesr.jobs.report import Job, Report
from caesr.jobs.runner import local_engine
from caesr.options import OutputOptions, UpscaleOptions
from tests.conftest import ROOT, small
from tests.jobs.command import CAT, RECORDS, any_model, files, picture

IS_WINDOWS = sys.platform == "win32"
TWICE = UpscaleOptions("lite", scale=2)
PNG = OutputOptions()
FULL = (
    "import resource, sys; from caesr.cli import main; "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); sys.exit(main())"
)


def start(*arguments: object, code: str | None = None) -> subprocess.Popen[str]:
    """Start the command line; `code` runs it under conditions of its own."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "caesr"]), *map(str, arguments), "--device", "cpu"]
    listen = None if IS_WINDOWS else partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    # a shell has its background processes, of which the tests may be one, ignore it
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=listen)


def wait_for_the_second(run: subprocess.Popen[str], first: Path) -> None:
    """Wait until the first result is there and the second is being written."""
    while not (first.exists() and list(first.parent.glob(".*.part"))):
        assert run.poll() is None, run.communicate()[1]
        time.sleep(0.02)


def small_and_large(folder: Path) -> Path:
    """Return a folder of a picture that takes no time, and of one that takes a while."""
    picture(folder / "a.png")
    shutil.copy(CAT, folder / "b.png")
    return folder


def failures(
    source: Path,
    out: Path,
    upscale: UpscaleOptions = TWICE,
    output: OutputOptions = PNG,
    watch: Callable[[Job, Progress], None] = lambda job, progress: None,
) -> dict[str, str]:
    """Upscale a folder by a small network; return what failed, and why."""
    report, upscaler = Report(), Upscaler(small(2), "cpu", 32)
    engine = local_engine(any_model(upscaler), upscale, output, watch=watch)
    run_batch(Batch([str(source)], str(out), upscale, output, "weights"), engine, report, say=lambda line: None)
    return {Path(name).name: reason for name, reason in report.failed.items()}


@pytest.mark.slow
@pytest.mark.skipif(IS_WINDOWS, reason="other signals there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_so_and_keeps_only_what_is_whole(tmp_path: Path, number: signal.Signals):
    source, out = small_and_large(tmp_path / "in"), tmp_path / "out"
    run = start(source, "-o", out, "--scale", 8, "--tile", 32, "--ensemble")
    wait_for_the_second(run, out / "a_x8.png")
    run.send_signal(number)
    _, said = run.communicate()
    assert run.returncode == 128 + number
    assert said.endswith("\ncaesr: stopped. What was finished is kept, and nothing is left half-written.\n")
    assert "Traceback" not in said
    assert {file.name for file in out.iterdir()} == {"a_x8.png", *RECORDS}
    assert Image.open(out / "a_x8.png").size == (192, 160)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["upscale", "batch"])
def test_killed_in_mid_run_it_leaves_nothing_half_under_its_own_name_and_the_next_run_completes_it(
    tmp_path: Path, verb
):
    """SIGKILL, which no program hears; what is on the disk is as after a power failure."""
    source, out = small_and_large(tmp_path / "in"), tmp_path / "out"
    arguments = [verb, *([source, "-o", out] if verb == "upscale" else [source, out]), "--scale", 8, "--tile", 32]
    run = start(*arguments)
    wait_for_the_second(run, out / "a_x8.png")
    run.kill()
    run.communicate()
    assert len(list(out.glob(".*.part"))) == 1
    assert [file.name for file in out.glob("*_x8.png")] == ["a_x8.png"]
    before = (out / "a_x8.png").read_bytes()
    again = start(*arguments)
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert "1 upscaled, 1 done already, 0 failed" in said
    assert files(out) == {"a_x8.png", "b_x8.png"}
    assert (out / "a_x8.png").read_bytes() == before
    for name, size in (("a_x8.png", (192, 160)), ("b_x8.png", (1808, 1200))):
        with Image.open(out / name) as image:
            image.load()
            assert image.size == size


@pytest.mark.slow
@pytest.mark.skipif(IS_WINDOWS, reason="no limit on files there")
def test_a_disk_that_is_full_is_said_and_what_fitted_is_kept(tmp_path: Path):
    """A limit on the size of files stands for the disk."""
    run = start(small_and_large(tmp_path / "in"), "-o", tmp_path / "out", "--scale", 2, code=FULL)
    _, said = run.communicate()
    assert run.returncode == 2
    assert "1 upscaled, 1 failed" in said
    assert "b_x2.png cannot be written (File too large); make room or choose another place." in said
    assert "Traceback" not in said
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"a_x2.png", *RECORDS}


def test_a_disk_that_is_really_full_is_said_and_nothing_is_left_on_it(tmp_path: Path):
    """A disk of 64 kilobytes in memory, where this system lets us have one."""
    disk, mount = tmp_path / "disk", shutil.which("mount")
    disk.mkdir()
    command = [mount or "", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    if not mount or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may have a small disk")
    try:
        source = small_and_large(tmp_path / "in")
        for format in ("png", "jpg", "webp", "tif"):
            failed = failures(source, disk, output=OutputOptions(format, 100))
            assert list(failed) == ["b.png"], format
            assert "cannot be written (No space left on device); make room" in failed["b.png"]
            assert files(disk) == {f"a_x2.{format}"}
            for file in disk.iterdir():
                file.unlink()
    finally:
        subprocess.run(["umount", disk], check=True)  # it says no while a file is open, which would keep its room


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no folder that is closed to root, too")
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path: Path):
    """Permissions mean nothing to root; in /sys nobody makes a file or a folder."""
    source = picture(tmp_path / "in/a.png").parent
    for out in (Path("/sys/kernel"), Path("/sys/kernel/out"), source / "a.png" / "out"):
        with pytest.raises(StoreError, match=rf"^{out} cannot be written \(.+\); choose another OUTPUT\.$"):
            failures(source, out)


@pytest.mark.skipif(IS_WINDOWS or os.geteuid() == 0, reason="root writes wherever it likes")
def test_a_folder_without_permission_to_write_is_said(tmp_path: Path):
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(StoreError, match=r"cannot be written \(Permission denied\)"):
        failures(picture(tmp_path / "in/a.png").parent, tmp_path / "out")


def test_an_input_that_is_removed_in_mid_run_fails_and_the_others_are_upscaled(tmp_path: Path):
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path / "in" / name)
    gone = tmp_path / "in/b.png"

    def remove(job: Job, progress: Progress) -> None:
        if job.picture.name == "a.png":
            gone.unlink(missing_ok=True)

    failed = failures(tmp_path / "in", tmp_path / "out", watch=remove)
    assert failed == {"b.png": f"There is no file {gone}; name a picture that is there."}
    assert files(tmp_path / "out") == {"a_x2.png", "c_x2.png"}


def test_an_output_folder_that_is_removed_in_mid_run_costs_one_picture(tmp_path: Path):
    source, out = picture(tmp_path / "in/b.png").parent, tmp_path / "out"
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(source / "a.png")

    def remove(job: Job, progress: Progress) -> None:
        if (job.picture.name, progress.done) == ("a.png", 1):
            shutil.rmtree(out)

    failed = failures(source, out, watch=remove)
    assert list(failed) == ["a.png"]
    assert "cannot be written (No such file or directory)" in failed["a.png"]
    assert files(out) == {"b_x2.png"}
