"""Batch and run_batch: retries, kills, locks, object stores, and manifests of strangers."""

import hashlib
import json
import uuid
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from caesr import Upscaler
from caesr.cli import main
from caesr.engine.progress import Steps
from caesr.files import store
from caesr.files.listed import ListedPicture
from caesr.files.store import StoreError
from caesr.jobs.batch import Batch, run_batch, weights_digest
from caesr.jobs.report import Job, Report, Status
from caesr.jobs.runner import local_engine, run_job
from caesr.options import OutputOptions, UpscaleOptions
from tests.conftest import small
from tests.jobs.command import any_model, contents, files, picture, report, width
from zoo.messages import Message

TWICE = UpscaleOptions("lite", scale=2)
PNG = OutputOptions()


class Runner:
    """Batches of one folder of pictures, by a small network; `tried` is what the engine was given."""

    def __init__(self, upscaler: Upscaler, pictures: object, out: object):
        self.upscaler, self.pictures, self.out = upscaler, str(pictures), str(out)
        self.weights = weights_digest(list(upscaler.models.values()))
        self.tried: list[str] = []

    def batch(self, upscale: UpscaleOptions = TWICE, output: OutputOptions = PNG, **more: object) -> Batch:
        return Batch([self.pictures], self.out, upscale, output, self.weights, **more)  # type: ignore[arg-type]

    def __call__(
        self, upscale: UpscaleOptions = TWICE, output: OutputOptions = PNG, retry: int = 0, **more: object
    ) -> Report:
        """Run a batch and return its report, whose failures are listed by the names of their files."""
        self.tried, found = [], Report()
        inner = local_engine(any_model(self.upscaler), upscale, output, quiet)

        def engine(jobs: Iterable[Job]) -> Generator[Status]:
            for status in inner(jobs):
                self.tried.append(status.job.picture.name)
                yield status

        run_batch(self.batch(upscale, output, **more), engine, found, retry, quiet)
        found.failed = {source.rpartition("/")[2]: reason for source, reason in found.failed.items()}
        return found


def quiet(*_: object, **__: object) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(small(), "cpu", tile=64)


@pytest.fixture
def run(tmp_path: Path, upscaler: Upscaler) -> Runner:
    for name in ("a.png", "b.png", "sub/a.png"):
        picture(tmp_path / "in" / name)
    return Runner(upscaler, tmp_path / "in", tmp_path / "out")


def test_a_failure_is_tried_again_as_often_as_asked_and_by_the_next_run(run, tmp_path):
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    assert list(run(retry=2).failed) == ["b.png"]
    assert run.tried == ["a.png", "b.png", "sub/a.png", "b.png", "b.png"]
    assert report(tmp_path / "out")["b.png"]["error"].startswith("b.png is a text, no picture;")
    picture(tmp_path / "in/b.png")
    assert run().failed == {}
    assert run.tried == ["b.png"]
    assert {row["error"] for row in report(tmp_path / "out").values()} == {""}


@pytest.mark.parametrize("lines_kept", [0.5, 0])
def test_killed_between_a_result_and_its_line_nothing_is_lost_and_nothing_made_twice(run, tmp_path, lines_kept):
    run()
    manifest = tmp_path / "out/manifest.jsonl"
    *lines, last = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines) + last[: int(lines_kept * len(last))])
    (tmp_path / "out" / f".{'0' * 32}.part").write_bytes(b"unfinished")
    before = contents(tmp_path / "out")
    for _ in range(2):
        assert run().kept == 3
        assert run.tried == []
    assert files(tmp_path / "out") == {"a_x2.png", "b_x2.png", "sub/a_x2.png"}
    assert {name: made for name, made in before.items() if not name.endswith(".part")} == contents(tmp_path / "out")
    assert len(report(tmp_path / "out")) == 3


def test_a_result_without_a_line_is_not_done_if_its_picture_was_changed_since(run, tmp_path):
    run()
    manifest = tmp_path / "out/manifest.jsonl"
    manifest.write_bytes(b"".join(manifest.read_bytes().splitlines(keepends=True)[:-1]))
    picture(tmp_path / "in/sub/a.png", 30)
    assert "made from another version of the picture" in run().failed["a.png"]


def test_killed_while_it_overwrites_the_old_result_is_not_taken_for_the_new_one(run, tmp_path):
    run()
    with run.batch(UpscaleOptions(scale=2, true_to_input=True), overwrite=True) as batch:
        assert [status.state for status in batch.plan()] == ["queued"] * 3  # and no line of what became of them
    failed = run(UpscaleOptions(scale=2, true_to_input=True)).failed
    assert sorted(failed) == ["a.png", "b.png"]  # two of them a.png
    assert "it is not known what made it" in failed["b.png"]


def test_a_picture_that_is_gone_when_its_turn_comes_costs_no_other(run, tmp_path):
    with run.batch() as batch:
        statuses = list(batch.plan())
        (tmp_path / "in/b.png").unlink()
        for status in statuses:
            steps = Steps(run_job(any_model(run.upscaler), status.job, TWICE, PNG))
            list(steps)
            batch.record(steps.result)
    assert files(tmp_path / "out") == {"a_x2.png", "sub/a_x2.png"}
    assert "There is no file" in report(tmp_path / "out")["b.png"]["error"]


def test_a_job_that_was_done_since_it_was_given_is_not_done_again(tmp_path, upscaler):
    photo, target = picture(tmp_path / "a.png"), tmp_path / "result.png"
    target.write_bytes(b"another worker's")
    steps = Steps(run_job(any_model(upscaler), Job(ListedPicture("a.png"), str(photo), str(target)), TWICE, PNG))
    assert list(steps) == []
    assert (steps.result.state, steps.result.error) == ("done", "")
    assert target.read_bytes() == b"another worker's"


def test_an_error_keeps_its_template_and_parameters_for_translations(tmp_path, upscaler):
    photo = tmp_path / "a.png"
    photo.write_bytes(b"no picture")
    steps = Steps(
        run_job(any_model(upscaler), Job(ListedPicture("a.png"), str(photo), str(tmp_path / "b.png")), TWICE, PNG)
    )
    list(steps)
    assert steps.result.state == "failed"
    assert isinstance(steps.result.error, Message)


def test_two_batches_never_write_to_one_folder(run):
    with run.batch(), pytest.raises(StoreError, match="Another batch is writing"):
        run.batch()
    assert run().written == 3


def test_a_batch_that_is_closed_again_does_nothing(run, tmp_path):
    with run.batch() as batch:
        batch.close()
        (tmp_path / "out/report.csv").unlink()
    assert not (tmp_path / "out/report.csv").exists()


def test_a_stamp_of_the_content_survives_a_copy(run, tmp_path):
    def digest(path: Path) -> str:
        return hashlib.sha256(path.read_bytes()).hexdigest()

    run(stamp=digest)
    for file in (tmp_path / "in").rglob("*.png"):
        file.touch()
    assert run(stamp=digest).kept == 3
    assert len(run().failed) == 2  # of two names, three


def test_the_report_has_a_row_for_every_picture(run, tmp_path):
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    picture(tmp_path / "out/sub/a_x2.png", 7)
    run()
    rows = report(tmp_path / "out")
    assert list(rows) == ["a.png", "b.png", "sub/a.png"]
    assert rows["a.png"].items() >= {"result": "a_x2.png", "error": ""}.items()
    assert float(rows["a.png"]["seconds"]) > 0
    assert rows["b.png"]["result"] == rows["sub/a.png"]["result"] == ""
    assert "it is not known what made it" in rows["sub/a.png"]["error"]


@pytest.mark.parametrize("result", ["../a_x2.png", "/tmp/a_x2.png", "sub/a_x2.png", "..\\a_x2.png", "a.png", "..", ""])
def test_a_name_in_the_manifest_of_a_stranger_leads_nowhere_else(run, tmp_path, result):
    with run.batch() as batch:
        [first, *_] = list(batch.plan())
    line = {"name": "a.png", "stamp": first.job.picture.stamp, "settings": batch.manifest.key, "result": result}
    (tmp_path / "out/manifest.jsonl").write_text(json.dumps(line) + "\n")
    targets = [status.job.target for status in run.batch().plan()]
    assert targets == [str(tmp_path / "out" / name) for name in ("a_x2.png", "b_x2.png", "sub/a_x2.png")]


def test_damaged_lines_of_a_manifest_count_for_nothing(run, tmp_path):
    run()
    manifest = tmp_path / "out/manifest.jsonl"
    damaged = ["3", "[]", "{}", "[" * 100_000, '{"run": []}', '{"name": "a.png"}', '{"name": "a.png", "result": 3}']
    damaged += ['{"name": [], "stamp": "", "settings": "", "result": "a_x2.png"}', '{"name": "a.png", "stamp"', "\0"]
    damaged += ['{"name": "a.png", "stamp": "", "settings": "", "result": ["a_x2.png"]}']
    manifest.write_bytes(manifest.read_bytes() + "\n".join(damaged).encode() + b"\n\xff\xfe\n")
    assert run().kept == 3
    assert run.tried == []


def test_pictures_and_results_in_an_object_store_are_those_of_the_disk(run, tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    run()
    disk = contents(tmp_path / "out")
    memory, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    memory.put(run.pictures, f"{root}/in", recursive=True)
    memory.pipe(f"{root}/in/broken.png", b"no picture")
    run.pictures, run.out = f"memory:/{root}/in", f"memory:/{root}/out"
    assert list(run().failed) == ["broken.png"]
    assert {name: memory.cat(f"{root}/out/{name}") for name in disk} == disk
    assert run().kept == 3
    assert run.tried == ["broken.png"]
    memory.rm(f"{root}/out/sub/a_x2.png")
    run()
    assert run.tried == ["broken.png", "sub/a.png"]
    assert b"sub/a.png" in memory.cat(f"{root}/out/report.csv")
    assert len(run(UpscaleOptions(scale=2, ensemble=True)).failed) == 3  # of two names, four


def test_killed_before_lines_reach_the_object_store_its_results_are_known(run):
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    memory, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    memory.put(run.pictures, f"{root}/in", recursive=True)
    run.pictures, run.out = f"memory:/{root}/in", f"memory:/{root}/out"
    killed = run.batch()  # never closed
    for status in local_engine(any_model(run.upscaler), TWICE, PNG, quiet)(status.job for status in killed.plan()):
        killed.record(status)
    assert run().kept == 3


def test_a_store_puts_a_result_only_where_there_is_none():
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    address = f"memory://{uuid.uuid4().hex}/a.png"
    for text in ("first", "second"):
        with store.local_target(address, overwrite=False) as path:
            path.write_text(text)
    assert fsspec.filesystem("memory").cat(address) == b"first"
    with store.local_target(address) as path:
        path.write_text("third")
    assert fsspec.filesystem("memory").cat(address) == b"third"


def test_a_store_that_is_not_known_is_one_sentence(tmp_path, capsys):
    assert main(["batch", "nostore://pictures", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "nostore://pictures cannot be reached" in capsys.readouterr().err


def test_a_result_whose_picture_is_gone_stays(run, tmp_path):
    run()
    (tmp_path / "in/b.png").unlink()
    assert run().kept == 2
    assert width(tmp_path / "out/b_x2.png") == 48
