"""The tab Batch without a browser: what is shown and packed of pictures, of notes, and of what is left out."""

import csv
import io
import zipfile
from pathlib import Path

import pytest

from caesr.files.listed import ListedPicture
from caesr.jobs.report import Job, Status
from caesr.page.batch_files import packed, sorted_out, unpack_earlier
from caesr.page.drop_zone import Dropped
from caesr.page.tab_batch import to_cards
from tests.jobs.command import picture
from zoo.messages import Message


def statuses(out: Path) -> list[Status]:
    """Return one status of each kind, of files in a folder of the server."""

    def job(name: str, target: str = "") -> Job:
        return Job(ListedPicture(name), f"/server/{name}", str(out / target) if target else "")

    return [
        Status(job("a.png", "a_x4.png"), "done", seconds=1.5, notes=(Message("a note"), Message("another"))),
        Status(job("b.png", "b_x4.png"), "kept"),
        Status(job("c.png", "c_x4.png"), "failed", Message("{source} is broken.", source="/server/c.png")),
        Status(job("d.png", "d_x4.png"), "left"),
        *(Status(job(f"{n}.txt"), "skipped", Message("not a picture")) for n in range(8)),
        Status(job(".e"), "skipped", Message("hidden")),
    ]


def test_files_that_are_no_pictures_are_told_from_pictures_by_what_they_hold(tmp_path):
    for name in ("a.png", "photo", "trip.zip", "notes.txt", ".hidden.png", "c.psd"):
        (tmp_path / name).write_bytes(b"a text")
    picture(tmp_path / "a.png").rename(tmp_path / "photo")
    (tmp_path / "broken.png").touch()
    files = [Dropped(file, file.name) for file in sorted(tmp_path.iterdir())]
    inputs, others, earlier = sorted_out(files, tmp_path / "in", None)
    assert earlier is None
    assert [Path(file).name for file in inputs] == ["broken.png", "photo", "trip.zip"]
    assert {row.job.picture.name: (row.state, row.error) for row in others} == {
        ".hidden.png": ("skipped", "hidden"),
        "c.psd": ("skipped", "not a picture"),
        "notes.txt": ("skipped", "not a picture"),
    }
    with pytest.raises(ValueError, match="Choose pictures"):
        sorted_out([], tmp_path / "in", None)


def test_a_dropped_folder_is_put_together_again_and_an_earlier_batch_is_known(tmp_path):
    uploads = tmp_path / "uploads"
    files = [Dropped(picture(uploads / f"{n}.png"), f"trip/day {n}/a.png") for n in (1, 2)]
    with zipfile.ZipFile(uploads / "earlier.zip", "w") as archive:
        archive.writestr("manifest.jsonl", b"{}")
    files.append(Dropped(uploads / "earlier.zip", "earlier.zip"))
    inputs, others, earlier = sorted_out(files, tmp_path / "in", None)
    assert (inputs, others, earlier) == ([str(tmp_path / "in" / "trip")], [], uploads / "earlier.zip")
    found = [file.relative_to(inputs[0]).as_posix() for file in Path(inputs[0]).rglob("*.png")]
    assert sorted(found) == ["day 1/a.png", "day 2/a.png"]


def test_the_gallery_has_a_card_a_picture_and_one_for_each_reason(tmp_path):
    shown = [(card["name"], card["state"], card["words"]) for card in to_cards(statuses(tmp_path), {}, None)]
    assert shown == [
        ("a.png", "done", "done · a note · another"),
        ("b.png", "kept", "there already"),
        ("c.png", "failed", "failed · c.png is broken."),
        ("d.png", "left", "left out"),
        ("0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 3 more", "skipped", "skipped · not a picture"),
        (".e", "skipped", "skipped · hidden"),
    ]


def test_the_report_in_the_zip_has_a_row_for_every_file(tmp_path):
    out = tmp_path / "out"
    for name in ("a_x4.png", "b_x4.png"):
        picture(out / name)
    (out / "manifest.jsonl").touch()
    with zipfile.ZipFile(packed(statuses(out), tmp_path, None)) as archive:
        assert sorted(archive.namelist()) == ["a_x4.png", "b_x4.png", "manifest.jsonl", "report.csv"]
        rows = {row["name"]: row for row in csv.DictReader(io.StringIO(archive.read("report.csv").decode()))}
    assert len(rows) == 13
    assert rows["a.png"] == {
        "name": "a.png", "state": "done", "result": "a_x4.png", "seconds": "1.5", "error": "",
        "notes": "a note; another",
    }  # fmt: skip
    assert [rows[name]["error"] for name in ("c.png", "d.png", "0.txt", ".e")] == [
        "c.png is broken.", "left out", "not a picture", "hidden",
    ]  # fmt: skip


def test_of_an_earlier_batch_results_and_manifest_are_unpacked(tmp_path):
    for files in ({"manifest.jsonl": b"{}", "sub/a_x4.png": b"a", "report.csv": b"r"}, {"manifest.jsonl": b"{}"}):
        with zipfile.ZipFile(tmp_path / "upscaled.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        out = tmp_path / f"out{len(files)}"
        unpack_earlier(tmp_path / "upscaled.zip", out)
        found = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
        assert found == files.keys() - {"report.csv"}
