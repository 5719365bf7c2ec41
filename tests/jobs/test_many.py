"""`caesr IN... [-o OUT]` on real files: which pictures are found, and where their results go."""

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from caesr.files.decoders.jpeg_quality import jpeg_quality
from tests.jobs.command import caesr, contents, files, picture, report, width

pytestmark = pytest.mark.slow


def test_a_picture_gets_its_result_beside_it_and_nothing_else(tmp_path):
    photo = picture(tmp_path / "photo.jpg")
    assert caesr(photo) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"photo.jpg", "photo_x4.jpg"}
    with Image.open(tmp_path / "photo_x4.jpg") as result:
        assert (result.format, result.width, jpeg_quality(tmp_path / "photo_x4.jpg")) == ("JPEG", 96, 95)


def test_without_the_verb_it_is_the_same(tmp_path):
    one, two = picture(tmp_path / "one/photo.jpg"), picture(tmp_path / "two/photo.jpg")
    assert caesr(one) == caesr("upscale", two) == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize(
    ("words", "name", "wanted"),
    [
        (["--scale", 2.5], "photo_x2.5.jpg", 60),
        (["--width", 100], "photo_100w.jpg", 100),
        (["--height", 100], "photo_100h.jpg", 120),
        (["--long-side", 50], "photo_50px.jpg", 50),
        (["--megapixels", 0.012], "photo_0.012mp.jpg", 120),
        (["-s", "2x", "-f", "png"], "photo_x2.png", 48),
    ],
)
def test_the_name_of_a_result_says_its_size(tmp_path, words, name, wanted):
    assert caesr(picture(tmp_path / "photo.jpg"), *words) == 0
    assert files(tmp_path) == {"photo.jpg", name}
    assert width(tmp_path / name) == wanted


@pytest.mark.parametrize("by_folder", [True, False])
def test_two_pictures_that_differ_in_their_suffix_have_results_that_name_it(tmp_path, out, by_folder):
    photos = [picture(tmp_path / "in/photo.jpg"), picture(tmp_path / "in/photo.png")]
    inputs = [tmp_path / "in"] if by_folder else photos
    expected = {"photo_jpg_x2.png", "photo_png_x2.png"}
    assert caesr(*inputs, "-o", out, "--scale", 2, "--format", "png") == 0
    assert files(out) == expected
    assert caesr(*inputs, "--scale", 2, "--format", "png") == 0
    assert files(tmp_path / "in") == expected | {"photo.jpg", "photo.png"}


def test_equal_names_from_different_places_are_numbered_in_one_folder(tmp_path, out):
    photos = [picture(tmp_path / "one/photo.jpg", 24), picture(tmp_path / "two/photo.jpg", 30)]
    assert caesr(*photos, "-o", out) == 0
    assert {name: width(out / name) for name in files(out)} == {"photo_x4.jpg": 96, "photo_2_x4.jpg": 120}
    assert caesr(*photos, "-o", out) == 0


def test_equal_names_beside_their_pictures_need_no_number(tmp_path):
    photos = [picture(tmp_path / "one/photo.jpg"), picture(tmp_path / "two/photo.jpg")]
    assert caesr(*photos, "--scale", 2) == 0
    assert files(tmp_path) == {f"{place}/photo{end}" for place in ("one", "two") for end in (".jpg", "_x2.jpg")}


def test_several_folders_keep_their_names_in_the_output(tmp_path, out):
    photos = [picture(tmp_path / "one/sub/a.png"), picture(tmp_path / "two/a.png"), picture(tmp_path / "b.png")]
    assert caesr(tmp_path / "one", tmp_path / "two", photos[2], "-o", out, "--scale", 2) == 0
    assert files(out) == {"one/sub/a_x2.png", "two/a_x2.png", "b_x2.png"}


def test_a_folder_keeps_its_results_with_a_manifest_and_they_are_no_inputs(folder, capsys):
    pictures = files(folder)
    assert caesr(folder, "--scale", 2) == 0
    results = {"a_x2.png", "b_x2.png", "sub/a_x2.png"}
    assert files(folder) == pictures | results
    assert (folder / "manifest.jsonl").exists()
    assert set(report(folder)) == pictures
    before = contents(folder)
    assert caesr(folder, "--scale", 2) == 0
    assert contents(folder) == before
    assert "0 upscaled, 3 done already, 0 failed" in capsys.readouterr().err
    assert caesr(folder, "--scale", 3) == 0  # other results: pictures neither
    assert files(folder) == pictures | results | {"a_x3.png", "b_x3.png", "sub/a_x3.png"}


def test_files_that_a_shell_lists_twice_have_their_results_left_out(tmp_path, capsys):
    for name in ("a.jpg", "a.png", "b.png"):
        picture(tmp_path / name)
    assert caesr(*tmp_path.glob("*.jpg"), *tmp_path.glob("*.png"), "--scale", 2) == 0
    before = contents(tmp_path)
    assert set(before) == {"a.jpg", "a.png", "b.png", "a_x2.jpg", "a_x2.png", "b_x2.png"}
    capsys.readouterr()
    assert caesr(*tmp_path.glob("*.jpg"), *tmp_path.glob("*.png"), "--scale", 2) == 2
    assert contents(tmp_path) == before
    said = capsys.readouterr().err
    assert "0 upscaled, 3 failed" in said
    assert "b_x2.png is there already. Choose another OUT, or --overwrite." in said


@pytest.mark.parametrize("inner", ["", "results"])
def test_an_output_that_is_the_input_or_lies_in_it_is_no_input(folder, inner):
    target, expected = folder / inner, {"a_x2.png", "b_x2.png", "sub/a_x2.png"}
    pictures = files(folder)
    for _ in range(2):
        assert caesr(folder, "-o", target, "--scale", 2) == 0
        assert files(target) - pictures == expected
    listed = [folder / name for name in sorted(files(folder)) if "/" not in name]
    assert caesr(*listed, "-o", folder, "--scale", 2) == 0
    assert files(folder) - pictures == {str(Path(inner, name)) for name in expected} | {"a_x2.png", "b_x2.png"}


def test_results_among_several_inputs_are_no_inputs(tmp_path):
    one, two = picture(tmp_path / "one/a.png").parent, picture(tmp_path / "two/a.png").parent
    for scale in (2, 2, 3):
        assert caesr(one, two, "-o", one, "--scale", scale) == 0
    assert files(one) == {"a.png"} | {f"{place}/a_x{scale}.png" for place in ("one", "two") for scale in (2, 3)}


def test_a_zip_is_an_input_and_its_results_go_into_a_folder_of_its_name(tmp_path, out, capsys):
    photo = picture(tmp_path / "photo.png")
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        archive.write(photo, "day 1/photo.png")
    assert caesr(tmp_path / "trip.zip", "--scale", 2) == 0
    assert files(tmp_path / "trip") == {"day 1/photo_x2.png"}
    assert caesr(tmp_path / "trip.zip", photo, "-o", out, "--scale", 2) == 0
    assert files(out) == {"trip/day 1/photo_x2.png", "photo_x2.png"}
    capsys.readouterr()
    for inputs in ([tmp_path / "trip.zip"], [tmp_path / "trip.zip", photo, "-o", out]):
        assert caesr(*inputs, "--scale", 2) == 0
        assert "0 upscaled, " in capsys.readouterr().err


def test_what_cannot_be_read_stops_nothing_else(tmp_path, folder, out, capsys):
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:300])
    (folder / "notes.txt").write_text("not a picture")
    picture(folder / ".hidden/c.png")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    missing = tmp_path / "missing.png"
    assert caesr(folder, tmp_path / "broken.zip", tmp_path / "empty", missing, "-o", out, "--scale", 2) == 2
    assert files(out) == {"in/a_x2.png", "in/b_x2.png", "in/sub/a_x2.png"}
    said = capsys.readouterr().err
    assert "3 upscaled, 4 failed" in said
    assert "broken.zip is no zip or a damaged one" in said
    assert f"{tmp_path / 'empty'}: there is no picture in this folder." in said
    assert f"{missing}: there is no such file." in said
    assert "Traceback" not in said
    assert {name for name, row in report(out).items() if row["state"] == "failed"} == {
        "in/broken.png",
        "broken.zip",
        "empty",
        "missing.png",
    }


def test_an_input_that_is_not_there_leaves_no_folder_and_stops_nothing_else(tmp_path, capsys):
    photo = picture(tmp_path / "photo.png")
    assert caesr(tmp_path / "missing.png", tmp_path / "gone.zip", tmp_path / "no/folder", photo, "--scale", 2) == 2
    assert {file.name for file in tmp_path.iterdir()} == {"photo.png", "photo_x2.png"}
    said = capsys.readouterr().err
    assert "1 upscaled, 3 failed" in said
    assert f"{tmp_path / 'missing.png'}: there is no such file." in said


def test_failures_of_one_name_in_two_folders_are_two(tmp_path, capsys):
    for place in ("one", "two"):
        picture(tmp_path / place / "a.png").write_bytes(b"no picture")
        picture(tmp_path / place / "b.png")
    picture(tmp_path / "three/a.png")
    assert caesr(*(tmp_path / place for place in ("one", "two", "three")), "--scale", 2) == 2
    assert "3 upscaled, 2 failed" in capsys.readouterr().err


def test_two_inputs_that_would_share_a_folder_of_results_are_refused(tmp_path, folder, out, capsys):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(folder / "a.png", "a.png")
    assert caesr(folder, tmp_path / "in.zip", "-o", out) == 2
    assert "Two inputs are called in; rename one, or give the folder above them." in capsys.readouterr().err
    assert not out.exists()
