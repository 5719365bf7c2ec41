"""The command line: what it makes, prints and answers; tests/jobs/test_many.py has where results go."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import caesr as caesr_library
import zoo
from caesr import UpscaleOptions, Upscaler, load_family
from caesr.cli import VERBS, main
from caesr.options import OutputOptions, option_table
from tests.conftest import ROOT
from tests.jobs.command import CAT, caesr, files, picture

RECIPE = ROOT / "zoo/recipes/caesr-lite-x2.toml"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def last_error(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run a command that cannot be done; check that it says so in one line and by its exit code, and return that."""
    try:
        code = main(list(map(str, words)))
    except SystemExit as end:  # of argparse
        code = end.code
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("caesr")
    return said.err


@pytest.mark.slow
def test_as_a_program_it_makes_what_the_library_makes(tmp_path):
    source = picture(tmp_path / "photo.png", 60, 40)
    command = [sys.executable, "-m", "caesr", source.name, "missing.jpg"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "photo.png -> photo_x4.png" in done.stderr
    assert done.stderr.endswith("1 upscaled, 1 failed\n  missing.jpg: there is no such file.\n")
    assert files(tmp_path) == {"photo.png", "photo_x4.png"}
    assert np.array_equal(pixels(tmp_path / "photo_x4.png"), Upscaler(load_family("lite"))(pixels(source)))


def test_a_photograph_comes_out_as_the_library_makes_it(tmp_path, capsys):
    assert caesr("upscale", CAT, "-o", tmp_path / "cat.png", "--scale", 3, "--tile", 64) == 0
    photograph = np.array(Image.open(CAT).convert("RGB"))
    assert np.array_equal(pixels(tmp_path / "cat.png"), Upscaler(load_family("lite"), "cpu", 64)(photograph, 3))
    assert capsys.readouterr().err.endswith("1 upscaled, 0 failed\n")


def test_ensemble_and_true_to_input_do_what_the_library_does(tmp_path):
    source, target = picture(tmp_path / "cat.png", 48, 40), tmp_path / "large.png"
    assert caesr(source, "-o", target, "--scale", 2, "--ensemble", "--true-to-input") == 0
    networks = load_family("lite")
    expected = Upscaler(networks, "cpu", ensemble=True, true_to_input=True)(pixels(source), 2)
    assert np.array_equal(pixels(target), expected)
    assert not np.array_equal(expected, Upscaler(networks, "cpu")(pixels(source), 2))


def test_the_texture_dial_chooses_the_networks(tmp_path):
    source = picture(tmp_path / "cat.png")
    made = {}
    for words in (["--texture", 30], ["--texture", 100], ["--model", "texture"], ["--model", "base"], ["--texture", 0]):
        target = tmp_path / f"{'-'.join(map(str, words))}.png"
        assert caesr(source, "-o", target, *words) == 0
        made[words[-1]] = target.read_bytes()
    assert made[100] == made["texture"]
    assert made[0] == made["base"]
    assert len(set(made.values())) == 3


def test_a_width_may_be_asked_for_instead_of_a_scale(tmp_path, capsys):
    for side in (40, 60):
        picture(tmp_path / f"in/{side}.png", side, 30)
    assert caesr(tmp_path / "in", "-o", tmp_path / "out", "--width", 111) == 0
    assert {name: pixels(tmp_path / "out" / name).shape[1] for name in files(tmp_path / "out")} == {
        "40_111w.png": 111,
        "60_111w.png": 111,
    }
    capsys.readouterr()
    assert "not allowed with" in last_error(capsys, tmp_path / "in", "--width", 111, "--scale", 2)


def test_format_quality_and_metadata_are_kept(tmp_path):
    image = Image.open(CAT).convert("RGB").resize((32, 20))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    image.save(tmp_path / "sideways.jpg", exif=exif, quality=95)
    assert caesr(tmp_path / "sideways.jpg", "-o", tmp_path / "out", "--scale", 2.5, "--format", "webp") == 0
    output = Image.open(tmp_path / "out" / "sideways_x2.5.webp")
    assert output.size == (50, 80)  # upright now
    assert output.getexif()[0x010F] == "Camera"
    assert output.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--model", "esrgan"], "There is: lite"),
        (["--device", "toaster"], "device='toaster' is not known. Here there is: "),
        (["-o", "out.bmp"], "out.bmp: a .bmp is not written; choose .png"),
        (["--scale", 9], "argument -s/--scale: scale=9: choose from 1 to 8."),
        (["--tile", 4], "argument --tile: tile=4: give 'auto' or a whole number from 32 up."),
        (["--tile", "large"], "argument --tile: tile=large: give 'auto' or a whole number from 32 up."),
        (["--width", "wide"], "argument --width: width=wide: give a whole number from 1 up."),
        (["--width", "inf"], "argument --width: width=inf: give a whole number from 1 up."),
        (["--quality", 0], "argument --quality: quality=0: choose from 1 to 100."),
        (["--texture", 120], "argument --texture: texture=120: choose from 0 to 100."),
        (["--model", "photo", "--texture", 20], "texture=20 blends base and texture; leave model=photo out"),
        (["--format", "gif"], "argument -f/--format: format='gif': choose from same, png, jpg"),
        (["--keep-location", "--drop-metadata"], "not allowed with"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--metdata", "x"], "unrecognized arguments: --metdata x. Did you mean --drop-metadata?"),
        (["--sclae=3"], "unrecognized arguments: --sclae=3. Did you mean --scale?"),
        (["-f", "jpgg"], "Did you mean jpg?"),
        (["-m", "phtoo"], "There is no family, checkpoint or folder 'phtoo'. Did you mean photo?"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, capsys, arguments, why):
    monkeypatch.chdir(tmp_path)
    assert why in last_error(capsys, "upscale", CAT, "-o", "out", *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "name a picture (caesr photo.jpg) or a command"),
        (["comapre", CAT], "there is no command comapre, and no such file. Did you mean compare?"),
        (["upscale"], "the following arguments are required: IN"),
        (["upscale", CAT, CAT, "-o", "out.png"], "out.png is the name of one picture, and there may be more"),
        (["upscale", CAT.parent, "-o", "out.png"], "out.png is the name of one picture, and there may be more"),
        (["upscale", "gone.jpg", "-o", "out.png"], "gone.jpg: there is no such file."),
        (["batch", CAT, "out", "--retry", -1], "argument --retry: -1: give a whole number from 0 up"),
        (["batch", CAT, "out", "--engine", "dask"], "argument --engine: invalid choice: 'dask'"),
        (["compare", CAT, "-o", "s.png", "--scale", -2], "argument -s/--scale: scale=-2: choose from 1 to 8."),
        (["compare", CAT, "-o", "s.jpg"], "s.jpg: the sheet is a PNG; choose an OUT that ends in .png."),
        (["compare", CAT, "-o", CAT / "s.png"], "cat.png: File exists."),
        (["evaluate", "--model", "lite", "--data", "."], "lite is a family; name one of its checkpoints:"),
        (["evaluate", "--model", "caesr-lite-x4", "--scale", 2, "--data", "."], "caesr-lite-x4 upscales 4 times"),
        (["evaluate", "--model", "bicubic", "--data", ".", "--json", CAT / "a.json"], "cat.png: File exists."),
        (["evaluate", "--model", "bicubic", "--data", "."], "No test pictures"),
        (["train", "gone.toml", "--out", "out"], "gone.toml is not a recipe: No such file or directory."),
        (["train", RECIPE, "--out", CAT], "cat.png: File exists."),
        (["train", RECIPE, "--out", "o", "--resume"], "there is nothing to resume"),
    ],
)
def test_every_verb_says_at_once_what_it_cannot_do(tmp_path, monkeypatch, capsys, arguments, why):
    monkeypatch.chdir(tmp_path)
    assert why in last_error(capsys, *arguments)


def test_a_picture_that_cannot_become_the_size_is_named_with_its_own(tmp_path, capsys):
    assert caesr(CAT, "-o", tmp_path, "--width", 5) == 2
    expected = "cat.png: A picture of 226 × 150 pixels cannot become 5w: that is a scale of 0.0221; choose from 1 to 8."
    assert capsys.readouterr().err.endswith(f"0 upscaled, 1 failed\n  {expected}\n")
    assert files(tmp_path) == set()


def test_a_picture_over_the_limit_is_refused_from_its_header(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CAESR_MAX_PIXELS", "1000")
    assert caesr(CAT, "-o", tmp_path / "out.png") == 2
    assert "CAESR_MAX_PIXELS" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_the_help_of_a_verb_lists_every_option_with_its_bounds(capsys):
    for verb in VERBS:
        with pytest.raises(SystemExit, match="0"):
            main([verb, "--help"])
        assert f"usage: caesr {verb}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(verb in said for verb in VERBS)
    assert "caesr photo.jpg   " in said
    for entry in map(zoo.info, zoo.names()):
        assert re.search(rf"^  {entry.family} +{re.escape(entry.purpose)}$", said, re.MULTILINE)
    assert re.search(r"^  auto +\S", said, re.MULTILINE)
    with pytest.raises(SystemExit, match="0"):
        main(["upscale", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for row in [*option_table(UpscaleOptions), *option_table(OutputOptions)]:
        for flag in row.flags.values() or [row.flag]:
            assert f" {flag}" in said
    assert "-s N, --scale N how many times wider and higher, 1 to 8 (default: 4)" in said
    assert "--resume" not in said


def test_the_version_is_said(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"{zoo.__version__}\n"


@pytest.mark.parametrize(
    ("words", "code"), [("--help", 0), ("train --help", 0), ("--version", 0), ("photo.jpg --scael 2", 2), ("upscle", 2)]
)
def test_help_and_mistyped_words_are_answered_without_the_seconds_that_torch_takes(words, code):
    program = "import sys\nsys.modules['torch'] = None\nfrom caesr.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == code
    assert "torch" not in done.stderr
    assert done.stderr if code else done.stdout


def test_what_the_library_offers_is_there_by_name():
    assert {"Upscaler", "CAEResNet", "load_family", "UpscaleOptions"} <= set(dir(caesr_library))
    assert caesr_library.Upscaler is Upscaler
    with pytest.raises(AttributeError, match="Upscalr"):
        _ = caesr_library.Upscalr


def test_a_broken_test_picture_is_named(tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(CAT.read_bytes()[:3000])
    error = last_error(capsys, "evaluate", "--model", "bicubic", "--data", tmp_path)
    assert f"{tmp_path / 'broken.png'} cannot be read (" in error


def test_evaluate_prints_a_table_and_one_line_of_json(tmp_path, capsys):
    for name in ("a", "b"):
        picture(tmp_path / f"pictures/{name}.png", 48, 40)
    words = ["--model", "caesr-lite-x2", "--data", tmp_path / "pictures", "--json", tmp_path / "new/figures.json"]
    assert caesr("evaluate", *words) == 0
    head, *table, last = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["picture", "psnr_y", "ssim_y"]
    assert [line.split()[0] for line in table] == ["a", "b"]
    means = json.loads(last)
    assert means.items() >= {"model": "caesr-lite-x2", "scale": 2, "pictures": 2, "data": "pictures"}.items()
    written = json.loads((tmp_path / "new/figures.json").read_text())
    assert written.pop("each")[0]["picture"] == "a"
    assert written == means


@pytest.mark.data
def test_evaluate_measures_what_the_catalogue_says(data: Path, capsys):
    assert caesr("evaluate", "--model", "caesr-lite-x4", "--data", data / "test/Set5") == 0
    *table, last = capsys.readouterr().out.splitlines()
    means = json.loads(last)
    assert len(table) == 6
    assert means["psnr_y"] == pytest.approx(zoo.info("caesr-lite-x4").figures["Set5"]["psnr_y"], abs=0.002)
    assert (means["scale"], means["pictures"]) == (4, 5)


def test_compare_writes_a_sheet_and_measures_against_the_truth(tmp_path, capsys):
    truth = Image.open(CAT).convert("RGB").crop((60, 20, 156, 84))
    truth.save(tmp_path / "truth.png")
    truth.resize((48, 32), Image.Resampling.BICUBIC).save(tmp_path / "small.png")
    sheet = tmp_path / "sheet.png"
    words = ["-o", sheet, "--models", "lite", "--scale", 2, "--truth", tmp_path / "truth.png"]
    assert caesr("compare", tmp_path / "small.png", *words) == 0
    *table, last = capsys.readouterr().out.splitlines()
    report = json.loads(last)
    assert list(report) == ["bicubic", "lanczos", "lite"] == [line.split()[0] for line in table]
    assert report["lite"]["psnr_y"] > report["bicubic"]["psnr_y"] + 0.5
    drawn = pixels(sheet)
    assert drawn.shape[1] > 4 * 96
    assert np.array_equal(drawn[-64:, -96:], np.array(truth))
    assert caesr("compare", CAT, *words) == 2  # the truth has another size
