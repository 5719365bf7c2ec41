"""Names that are hard on files, reports and terminals: each picture is upscaled, and each row can be read."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from caesr.files.listed import ListedPicture
from caesr.jobs.report import Job, Report, Status, cell, report_text
from tests.conftest import ROOT
from tests.jobs.command import caesr, contents, files, picture, report
from zoo.messages import printable

IS_WINDOWS = sys.platform == "win32"
NO_TEXT = os.fsdecode(b"caf\xe9.png")  # Latin-1
HARD = ["=1+1.png", "+a.png", "-a.png", "@SUM(A1).png", "'a.png", "a;=b.png", 'a"b,c.png', " a .png"]
HARD += ["日本 é.png", "😀.png"]
HARD += [] if IS_WINDOWS else ["a\nb\t.png", "a\x1b[2Jb.png", "a\\b.png", NO_TEXT, "con.png", f"{'ä' * 125}.png"]


def hard_folder(folder: Path) -> Path:
    """Return a folder of pictures of hard names."""
    picture(folder / "a.png")
    for name in HARD:
        (folder / name).write_bytes((folder / "a.png").read_bytes())
    return folder


def test_every_name_is_upscaled_kept_and_reported(tmp_path, out, capsys):
    source = hard_folder(tmp_path / "in")
    assert caesr(source, "-o", out, "--scale", 2) == 0
    assert len(files(out)) == len(HARD) + 1
    said = capsys.readouterr().err
    assert f"{len(HARD) + 1} upscaled, 0 failed" in said
    assert len(said.splitlines()) == len(HARD) + 2  # no name breaks a line
    assert "\x1b" not in said
    before = contents(out)
    assert caesr(source, "-o", out, "--scale", 2) == 0
    assert contents(out) == before
    assert f"0 upscaled, {len(HARD) + 1} done already" in capsys.readouterr().err
    names = {json.loads(line).get("name") for line in (out / "manifest.jsonl").read_bytes().splitlines() if line}
    assert names - {None} == {"a.png", *HARD}
    rows = report(out)
    assert len(rows) == len(HARD) + 1
    assert {row["result"].removeprefix("'") for row in rows.values()} == {
        name.encode(errors="backslashreplace").decode() for name in files(out)
    }


def test_no_cell_of_the_report_is_a_formula(tmp_path, out):
    assert caesr(hard_folder(tmp_path / "in"), "-o", out, "--scale", 2) == 0
    for row in csv.reader(io.StringIO((out / "report.csv").read_bytes().decode(), newline="")):
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for text in row)


def test_a_cell_that_would_be_a_formula_gets_an_apostrophe_and_no_other_does():
    for text in ("=1", "+1", "-1", "@a", "\ta", "\ra", "\na", "＝1", "'a"):
        assert cell(text) == f"'{text}"
    for text in ("a", "", "1=1", " =1", "日"):
        assert cell(text) == text


def test_a_report_of_a_stranger_is_read_whatever_it_holds():
    rows = [{"name": "b", "result": [], "seconds": {}, "notes": 3}, {"name": "a", "error": None, "notes": ["x", 1]}]
    assert [row["notes"] for row in csv.DictReader(io.StringIO(report_text(rows)))] == ["x; 1", ""]


def test_a_terminal_is_told_names_without_their_control_characters():
    assert printable("a\x1b[2J\r\n\u2028\x9b日é😀") == "a\\x1b[2J\\r\\n\\u2028\\x9b日é😀"
    assert printable(NO_TEXT).encode()
    said: list[str] = []
    found = Report()
    for state in ("done", "failed", "skipped"):
        job = Job(ListedPicture("a\n\x07.png"), f"a\n{state}", "b\n\x07.png")
        found.add(Status(job, state, "why\n", notes=("note\n",)), said.append)
    assert not any(set(line) & {"\n", "\x07"} for line in [*said, *found.summary().splitlines()])


@pytest.mark.slow
@pytest.mark.skipif(IS_WINDOWS, reason="other encodings there")
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_of_an_old_encoding_stops_nothing(tmp_path, encoding):
    source = hard_folder(tmp_path / "in")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["PYTHONIOENCODING"] = f"{encoding}:strict"
    command = [sys.executable, "-m", "caesr", source, "-o", tmp_path / "out", "--scale", "2"]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert len(files(tmp_path / "out")) == len(HARD) + 1
