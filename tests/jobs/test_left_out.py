"""Nothing is left out in silence: whatever lies in an input and is not upscaled is in the report with its reason."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from caesr.cli import main
from tests.jobs.command import caesr, files, picture, report


def reasons(out: Path) -> dict[str, tuple[str, str]]:
    """Return state and reason of each file that was not upscaled."""
    return {name: (row["state"], row["error"]) for name, row in report(out).items() if not row["result"]}


def test_every_file_of_a_folder_is_in_the_report(folder, out, capsys):
    for name in ("notes.txt", "a.xmp", "sub/Thumbs.db", ".hidden.png", ".git/config", "b.psd"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"8BPS" if name.endswith("psd") else b"a text")
    shutil.copy(folder / "a.png", folder / "scan")
    shutil.copy(folder / "a.png", folder / "d.dat")
    assert caesr(folder, "-o", out, "--scale", 2) == 0
    assert files(out) == {"a_x2.png", "b_x2.png", "d_x2.png", "scan_x2.png", "sub/a_x2.png"}
    assert reasons(out) == {
        ".git": ("skipped", "a hidden folder, with all in it"),
        ".hidden.png": ("skipped", "hidden"),
        "a.xmp": ("skipped", "not a picture"),
        "b.psd": ("skipped", "a Photoshop document, which cannot be read here; export it as a PNG, JPEG or TIFF"),
        "notes.txt": ("skipped", "not a picture"),
        "sub/Thumbs.db": ("skipped", "not a picture"),
    }
    said = capsys.readouterr().err
    assert "5 upscaled, 0 failed, 6 left out" in said
    assert "\n  left out, not a picture: a.xmp, notes.txt, sub/Thumbs.db\n" in said
    assert caesr(folder, "-o", out, "--scale", 2) == 0  # all is kept, and told again
    assert "0 upscaled, 5 done already, 0 failed, 6 left out" in capsys.readouterr().err
    assert len(reasons(out)) == 6


def test_a_long_list_of_what_is_left_out_is_one_line(folder, out, capsys):
    for number in range(30):
        (folder / f"{number:02}.txt").write_text("a text")
    assert caesr(folder, "-o", out, "--scale", 2) == 0
    assert "left out, not a picture: 00.txt, 01.txt, 02.txt, 03.txt, 04.txt and 25 more\n" in capsys.readouterr().err
    assert len(reasons(out)) == 30


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes and links there")
def test_links_and_pipes_cost_themselves_alone(folder, out, capsys):
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "there.png").symlink_to("a.png")
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.png")
    (folder / "empty.png").touch()
    assert caesr(folder, "-o", out, "--scale", 2) == 2
    assert files(out) == {"a_x2.png", "b_x2.png", "sub/a_x2.png", "there_x2.png"}
    assert reasons(out) == {
        "loop.png": ("failed", "loop.png: a link to itself; remove it."),
        "gone.png": ("failed", "gone.png: a link to nowhere; mend it."),
        "pipe.png": ("failed", "pipe.png: a pipe, socket or device, no file."),
        "empty.png": ("failed", "empty.png is empty; get it afresh."),
        "pipe": ("skipped", "a pipe, socket or device, no file"),
        "up": ("skipped", "a link to a folder, which is not followed; name the folder"),
    }
    assert "4 upscaled, 4 failed, 2 left out" in capsys.readouterr().err


@pytest.mark.parametrize("beside", [True, False])
def test_a_batchs_own_files_are_not_left_out(folder, out, capsys, beside):
    inputs = [folder] if beside else [folder, "-o", out]
    for _ in range(2):
        assert caesr(*inputs, "--scale", 2) == 0
        assert "left out" not in capsys.readouterr().err
    (out if not beside else folder).joinpath(f".{'0' * 32}.part").touch()
    if not beside:
        assert caesr(out, "-o", out.with_name("more"), "--scale", 2) == 0
        assert "left out" not in capsys.readouterr().err
    (folder.parent / "other").mkdir()
    (folder.parent / "other/report.csv").write_text("of somebody else")
    assert caesr(folder.parent / "other", "-o", out.with_name("third")) == 2
    assert reasons(out.with_name("third"))["report.csv"] == ("skipped", "not a picture")


def test_an_input_without_a_picture_fails_and_its_files_are_named(tmp_path, out, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/notes.txt").write_text("a text")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("inside.txt", "a text")
    assert caesr(tmp_path / "in", tmp_path / "b.zip", "-o", out) == 2
    said = capsys.readouterr().err
    assert "0 upscaled, 2 failed, 2 left out" in said
    assert f"{tmp_path / 'in'}: there is no picture in this folder." in said
    assert f"{tmp_path / 'b.zip'}: there is no picture in this zip." in said
    assert set(reasons(out)) == {"in", "in/notes.txt", "b.zip", "b/inside.txt"}


def test_in_a_zip_every_member_is_upscaled_or_in_the_report(folder, out, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        for name in ("day 1/a.png", "day 1\\b", "A.PNG", "a.png"):
            archive.write(folder / "a.png", name)
        archive.writestr("trip.zip", "a zip within")
        archive.writestr("day 1/notes.txt", "a text")
        archive.writestr("../up.png", "leads out")
        archive.writestr("broken.png", (folder / "a.png").read_bytes()[:200])
    data = (tmp_path / "trip.zip").read_bytes()
    assert caesr(tmp_path / "trip.zip", "-o", out, "--scale", 2) == 2
    assert files(out) == {"A_x2.png", "a_2_x2.png", "day 1/a_x2.png", "day 1/b_x2.png"}
    found = reasons(out)
    assert {name: state for name, (state, _) in found.items()} == {
        "../up.png": "failed", "broken.png": "failed", "day 1/notes.txt": "skipped", "trip.zip": "skipped",
    }  # fmt: skip
    assert "leads out of the zip" in found["../up.png"][1]
    assert "4 upscaled, 2 failed, 2 left out" in capsys.readouterr().err
    assert (tmp_path / "trip.zip").read_bytes() == data
    assert {file.name for file in tmp_path.iterdir()} == {"in", "trip.zip", "out"}


def test_a_damaged_member_of_a_zip_costs_itself_alone(folder, out, tmp_path):
    with zipfile.ZipFile(tmp_path / "trip.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.png", "b.png"):
            archive.write(folder / "b.png", name)
    data = bytearray((tmp_path / "trip.zip").read_bytes())
    data[60:90] = bytes(30)
    (tmp_path / "trip.zip").write_bytes(data)
    assert caesr(tmp_path / "trip.zip", "-o", out, "--scale", 2) == 2
    assert files(out) == {"b_x2.png"}
    assert reasons(out)["a.png"][1].startswith("trip.zip: a.png is damaged (")


def test_inputs_that_cannot_be_are_said_before_work_begins(folder, tmp_path, out, capsys):
    loop = tmp_path / "loop.png"
    loop.symlink_to(loop)
    inputs = ["", " ", "a\0b.png", "x" * 300 + ".png", str(loop), "gone/b.png", "other/b.png", folder / "a.png"]
    assert caesr(*inputs, "-o", out, "--scale", 2) == 2
    assert files(out) == {"a_x2.png"}
    said = capsys.readouterr().err
    assert said.index(": failed") < said.index("a.png -> ")
    assert "1 upscaled, 7 failed" in said
    assert "An input is an empty text" in said
    assert "a\\x00b.png: no file can have this name." in said
    assert f"{'x' * 300}.png: no file can have this name." in said
    assert f"{loop}: a link to itself; remove it." in said
    assert "Traceback" not in said
    assert len(report(out)) == 8
    assert caesr(*inputs, "--scale", 2) == 2
    assert "1 upscaled, 7 failed" in capsys.readouterr().err
    assert files(folder) == {"a.png", "a_x2.png", "b.png", "sub/a.png"}


@pytest.mark.parametrize("name", ["", "a\0b", "o" * 300])
def test_an_output_that_cannot_be_is_one_sentence(folder, monkeypatch, capsys, name):
    monkeypatch.chdir(folder)
    assert main([str(folder / "a.png"), "-o", name, "--device", "cpu"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert files(folder) == {"a.png", "b.png", "sub/a.png"}


def test_a_pattern_that_no_shell_expanded_is_expanded(folder, out, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    picture(folder / "[c]*.png")
    assert caesr("[c]*.png", "?.png", "sub/*", "*.gif", "-o", out, "--scale", 2) == 2
    assert files(out) == {"[c]*_x2.png", "a_x2.png", "a_2_x2.png", "b_x2.png"}
    assert "gif: there is no such file." in capsys.readouterr().err


def test_files_of_a_leading_dash_are_files(tmp_path, monkeypatch):
    for name in ("-a.png", "--b.png", "-o.png"):
        picture(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert caesr("-a.png", "./-o.png", "--scale", 2) == 0
    assert main(["--scale", "2", "--device", "cpu", "--", "--b.png"]) == 0
    assert files(tmp_path) == {f"{stem}{end}.png" for stem in ("-a", "--b", "-o") for end in ("", "_x2")}
    assert caesr(".", "-o", "out", "--scale", 3) == 0
    assert files(tmp_path / "out") >= {"-a_x3.png", "--b_x3.png", "-o_x3.png"}
