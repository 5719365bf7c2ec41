"""`python -m caesr batch`: many pictures into a folder; what is done is known, what failed is named."""

import csv
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from caesr import Upscaler
from caesr.cli import main
from caesr.files import store
from caesr.files.store import Found, StoreError
from caesr.jobs.bulk import enlarge_all, settings
from caesr.jobs.runner import Job, Report, Wish, attempt, here
from caesr.jobs.target import Target
from tests.conftest import ROOT, small

CAT = ROOT / "examples" / "cat.png"


def picture(path: Path, size: tuple[int, int] = (24, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(CAT).convert("RGB").resize(size).save(path)
    return path


def caesr(*arguments: object) -> int:
    """The command in this process; tests/test_cli.py starts processes."""
    return main(["batch", *map(str, arguments), "--scale", "2", "--device", "cpu"])


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(small(), "cpu", tile=64)


class Batch:
    """A batch in this process: a folder of pictures and one of results; counts what its engine is given."""

    def __init__(self, upscaler: Upscaler, pictures: object, results: object):
        self.upscaler, self.pictures, self.results = upscaler, str(pictures), str(results)
        self.tried: list[str] = []

    def __call__(self, wish: Wish = Wish(2), model: str = "lite", **ways: object) -> Report:  # noqa: B008
        self.tried = []
        inner = here(self.upscaler, wish, lambda *_, **__: None)

        def engine(jobs: Iterator[Job]):
            for outcome in inner(jobs):
                self.tried.append(outcome.job.found.name)
                yield outcome

        made_by = settings(self.upscaler, wish, model)
        return enlarge_all(engine, [self.pictures], self.results, wish, made_by, say=lambda *_: None, **ways)


@pytest.fixture
def batch(tmp_path: Path, upscaler: Upscaler) -> Batch:
    for name in ("a.png", "b.png", "sub/a.png"):
        picture(tmp_path / "in" / name)
    return Batch(upscaler, tmp_path / "in", tmp_path / "out")


def files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder) if "_2x" in name}


def report(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "report.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_a_folder_comes_out_with_its_sub_folders_and_one_broken_file_stops_nothing(tmp_path, capsys):
    for name in ("a.jpg", "a.png", "sub/deep/ä b.png", ".hidden/c.png"):
        picture(tmp_path / "in" / name)
    (tmp_path / "in/sub/broken.png").write_bytes(CAT.read_bytes()[:3000])
    (tmp_path / "in/notes.txt").write_text("not a picture")
    assert caesr(tmp_path / "in", tmp_path / "out") == 2
    assert list(results(tmp_path / "out")) == ["a_2x.png", "a_jpg_2x.png", "sub/deep/ä b_2x.png"]
    assert "3 enlarged, 1 failed" in capsys.readouterr().err
    rows = report(tmp_path / "out")
    assert list(rows) == ["a.jpg", "a.png", "sub/broken.png", "sub/deep/ä b.png"]
    assert rows["a.jpg"]["result"] == "a_jpg_2x.png"
    assert "broken.png" in rows["sub/broken.png"]["error"]
    assert main(["upscale", str(tmp_path / "in/a.png"), "-o", str(tmp_path / "a.png"), "--scale", "2"]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "out/a_2x.png").read_bytes()


@pytest.mark.parametrize("format", [None, "jpg", "tif"])
def test_no_two_pictures_have_a_result_of_one_name(format):
    pictures = ["a.png", "a.PNG", "a.jpg", "a.jpeg", "a.tif", "a_jpg.png", "a_png.jpg", "a_jpg.jpg", "a_jpg_png.png"]
    pictures += ["a_png.png", "a_2.png", "sub/a.png", "sub_jpg/a.png", "sub/a.b.png", "sub/a.b"]
    assert len({Wish(4, format).name(picture) for picture in pictures}) == len(pictures)


def test_a_result_is_named_after_its_picture_and_says_its_format_if_that_is_another():
    assert Wish(4).name("sub/a.png") == "sub/a_4x.png"
    assert Wish(2.5).name("a.jpg") == "a_jpg_2.5x.png"
    assert Wish(Target("width", 900), "jpg").name("a.jpg") == "a_900w.jpg"


def test_a_picture_that_is_added_later_takes_no_result_of_another_one(tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    picture(folder / "a.png")
    command = ["upscale", str(folder), "-o", str(out), "--scale", "2", "--device", "cpu", "--resume"]
    assert main(command) == 0
    picture(folder / "a.jpg", (30, 20))
    assert main(command) == 0
    assert "1 enlarged, 1 there already" in capsys.readouterr().err
    assert {name: Image.open(out / name).width for name in files(out)} == {"a_2x.png": 48, "a_jpg_2x.png": 60}


def test_pictures_of_one_name_from_two_folders_are_both_enlarged_into_one(tmp_path):
    for folder, width in (("one", 24), ("two", 30)):
        picture(tmp_path / folder / "a.png", (width, 20))
    out = tmp_path / "out"
    assert main(["upscale", *(str(tmp_path / name) for name in ("one", "two")), "-o", str(out), "--scale", "2"]) == 0
    assert {name: Image.open(out / name).width for name in files(out)} == {"a_2x.png": 48, "a_2_2x.png": 60}


def test_a_zip_and_a_file_are_inputs_too_and_a_broken_zip_stops_nothing(tmp_path, capsys):
    photo = picture(tmp_path / "photo.png")
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        archive.write(photo, "day 1/photo.png")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    assert caesr(tmp_path / "trip.zip", photo, tmp_path / "broken.zip", tmp_path / "gone.png", tmp_path / "out") == 2
    assert list(results(tmp_path / "out")) == ["photo_2x.png", "trip/day 1/photo_2x.png"]
    said = capsys.readouterr().err
    assert "broken.zip is no zip or a damaged one" in said
    assert "there is no such file" in said
    assert caesr(tmp_path / "trip.zip", photo, tmp_path / "out", "--resume") == 0
    assert "0 enlarged, 2 there already" in capsys.readouterr().err


def test_resumed_it_makes_exactly_what_is_not_done(batch, tmp_path):
    assert batch().written == 3
    before = results(tmp_path / "out")
    assert batch(resume=True).kept == 3
    assert batch.tried == []
    (tmp_path / "out/sub/a_2x.png").unlink()  # a result that has gone
    picture(tmp_path / "in/b.png", (30, 20))  # a picture that has changed
    picture(tmp_path / "in/a.jpg")  # a picture that is new, of a name that is known
    batch(resume=True)
    assert sorted(batch.tried) == ["a.jpg", "b.png", "sub/a.png"]
    after = results(tmp_path / "out")
    assert [name for name in before if before[name] != after[name]] == ["b_2x.png"]
    batch()
    assert len(batch.tried) == 4  # not resumed: all over again


def test_what_other_settings_made_is_not_done(batch):
    batch()
    assert batch(Wish(2, format="png", metadata="all"), resume=True).written == 3
    assert batch(Wish(2), model="photo", resume=True).written == 3
    assert batch(Wish(2), model="photo", resume=True).written == 0


def test_tiles_do_not_count_as_settings(batch, upscaler):
    batch()
    batch.upscaler = Upscaler(list(upscaler.models.values()), "cpu", tile=32)
    assert batch(resume=True).kept == 3


def test_a_failure_is_tried_again_when_resumed_and_as_often_as_asked(batch, tmp_path):
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    assert list(batch(retry=2).failed) == ["b.png"]
    assert batch.tried.count("b.png") == 3
    picture(tmp_path / "in/b.png")
    assert batch(resume=True).failed == {}
    assert batch.tried == ["b.png"]
    assert {row["error"] for row in report(tmp_path / "out").values()} == {""}


def test_killed_between_a_result_and_its_line_nothing_is_lost_and_nothing_made_twice(batch, tmp_path):
    batch()
    manifest = tmp_path / "out/manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    manifest.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])  # cut short
    (tmp_path / "out" / f".{'0' * 32}.part").write_bytes(b"unfinished")
    assert batch(resume=True).kept == 3
    assert batch.tried == []
    assert batch(resume=True).kept == 3
    assert files(tmp_path / "out") == [
        "a_2x.png",
        "b_2x.png",
        "manifest.jsonl",
        "report.csv",
        "sub/a_2x.png",
    ]
    assert len(report(tmp_path / "out")) == 3


def test_a_result_that_nobody_vouches_for_is_made_anew(batch, tmp_path):
    picture(tmp_path / "out/a_2x.png")
    assert batch(resume=True).written == 3
    assert Image.open(tmp_path / "out/a_2x.png").size == (48, 40)


def test_a_job_that_was_done_since_it_was_given_is_not_done_again(tmp_path, upscaler):
    photo, result = picture(tmp_path / "a.png"), tmp_path / "result.png"
    result.write_bytes(b"another worker's")
    [outcome] = attempt(upscaler, Job(Found("a.png"), str(photo), str(result), replace=False), Wish(2))
    assert outcome.error == ""
    assert result.read_bytes() == b"another worker's"


def test_two_batches_never_write_to_one_folder(batch, tmp_path):
    def other(jobs: Iterator[Job]):
        with pytest.raises(StoreError, match="Another batch is writing"):
            batch()
        yield from ()

    enlarge_all(other, [batch.pictures], batch.results, Wish(2), {}, say=lambda *_: None)


def test_folders_that_lie_in_each_other_and_inputs_of_one_name_are_refused(tmp_path, batch):
    batch.results = str(tmp_path / "in/out")
    with pytest.raises(ValueError, match="apart"):
        batch()
    twice = [str(tmp_path / "in/a.png"), str(tmp_path / "in/sub/a.png")]
    with pytest.raises(ValueError, match=r"Two inputs are called a\.png"):
        enlarge_all(here(batch.upscaler, Wish(2)), twice, str(tmp_path / "out"), Wish(2), {})


def test_an_empty_folder_is_said(batch, tmp_path):
    (tmp_path / "empty").mkdir()
    batch.pictures = str(tmp_path / "empty")
    assert "no picture in this folder" in batch().summary()


def test_pictures_and_results_in_an_object_store_are_the_same_as_on_the_disk(batch, tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    batch()
    disk = results(tmp_path / "out")
    memory, root = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    memory.put(batch.pictures, f"{root}/in", recursive=True)
    memory.pipe(f"{root}/in/broken.png", b"no picture")
    batch.pictures, batch.results = f"memory:/{root}/in", f"memory:/{root}/out"
    assert list(batch().failed) == ["broken.png"]
    assert {name: memory.cat(f"{root}/out/{name}") for name in disk} == disk
    assert batch(resume=True).kept == 3
    assert batch.tried == ["broken.png"]
    memory.rm(f"{root}/out/sub/a_2x.png")
    batch(resume=True)
    assert sorted(batch.tried) == ["broken.png", "sub/a.png"]
    assert b"sub/a.png" in memory.cat(f"{root}/out/report.csv")


def test_a_store_puts_a_result_only_where_there_is_none(tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    address = f"memory://{uuid.uuid4().hex}/a.png"
    for text, replace in (("first", False), ("second", False)):
        with store.local_target(address, replace) as path:
            path.write_text(text)
    assert fsspec.filesystem("memory").cat(address) == b"first"
    with store.local_target(address) as path:
        path.write_text("third")
    assert fsspec.filesystem("memory").cat(address) == b"third"


def test_a_store_that_is_not_known_is_one_sentence(tmp_path, capsys):
    assert caesr("nostore://pictures", tmp_path / "out") == 2
    assert "nostore://pictures cannot be reached" in capsys.readouterr().err


def test_the_manifest_says_which_settings_made_what(batch, tmp_path):
    batch()
    first, *lines = [json.loads(line) for line in (tmp_path / "out/manifest.jsonl").read_text().splitlines()]
    assert first["settings"]["model"] == "lite"
    assert first["settings"]["size"] == "2x"
    assert {line["settings"] for line in lines} == {first["run"]}
