"""Many pictures on a GPU, whose engine runs on the CPU here: files are written while the next pictures are computed."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from caesr import Upscaler
from caesr.engine.pipeline import Pipeline
from caesr.engine.progress import Progress, Steps
from caesr.engine.tile_engine import TileEngine
from caesr.files import write
from caesr.files.listed import ListedPicture
from caesr.jobs import gpu_engine
from caesr.jobs.report import Job, Status
from caesr.jobs.runner import local_engine, run_job
from caesr.options import OutputOptions, UpscaleOptions
from tests.conftest import small
from tests.jobs.command import any_model, files

OPTIONS, PNG = UpscaleOptions("lite", scale=2.5), OutputOptions("png")
NAMES = "abcdef"


@pytest.fixture
def upscaler() -> Upscaler:
    upscaler = Upscaler(small(3), "cpu", 32)
    upscaler.tile_engine = TileEngine(upscaler.device)
    return upscaler


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(0)
    for n, name in enumerate(NAMES):
        image = random.integers(0, 256, (40 + 20 * n, 70, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / f"in/{name}.png")
    return [Job(ListedPicture(name), str(tmp_path / f"in/{name}.png"), str(tmp_path / f"{name}.png")) for name in NAMES]


def do(
    upscaler: Upscaler, jobs: list[Job], watch: Callable[[Job, Progress], None] = lambda job, progress: None
) -> dict[str, Status]:
    """Do jobs; return what became of each, by the names of their pictures, in the order in which they were done."""
    engine = local_engine(any_model(upscaler), OPTIONS, PNG, watch=watch)
    return {status.job.picture.name: status for status in engine(jobs)}


def made(folder: Path) -> set[str]:
    return {name for name in files(folder) if not name.startswith("in/")}


@pytest.mark.parametrize(("free_bytes", "small_pixels"), [(1e9, 70 * 80), (1, 0)])
def test_files_are_those_of_one_job_after_the_other(upscaler, jobs, tmp_path, monkeypatch, free_bytes, small_pixels):
    monkeypatch.setattr(gpu_engine, "free_memory", lambda: free_bytes)
    monkeypatch.setattr(gpu_engine, "SMALL_PIXELS", small_pixels)
    Path(jobs[1].source).write_text("no picture")
    seen: dict[str, list[Progress]] = {}
    found = do(upscaler, jobs, lambda job, progress: seen.setdefault(job.picture.name, []).append(progress))
    assert {name for name, status in found.items() if status.state == "failed"} == {"b"}
    assert "b.png" in found["b"].error
    assert made(tmp_path) == {f"{name}.png" for name in NAMES if name != "b"}
    for job in jobs:
        if job.picture.name != "b":
            steps = Steps(run_job(any_model(upscaler), Job(job.picture, job.source, job.target + "2"), OPTIONS, PNG))
            list(steps)
            assert Path(job.target).read_bytes() == Path(job.target + "2").read_bytes()
    for progress in seen.values():
        assert [step.done for step in progress] == sorted(step.done for step in progress)


def test_the_next_picture_does_not_wait_for_a_file_that_is_still_written(upscaler, jobs, tmp_path, monkeypatch):
    is_saving, may_save, save = Event(), Event(), write._save

    def slow(image, path, *rest):
        if not is_saving.is_set():  # the first
            is_saving.set()
            assert may_save.wait(60)
        save(image, path, *rest)

    monkeypatch.setattr(write, "_save", slow)
    statuses = local_engine(any_model(upscaler), OPTIONS, PNG)(jobs[:3])
    assert next(statuses).state == next(statuses).state == "done"
    assert len(made(tmp_path)) == 2 + 1  # and the hidden one that is begun
    may_save.set()
    assert next(statuses).state == "done"
    assert made(tmp_path) == {"a.png", "b.png", "c.png"}


def test_what_goes_wrong_on_the_device_is_said_of_the_picture_it_happened_to(upscaler, jobs, tmp_path, monkeypatch):
    compute = Pipeline.compute

    def sometimes_broken(pipeline, rows, columns):
        if pipeline.size[0] == 80:
            raise RuntimeError("A kernel failed.")
        return compute(pipeline, rows, columns)

    monkeypatch.setattr(Pipeline, "compute", sometimes_broken)
    found = do(upscaler, jobs)
    assert {name: status.error for name, status in found.items() if status.error} == {"c": "A kernel failed."}
    assert made(tmp_path) == {f"{name}.png" for name in NAMES if name != "c"}


def test_after_ctrl_c_there_are_whole_files_only(upscaler, jobs, tmp_path):
    def interrupt(job: Job, progress: Progress) -> None:
        if job.picture.name == "d" and progress.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        do(upscaler, jobs, interrupt)
    left = made(tmp_path)
    assert {"a.png", "b.png", "c.png"} <= left <= {f"{name}.png" for name in NAMES}
    for name in left:
        with Image.open(tmp_path / name) as image:
            image.load()


def test_on_a_cpu_there_is_one_job_after_the_other(jobs, monkeypatch):
    monkeypatch.setattr(gpu_engine, "run_jobs", lambda *_: pytest.fail("threads are for a GPU"))
    assert list(do(Upscaler(small(3), "cpu"), jobs[:2])) == ["a", "b"]
