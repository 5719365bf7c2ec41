"""`caesr` into a folder that has results: what is done is kept, and what is another's is never overwritten."""

import json
import shutil

import pytest

from caesr.cli import main
from tests.conftest import small
from tests.jobs.command import caesr, contents, files, picture, report, width

pytestmark = pytest.mark.slow

UNKNOWN = "is there already, and it is not known what made it."
OTHER_SETTINGS = "is there already, made with other settings or another model."
CHANGED = "is there already, made from another version of the picture."


def test_a_picture_that_is_added_later_takes_no_result_of_another(tmp_path, out):
    command = [tmp_path / "in", "-o", out, "--scale", 2, "--format", "png"]
    picture(tmp_path / "in/photo.jpg", 24)
    assert caesr(*command) == 0
    before = contents(out)
    picture(tmp_path / "in/photo.png", 30)
    picture(tmp_path / "in/photo_png.jpg", 36)
    assert caesr(*command) == 0
    assert before.items() <= contents(out).items()
    widths = {name: width(out / name) for name in files(out)}
    assert widths == {"photo_x2.png": 48, "photo_png_x2.png": 60, "photo_png_2_x2.png": 72}
    assert report(out)["photo.jpg"]["result"] == "photo_x2.png"


def test_a_picture_that_takes_the_place_of_another_does_not_take_its_result(tmp_path, out, capsys):
    command = [tmp_path / "in", "-o", out, "--scale", 2, "--format", "png"]
    picture(tmp_path / "in/photo.jpg")
    assert caesr(*command) == 0
    (tmp_path / "in/photo.jpg").unlink()
    picture(tmp_path / "in/photo.png", 30)
    assert caesr(*command) == 2
    assert "photo_x2.png is there already: the result of photo.jpg." in capsys.readouterr().err
    assert width(out / "photo_x2.png") == 48


def test_what_is_done_is_kept_and_exactly_the_rest_is_made(folder, out, capsys):
    command = [folder, "-o", out, "--scale", 2]
    assert caesr(*command) == 0
    before = contents(out)
    times = {name: (out / name).stat().st_mtime_ns for name in before}
    (out / "sub/a_x2.png").unlink()
    picture(folder / "c.png")
    capsys.readouterr()
    assert caesr(*command) == 0
    assert "2 upscaled, 2 done already, 0 failed" in capsys.readouterr().err
    assert contents(out) == before | {"c_x2.png": (out / "c_x2.png").read_bytes()}
    assert [(out / name).stat().st_mtime_ns == times[name] for name in sorted(before)] == [True, True, False]


def test_resume_is_accepted_and_changes_nothing(folder, out, capsys):
    assert caesr(folder, "-o", out, "--scale", 2, "--resume") == 0
    assert caesr("batch", folder, out, "--scale", 2, "--resume") == 0
    assert "0 upscaled, 3 done already" in capsys.readouterr().err
    assert caesr(folder, "-o", out, "--scale", 2, "--true-to-input", "--resume") == 2


def test_tile_and_device_are_no_settings(folder, out, capsys):
    assert caesr(folder, "-o", out, "--scale", 2) == 0
    assert main([str(folder), "-o", str(out), "--scale", "2", "--tile", "32"]) == 0
    assert "0 upscaled, 3 done already" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--true-to-input"], ["--model", "caesr-base-x2"], ["--drop-metadata"]])
def test_a_result_of_other_settings_is_neither_taken_nor_overwritten(folder, out, capsys, words):
    assert caesr(folder, "-o", out, "--scale", 2) == 0
    before = contents(out)
    picture(folder / "c.png")
    capsys.readouterr()
    assert caesr(folder, "-o", out, "--scale", 2, *words) == 2
    said = capsys.readouterr().err
    assert "1 upscaled, 3 failed" in said
    assert said.count(OTHER_SETTINGS) == 3
    assert before.items() <= contents(out).items()
    assert OTHER_SETTINGS in report(out)["a.png"]["error"]
    (folder / "c.png").unlink()
    assert caesr(folder, "-o", out, "--scale", 2) == 0  # the lines of the first run are valid still
    assert "0 upscaled, 3 done already, 0 failed" in capsys.readouterr().err


def test_a_result_of_a_changed_picture_is_neither_taken_nor_overwritten(folder, out, capsys):
    assert caesr(folder, "-o", out, "--scale", 2) == 0
    before = contents(out)
    picture(folder / "b.png", 30)
    for _ in range(2):
        assert caesr(folder, "-o", out, "--scale", 2) == 2
        said = capsys.readouterr().err
        assert f"b_x2.png {CHANGED} Overwrite it (--overwrite), or choose another folder." in said
        assert "2 done already, 1 failed" in said
        assert contents(out) == before


def test_a_result_that_no_manifest_knows_is_neither_taken_nor_overwritten_however_often_it_is_met(folder, out, capsys):
    foreign = picture(out / "a_x2.png", 7).read_bytes()
    for _ in range(2):
        assert caesr(folder, "-o", out, "--scale", 2) == 2
        assert f"a_x2.png {UNKNOWN}" in capsys.readouterr().err
        assert (out / "a_x2.png").read_bytes() == foreign
    assert files(out) == {"a_x2.png", "b_x2.png", "sub/a_x2.png"}
    picture(out / "c_x2.png", 7)  # put there after runs of the same settings
    picture(folder / "c.png")
    assert caesr(folder, "-o", out, "--scale", 2) == 2
    assert f"c_x2.png {UNKNOWN}" in capsys.readouterr().err


def test_overwrite_makes_everything_anew(folder, out, capsys):
    picture(out / "a_x2.png", 7)
    assert caesr(folder, "-o", out, "--scale", 2, "--overwrite") == 0
    expected = contents(out)
    assert width(out / "a_x2.png") == 48
    assert caesr(folder, "-o", out, "--scale", 2, "--ensemble", "--overwrite") == 0
    assert all(expected[name] != made for name, made in contents(out).items())
    assert caesr(folder, "-o", out, "--scale", 2, "--overwrite") == 0
    assert contents(out) == expected
    assert caesr(folder, "-o", out, "--scale", 2, "--overwrite") == 0
    assert capsys.readouterr().err.count("3 upscaled, 0 failed") == 4


def test_a_file_that_is_there_is_not_overwritten_by_another(tmp_path, capsys):
    photo, target = picture(tmp_path / "photo.jpg"), picture(tmp_path / "large.png", 7)
    before = target.read_bytes()
    assert caesr(photo, "-o", target, "--scale", 2) == 2
    assert f"{target} is there already. Choose another OUT, or --overwrite." in capsys.readouterr().err
    assert target.read_bytes() == before
    assert caesr(photo, "-o", target, "--scale", 2, "--overwrite") == 0
    assert width(target) == 48
    assert caesr(photo, "--scale", 2) == 0
    assert caesr(photo, "--scale", 2) == 2


def test_a_picture_is_never_replaced_by_its_own_result(tmp_path, capsys):
    photo = picture(tmp_path / "photo.png")
    before = photo.read_bytes()
    assert caesr(photo, "-o", photo, "--overwrite") == 2
    assert "the result would replace the picture itself" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_the_manifest_says_which_settings_made_what(folder, out):
    assert caesr(folder, "-o", out, "--width", 48, "--format", "jpg") == 0
    run, *lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert run["settings"].items() >= {"model": "auto", "width": 48, "size": "48w", "format": "jpg"}.items()
    assert {"tile", "device"}.isdisjoint(run["settings"])
    assert {line["settings"] for line in lines} == {run["run"]}
    assert {line["name"]: line["result"] for line in lines if "result" in line} == {
        "a.png": "a_48w.jpg",
        "b.png": "b_48w.jpg",
        "sub/a.png": "sub/a_48w.jpg",
    }


def test_upscale_and_batch_make_the_same_files_and_share_a_manifest(folder, out, tmp_path, capsys):
    assert caesr("upscale", folder, "-o", out, "--scale", 2) == 0
    assert caesr("batch", folder, tmp_path / "other", "--scale", 2) == 0
    assert contents(out) == contents(tmp_path / "other")
    shutil.copytree(out, tmp_path / "copy")
    assert caesr("batch", folder, tmp_path / "copy", "--scale", 2) == 0
    assert "0 upscaled, 3 done already" in capsys.readouterr().err


def test_results_of_another_batch_below_or_beside_its_pictures_are_never_inputs(tmp_path):
    picture(tmp_path / "in/a.png")
    assert caesr(tmp_path / "in", "-o", tmp_path / "in/x2", "--scale", 2) == 0
    assert caesr(tmp_path / "in", "--scale", 3) == 0
    assert caesr(tmp_path / "in", "-o", tmp_path / "elsewhere") == 0
    assert files(tmp_path / "elsewhere") == {"a_x4.png"}


def test_results_are_upscaled_once_more_into_another_folder_and_never_into_their_own(tmp_path, out, capsys):
    picture(tmp_path / "in/a.png")
    assert caesr(tmp_path / "in", "-o", out, "--scale", 2) == 0
    assert caesr(out, "-o", tmp_path / "more", "--scale", 2) == 0
    assert files(tmp_path / "more") == {"a_x2_x2.png"}
    assert caesr(out / "a_x2.png", "-o", tmp_path / "single", "--scale", 3) == 0
    assert files(tmp_path / "single") == {"a_x2_x3.png"}
    assert caesr(out / "a_x2.png", "-o", out) == 2
    assert "a_x2.png is a result in the folder of results" in capsys.readouterr().err
    assert files(out) == {"a_x2.png"}


def test_a_size_may_be_asked_for_where_the_default_scale_cannot_be_had(tmp_path, out):
    small(1).save_pretrained(tmp_path / "net")
    picture(tmp_path / "in/a.png")
    assert caesr(tmp_path / "in", "-o", out, "--width", 24, "--model", tmp_path / "net") == 0
    assert width(out / "a_24w.png") == 24
