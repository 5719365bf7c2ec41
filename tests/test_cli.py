"""The command line, as people call it: a process, its exit code, and what it leaves on the disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from caesr import Upscaler
from caesr.cli import main
from caesr.model.family import load_family
from tests.conftest import ROOT

CAT = ROOT / "examples" / "cat.png"


def caesr(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "caesr", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment)


def test_a_photograph_comes_out_as_the_library_makes_it(tmp_path):
    done = caesr("upscale", CAT, "-o", tmp_path / "cat.png", "--scale", 3, "--tile", 64, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    expected = Upscaler(load_family("lite"), "cpu", 64)(np.array(Image.open(CAT).convert("RGB")), 3)
    assert np.array_equal(np.array(Image.open(tmp_path / "cat.png")), expected)
    assert "1 enlarged, 0 failed" in done.stderr


def test_ensemble_and_true_to_input_do_what_the_library_does(tmp_path):
    source, target = tmp_path / "cat.png", tmp_path / "large.png"
    Image.open(CAT).convert("RGB").resize((48, 40)).save(source)
    ways = ("--ensemble", "--true-to-input")
    done = caesr("upscale", source, "-o", target, "--scale", 2, "--device", "cpu", *ways)
    assert done.returncode == 0, done.stderr
    picture, networks = np.array(Image.open(source)), load_family("lite")
    expected = Upscaler(networks, "cpu", ensemble=True, true_to_input=True)(picture, 2)
    assert np.array_equal(np.array(Image.open(target)), expected)
    assert not np.array_equal(expected, Upscaler(networks, "cpu")(picture, 2))


def test_a_width_may_be_asked_for_instead_of_a_scale(tmp_path):
    for side in (40, 60):
        Image.open(CAT).convert("RGB").resize((side, 30)).save(tmp_path / f"{side}.png")
    done = caesr("upscale", tmp_path, "-o", tmp_path / "out", "--width", 111, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["40_111w.png", "60_111w.png"]
    assert {Image.open(file).width for file in (tmp_path / "out").iterdir()} == {111}
    refused = caesr("upscale", tmp_path, "-o", tmp_path / "out", "--width", 111, "--scale", 2)
    assert refused.returncode == 2
    assert "not allowed with" in refused.stderr


def test_in_a_folder_one_broken_file_stops_none_of_the_others(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    small = Image.open(CAT).convert("RGB").resize((24, 20))
    small.save(folder / "a.jpg")
    small.save(folder / "a.png")
    (folder / "broken.png").write_bytes(CAT.read_bytes()[:3000])
    (folder / "notes.txt").write_text("not a picture")
    done = caesr("upscale", folder, tmp_path / "missing.png", "-o", out, "--scale", 2, "--device", "cpu")
    assert done.returncode == 2
    assert sorted(file.name for file in out.iterdir()) == ["a_2x.png", "a_jpg_2x.png"]
    assert "2 enlarged, 2 failed" in done.stderr
    assert "broken.png" in done.stderr
    assert "missing.png" in done.stderr
    assert "Traceback" not in done.stderr


def test_resuming_leaves_out_what_is_there_and_makes_the_rest(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        Image.open(CAT).convert("RGB").resize((24, 20)).save(tmp_path / "in" / name)
    command = ("upscale", tmp_path / "in", "-o", tmp_path / "out", "--scale", 2, "--device", "cpu")
    assert caesr(*command).returncode == 0
    first, second = (tmp_path / "out" / name for name in ("a_2x.png", "b_2x.png"))
    before, wanted = first.stat().st_mtime_ns, second.read_bytes()
    second.unlink()
    done = caesr(*command, "--resume")
    assert done.returncode == 0, done.stderr
    assert "1 enlarged, 1 there already, 0 failed" in done.stderr
    assert first.stat().st_mtime_ns == before
    assert second.read_bytes() == wanted
    caesr(*command)
    assert first.stat().st_mtime_ns > before


def test_format_quality_and_metadata_are_kept(tmp_path):
    image = Image.open(CAT).convert("RGB").resize((32, 20))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    image.save(tmp_path / "sideways.jpg", exif=exif, quality=95)
    done = caesr(
        "upscale",
        tmp_path / "sideways.jpg",
        "-o",
        tmp_path / "out",
        "--scale",
        2.5,
        "--format",
        "webp",
        "--device",
        "cpu",
    )
    assert done.returncode == 0, done.stderr
    output = Image.open(tmp_path / "out" / "sideways_jpg_2.5x.webp")
    assert output.size == (50, 80)  # upright now
    assert output.getexif()[0x010F] == "Camera"
    assert output.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--model", "esrgan"], "There is: lite"),
        (["--scale", "9"], "choose from 1 to 8"),
        (["--tile", "4"], "tile=4"),
        (["--device", "toaster"], "toaster"),
        (["-o", "out.bmp"], "a .bmp is not written; choose .png"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(tmp_path, arguments, why):
    done = caesr("upscale", CAT, "-o", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--width", 5], "cat.png, 226 × 150 pixels, cannot become 5w: scale=0.02"),
        (["--width", "wide"], "--width: wide: give a number above 0"),
        (["--tile", "large"], "--tile: large: give a whole number from 1 up"),
        (["--quality", 0], "--quality: 0: give a whole number from 1 to 100"),
        (["--texture", 120], "--texture: 120: give a number from 0 to 100"),
    ],
)
def test_a_number_that_cannot_be_is_refused_with_what_can(tmp_path, arguments, why):
    done = caesr("upscale", CAT, "-o", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert why in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["upscale", CAT, CAT, "-o", "out.png"], "out.png is the name of one picture, and there may be more"),
        (["upscale", CAT.parent, "-o", "out.png"], "out.png is the name of one picture, and there may be more"),
        (["compare", CAT, "-o", "s.png", "--scale", -2], "choose from 1 to 8"),
        (["compare", CAT, "-o", "s.jpg"], "s.jpg: the sheet is a PNG; choose an OUT that ends in .png."),
        (["compare", CAT, "-o", CAT / "s.png"], "cat.png: File exists."),
        (["evaluate", "--model", "lite", "--data", "."], "lite is a family; name one of its checkpoints:"),
        (["evaluate", "--model", "caesr-lite-x4", "--scale", 2, "--data", "."], "caesr-lite-x4 enlarges 4 times"),
        (["evaluate", "--model", "bicubic", "--data", ".", "--json", CAT / "a.json"], "cat.png: File exists."),
        (["train", "gone.toml", "--out", "out"], "gone.toml is not a recipe: No such file or directory."),
        (["train", ROOT / "zoo/recipes/caesr-lite-x2.toml", "--out", CAT], "cat.png: File exists."),
        (["train", ROOT / "zoo/recipes/caesr-lite-x2.toml", "--out", "o", "--resume"], "there is nothing to resume"),
        (["batch", "s3:/nowhere/a", "out"], "s3:/nowhere/a: there is no such file."),
        (["batch", "nostore://bucket/in", "out"], "nostore://bucket/in cannot be reached"),
    ],
)
def test_every_other_verb_says_at_once_what_it_cannot_do(tmp_path, monkeypatch, capsys, arguments, why):
    monkeypatch.chdir(tmp_path)
    assert main(list(map(str, arguments))) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert why in said.err.splitlines()[-1]


def test_a_broken_test_picture_is_named(tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:3000])
    assert main(["evaluate", "--model", "bicubic", "--data", str(tmp_path)]) == 2
    assert f"{tmp_path / 'broken.png'} cannot be read (" in capsys.readouterr().err


def test_a_picture_over_the_limit_is_refused_from_its_header(tmp_path):
    done = caesr("upscale", CAT, "-o", tmp_path / "out.png", "--device", "cpu", CAESR_MAX_PIXELS="1000")
    assert done.returncode == 2
    assert "CAESR_MAX_PIXELS" in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_result_never_replaces_the_picture_itself(tmp_path):
    copy = tmp_path / "cat.png"
    copy.write_bytes(CAT.read_bytes())
    done = caesr("upscale", copy, "-o", copy, "--device", "cpu")
    assert done.returncode == 2
    assert copy.read_bytes() == CAT.read_bytes()


@pytest.mark.data
def test_evaluate_prints_a_table_and_one_line_of_json(data: Path):
    done = caesr("evaluate", "--model", "caesr-lite-x4", "--data", data / "test/Set5", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.splitlines()
    means = json.loads(last)
    assert len(table) == 6
    assert means["psnr_y"] == pytest.approx(zoo.info("caesr-lite-x4").figures["Set5"]["psnr_y"], abs=0.002)
    assert (means["scale"], means["pictures"]) == (4, 5)


def test_compare_writes_a_sheet_and_measures_against_the_truth(tmp_path):
    truth = Image.open(CAT).convert("RGB").crop((60, 20, 156, 84))
    truth.save(tmp_path / "truth.png")
    truth.resize((48, 32), Image.Resampling.BICUBIC).save(tmp_path / "small.png")
    sheet = tmp_path / "sheet.png"
    ways = ("--models", "lite", "--scale", 2, "--device", "cpu", "--truth", tmp_path / "truth.png")
    done = caesr("compare", tmp_path / "small.png", "-o", sheet, *ways)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert list(report) == ["bicubic", "lanczos", "lite"]
    assert report["lite"]["psnr_y"] > report["bicubic"]["psnr_y"] + 0.5
    drawn = np.array(Image.open(sheet))
    assert drawn.shape[1] > 4 * 96
    assert np.array_equal(drawn[-64:, -96:], np.array(truth))
    assert caesr("compare", CAT, "-o", sheet, *ways).returncode == 2


def test_evaluate_says_that_a_folder_has_no_pictures(tmp_path):
    done = caesr("evaluate", "--model", "bicubic", "--data", tmp_path)
    assert done.returncode == 2
    assert "No test pictures" in done.stderr
