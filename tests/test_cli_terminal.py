"""The command line at a terminal: the progress bar, `caesr demo`, and errors that are our own fault."""

import io
import re
import sys
import urllib.request
from pathlib import Path

import pytest

from caesr.cli import commands, main
from caesr.cli.progress_bar import ProgressBar
from caesr.engine.progress import Progress
from caesr.files.listed import ListedPicture
from caesr.jobs.report import Job
from tests.jobs.command import caesr, picture
from tests.serving import served

HALF = Progress(2, 4, 130.0)


class Terminal(io.StringIO):
    """What a terminal is sent."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def job(name: str = "photo.jpg") -> Job:
    return Job(ListedPicture(name), name, "")


def test_a_bar_shows_the_percentage_and_the_time_left():
    bar = ProgressBar(Terminal())
    assert bar.line("photo.jpg", HALF, 40) == "photo.jpg ██████░░░░░░  50 %  2 min left"
    assert bar.line("photo.jpg", Progress(0, 1, 0.0), 40).endswith("░   0 %")  # nothing is known yet
    seconds, hours = (bar.line("a", Progress(1, 2, left), 60) for left in (12.4, 9000))
    assert seconds.endswith("12 s left")
    assert hours.endswith("2.5 h left")


@pytest.mark.parametrize("name", ["a" * 200 + ".jpg", "照片" * 40 + ".jpg", "a\nb\x1b[2J.jpg"])
@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_a_bar_is_never_wider_than_the_terminal(name: str, width: int):
    line = ProgressBar(Terminal()).line(name, HALF, width)
    assert sum(2 if letter in "照片" else 1 for letter in line) <= width
    assert not re.search(r"[\n\x1b]", line)
    assert " 50 %" in line


def test_a_bar_gives_way_to_a_line_and_leaves_nothing_behind():
    terminal = Terminal()
    bar = ProgressBar(terminal)
    bar.show(job(), HALF)
    bar.show(job(), HALF)  # in the same tenth of a second
    drawn = terminal.getvalue()
    assert drawn.count("50 %") == 2  # of two jobs, though they are alike
    bar.say("photo.jpg -> photo_x4.jpg")
    *_, erased, last = terminal.getvalue().removeprefix(drawn).split("\r")
    assert (erased.strip(), last) == ("", "photo.jpg -> photo_x4.jpg\n")


def test_of_one_job_a_bar_is_drawn_ten_times_a_second_at_most():
    terminal, one = Terminal(), job()
    bar = ProgressBar(terminal)
    for done in range(100):
        bar.show(one, Progress(done, 100, 1.0))
    assert terminal.getvalue().count(" %") == 1


def test_where_no_terminal_has_blocks_a_bar_is_of_ascii():
    terminal = Terminal()
    terminal.encoding = "cp1252"  # type: ignore[misc]
    assert ProgressBar(terminal).line("photo.jpg", HALF, 40) == "photo.jpg ######......  50 %  2 min left"


def test_the_command_line_draws_a_bar_on_a_terminal_and_a_line_a_file_else(tmp_path: Path, monkeypatch, capsys):
    source = picture(tmp_path / "photo.png", 100, 40)
    assert caesr(source, "-s", 2, "--tile", 32) == 0
    assert len(capsys.readouterr().err.splitlines()) == 2
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert caesr(source, "-s", 3, "--tile", 32) == 0
    *_, last_bar, line, summary, _ = re.split(r"[\r\n]+", terminal.getvalue())
    assert "photo.png " in terminal.getvalue()
    assert " %" in terminal.getvalue()
    assert last_bar.strip() == ""
    assert line.startswith("photo.png -> ")
    assert summary == "1 upscaled, 0 failed"


def test_a_fault_of_our_own_is_one_line_and_its_traceback_is_there_for_who_wants_it(tmp_path, monkeypatch, capsys):
    def faulty(*_: object) -> None:
        raise TypeError("boom")

    monkeypatch.setattr(commands, "upscale_many", faulty)
    assert main(["photo.jpg"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("caesr: this should not happen, please report it: TypeError: boom (")
    assert len(said.splitlines()) == 1
    monkeypatch.setenv("CAESR_TRACEBACK", "1")
    with pytest.raises(TypeError, match="boom"):
        main(["photo.jpg"])


def test_demo_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.delitem(sys.modules, "caesr.page.app", raising=False)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == "caesr: The page needs Gradio: pip install 'caesr[page]'.\n"


@pytest.mark.slow
def test_demo_opens_the_page(tmp_path: Path):
    command = (sys.executable, "-m", "caesr", "demo", "--no-browser")
    with served(tmp_path, command, CUDA_VISIBLE_DEVICES="") as page:
        assert b"CAESR" in urllib.request.urlopen(page.url, timeout=20).read()
