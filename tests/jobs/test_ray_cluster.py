"""The Ray engine: a worker may be killed at any time, and the results are those of one machine all the same."""

import csv
import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from caesr import Upscaler
from caesr.cli import main
from caesr.jobs.bulk import enlarge_all, settings
from caesr.jobs.runner import Engine, Job, Outcome, Report, Wish, here
from caesr.model.family import load_family
from tests.conftest import ROOT

ray = pytest.importorskip("ray", reason="LEFT OUT: Ray is not installed (pip install 'caesr[scale]').")
from caesr.jobs import ray_cluster as cluster  # noqa: E402

PICTURES = 12
WISH = Wish(2)


@pytest.fixture(scope="module", autouse=True)
def two_workers() -> Iterator[None]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=cluster.SHELF)
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(load_family("lite"), "cpu", tile=512)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some in a sub-folder, all different."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "sub").mkdir()
    cat = Image.open(ROOT / "examples/cat.png").convert("RGB")
    for n in range(PICTURES):
        cat.resize((40 + n, 36)).save(folder / ("sub" if n % 2 else "") / f"{n}.png")
    return folder


def run(engine: Engine, upscaler: Upscaler, pictures: Path, out: Path, **ways: object) -> Report:
    made_by = settings(upscaler, WISH, "lite")
    return enlarge_all(engine, [str(pictures)], str(out), WISH, made_by, say=lambda *_: None, **ways)


def results(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    found = {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
    assert found.pop("manifest.jsonl")
    assert found.pop("report.csv")
    return found


def test_a_worker_is_killed_and_nothing_is_lost_or_done_twice(upscaler, pictures, tmp_path, capsys):
    said: list[str] = []
    engine = cluster.engine(upscaler, WISH, "cpu", say=said.append)
    killed: list[str] = []

    def killing(jobs: Iterator[Job]) -> Iterator[Outcome]:
        with closing(engine(jobs)) as outcomes:
            for n, outcome in enumerate(outcomes):
                if n == 2:  # this worker has begun its next picture
                    os.kill(int(outcome.worker.split(":")[1]), signal.SIGKILL)
                    killed.append(outcome.worker)
                yield outcome

    report = run(killing, upscaler, pictures, tmp_path / "cluster")
    assert killed
    assert any("its worker ended" in line for line in said)
    assert report.summary() == f"{PICTURES} enlarged, 0 failed"
    lines = [json.loads(line) for line in (tmp_path / "cluster/manifest.jsonl").read_text().splitlines()]
    names = sorted(line["name"] for line in lines if "name" in line)
    assert names == sorted(file.relative_to(pictures).as_posix() for file in pictures.rglob("*.png"))
    assert len({line["worker"] for line in lines if "name" in line}) > 1
    with (tmp_path / "cluster/report.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == names

    run(here(upscaler, WISH, lambda *_, **__: None), upscaler, pictures, tmp_path / "alone")
    assert results(tmp_path / "cluster") == results(tmp_path / "alone")
    command = ["batch", str(pictures), str(tmp_path / "alone"), "--engine", "ray", "--scale", "2", "--device", "cpu"]
    assert main([*command, "--resume"]) == 0
    assert f"0 enlarged, {PICTURES} there already" in capsys.readouterr().err  # one manifest for both


def test_a_picture_that_every_worker_dies_of_is_a_failure_and_stops_no_other(upscaler, pictures, tmp_path, monkeypatch):
    class Deadly(cluster.Worker):
        def enlarge(self, job: Job) -> Outcome:
            if job.found.name == "4.png":
                os.kill(os.getpid(), signal.SIGKILL)
            return super().enlarge(job)

    monkeypatch.setattr(cluster, "Worker", Deadly)
    engine = cluster.engine(upscaler, WISH, "cpu", cores=2, say=lambda *_: None)
    report = run(engine, upscaler, pictures, tmp_path)
    assert report.written == PICTURES - 1
    assert list(report.failed) == ["4.png"]
    assert "workers ended over it" in report.failed["4.png"]


def test_workers_that_never_start_are_said(upscaler, pictures, tmp_path, monkeypatch):
    class Stillborn(cluster.Worker):
        def __init__(self, *_: object):
            raise OSError("no such device")

    monkeypatch.setattr(cluster, "Worker", Stillborn)
    with pytest.raises(RuntimeError, match="Workers cannot be started"):
        run(cluster.engine(upscaler, WISH, "cpu"), upscaler, pictures, tmp_path)


def test_a_cluster_without_room_is_said_before_anything_is_done(upscaler):
    with pytest.raises(RuntimeError, match="no room"):
        cluster.engine(upscaler, WISH, "cpu", cores=64)
