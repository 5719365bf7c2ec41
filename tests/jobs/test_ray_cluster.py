"""The Ray engine: a worker may be killed at any time, and the results are those of one machine all the same."""

import json
import os
import signal
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from caesr import Upscaler
from caesr.cli import main
from caesr.jobs.batch import Batch, run_batch, weights_digest
from caesr.jobs.report import Job, Report, Status
from caesr.jobs.runner import Engine, load_upscalers, local_engine
from caesr.options import OutputOptions, UpscaleOptions
from tests.jobs.command import contents, picture
from tests.jobs.command import report as rows

ray = pytest.importorskip("ray", reason="LEFT OUT: Ray is not installed (pip install 'caesr[scale]').")
from caesr.jobs import ray_cluster  # noqa: E402

pytestmark = pytest.mark.slow

PICTURES = 12
OPTIONS = UpscaleOptions("lite", scale=2, device="cpu")
PNG = OutputOptions()


@pytest.fixture(scope="module", autouse=True)
def two_workers() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    memory = ray_cluster.OBJECT_STORE_BYTES
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=memory)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def upscalers() -> dict[str, Upscaler]:
    return load_upscalers(OPTIONS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures, half of them in a sub-folder, all different."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        picture(folder / ("sub" if number % 2 else "") / f"{number}.png", 40 + number, 36)
    return folder


def quiet(*_: object, **__: object) -> None:
    """Say nothing."""


def run(engine: Engine, upscalers: dict[str, Upscaler], pictures: Path, out: Path) -> Report:
    """Upscale the pictures by an engine."""
    report = Report()
    batch = Batch([str(pictures)], str(out), OPTIONS, PNG, weights_digest(list(upscalers["lite"].models.values())))
    run_batch(batch, engine, report, say=quiet)
    return report


def test_a_worker_is_killed_and_nothing_is_lost_or_done_twice(upscalers, pictures, tmp_path, capsys):
    said: list[str] = []
    engine = ray_cluster.ray_engine(upscalers, OPTIONS, PNG, say=said.append)
    killed: list[str] = []

    def killing(jobs: Iterable[Job]) -> Generator[Status]:
        with closing(engine(jobs)) as statuses:
            for number, status in enumerate(statuses):
                if number == 2:  # this worker has begun its next picture
                    os.kill(int(status.worker.split(":")[1]), signal.SIGKILL)
                    killed.append(status.worker)
                yield status

    report = run(killing, upscalers, pictures, tmp_path / "cluster")
    assert killed
    assert any("its worker ended" in line for line in said)
    assert report.summary() == f"{PICTURES} upscaled, 0 failed"
    lines = [json.loads(line) for line in (tmp_path / "cluster/manifest.jsonl").read_text().splitlines()]
    done = [line for line in lines if "result" in line]
    names = sorted(line["name"] for line in done)
    assert names == sorted(file.relative_to(pictures).as_posix() for file in pictures.rglob("*.png"))
    assert len({line["worker"] for line in done}) > 1
    assert list(rows(tmp_path / "cluster")) == names

    run(local_engine(upscalers, OPTIONS, PNG, quiet), upscalers, pictures, tmp_path / "alone")
    assert contents(tmp_path / "cluster") == contents(tmp_path / "alone")
    command = ["batch", str(pictures), str(tmp_path / "alone"), "--engine", "ray", "--scale", "2", "--device", "cpu"]
    assert main([*command, "-m", "lite"]) == 0
    assert f"0 upscaled, {PICTURES} done already" in capsys.readouterr().err  # one manifest for both


def test_auto_chooses_on_a_cluster_as_on_one_machine(tmp_path):
    clean = picture(tmp_path / "in/clean.png", 200, 132)
    Image.open(clean).save(tmp_path / "in/compressed.jpg", quality=40)
    for engine in ("ray", "local"):
        words = ["batch", str(tmp_path / "in"), str(tmp_path / engine), "--engine", engine, "-s2", "--device", "cpu"]
        assert main(words) == 0
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    reasons = {name: row["notes"] for name, row in rows(tmp_path / "ray").items()}
    assert reasons == {name: row["notes"] for name, row in rows(tmp_path / "local").items()}
    assert "using Photo" in reasons["compressed.jpg"]
    assert "using Faithful" in reasons["clean.png"]


def test_a_picture_over_which_every_worker_ends_is_a_failure_and_stops_no_other(
    upscalers, pictures, tmp_path, monkeypatch
):
    class DeadlyWorker(ray_cluster.Worker):
        def run(self, job: Job) -> Status:
            if job.picture.name == "4.png":
                os.kill(os.getpid(), signal.SIGKILL)
            return super().run(job)

    monkeypatch.setattr(ray_cluster, "Worker", DeadlyWorker)
    engine = ray_cluster.ray_engine(upscalers, OPTIONS, PNG, cores=2, say=quiet)
    report = run(engine, upscalers, pictures, tmp_path)
    assert report.written == PICTURES - 1
    [(source, reason)] = report.failed.items()
    assert source == str(pictures / "4.png")
    assert "workers ended over it" in reason


def test_a_failure_comes_back_as_a_sentence(upscalers, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").write_bytes(b"no picture")
    report = run(
        ray_cluster.ray_engine(upscalers, OPTIONS, PNG, say=quiet), upscalers, tmp_path / "in", tmp_path / "out"
    )
    assert list(report.failed.values()) == ["a.png is a text, no picture; get the picture itself."]


def test_workers_that_never_start_are_said(upscalers, pictures, tmp_path, monkeypatch):
    class StillbornWorker(ray_cluster.Worker):
        def __init__(self, *_: object):
            raise OSError("no such device")

    monkeypatch.setattr(ray_cluster, "Worker", StillbornWorker)
    with pytest.raises(RuntimeError, match="Workers cannot be started"):
        run(ray_cluster.ray_engine(upscalers, OPTIONS, PNG), upscalers, pictures, tmp_path)


def test_a_cluster_without_room_is_said_before_anything_is_done(upscalers):
    with pytest.raises(RuntimeError, match="no room"):
        ray_cluster.ray_engine(upscalers, OPTIONS, PNG, cores=64)
