"""upscale_file: one picture file to another, from Python."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr import OutputOptions, UpscaleOptions, Upscaler, load_family
from caesr.engine.progress import Steps
from caesr.files import store
from caesr.files.listed import ListedPicture
from caesr.files.picture import PictureError
from caesr.jobs import CaesrWarning, upscale_file
from caesr.jobs.report import Job, Status
from caesr.jobs.runner import run_job
from caesr.options import OptionError
from tests.conftest import small
from tests.jobs.command import CAT, any_model, caesr, picture, report, width
from zoo.messages import Message

ON_CPU = UpscaleOptions("lite", scale=2, device="cpu")


def test_a_file_is_what_the_library_makes_of_its_pixels(tmp_path):
    source, target = picture(tmp_path / "a.png"), tmp_path / "new folder" / "b.png"
    assert upscale_file(source, target, ON_CPU) == target
    expected = Upscaler(load_family("lite"), "cpu")(np.array(Image.open(source)), 2)
    assert np.array_equal(np.array(Image.open(target)), expected)


def test_paths_may_be_texts_and_the_suffix_chooses_the_format(tmp_path):
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.jpg"
    upscale_file(str(source), str(target), ON_CPU, OutputOptions(quality=80))
    assert Image.open(target).format == "JPEG"


def test_a_file_that_is_there_is_overwritten_only_if_asked(tmp_path):
    source, target = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", 7)
    with pytest.raises(PictureError, match=r"b\.png is there already"):
        upscale_file(source, target, ON_CPU)
    assert width(target) == 7
    upscale_file(source, target, ON_CPU, overwrite=True)
    assert width(target) == 48


def test_a_size_that_cannot_be_had_is_said_with_the_picture_and_leaves_no_file(tmp_path):
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    with pytest.raises(OptionError) as error:
        upscale_file(source, target, UpscaleOptions(width=5, device="cpu"))
    assert str(error.value) == (
        "a.png: A picture of 24 × 20 pixels cannot become 5w: that is a scale of 0.208; choose from 1 to 8."
    )
    assert list(tmp_path.iterdir()) == [source]


@pytest.fixture
def animation(tmp_path: Path) -> Path:
    """Return a GIF of three frames, of which the first is upscaled."""
    frames = [Image.new("RGB", (24, 20), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    return tmp_path / "moving.gif"


def do(source: object, target: object, output: OutputOptions) -> Status:
    """Do a job of a batch by a small network."""
    job = Job(ListedPicture("a"), str(source), str(target))
    steps = Steps(run_job(any_model(Upscaler(small(2), "cpu")), job, ON_CPU, output))
    for _ in steps:
        pass
    return steps.result


def test_a_note_is_a_warning_in_python(tmp_path, animation):
    with pytest.warns(CaesrWarning, match=r"^moving\.gif: .*3 ") as said:
        assert upscale_file(animation, tmp_path / "b.png", ON_CPU) == tmp_path / "b.png"
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        upscale_file(picture(tmp_path / "a.png"), tmp_path / "c.png", ON_CPU)


def test_a_note_goes_to_terminal_manifest_and_report(tmp_path, animation, capsys):
    assert caesr(tmp_path, "-o", tmp_path / "out", "--scale", 2) == 0
    note = report(tmp_path / "out")["moving.gif"]["notes"]
    reason, pages, format = note.split("; ", 2)
    assert "lean picture" in reason
    assert "3" in pages
    assert "GIF is not written" in format.split("; ")[-1]
    assert f"moving_x2.png · {note.replace('; A', ' · A').replace('; It', ' · It')}\n" in capsys.readouterr().err
    assert all(one in (tmp_path / "out/manifest.jsonl").read_text() for one in (reason, pages))
    assert caesr(tmp_path, "-o", tmp_path / "out", "--scale", 2) == 0
    assert report(tmp_path / "out")["moving.gif"]["notes"] == note  # of what is kept, too


def test_notes_are_messages_that_a_page_can_translate(tmp_path, animation):
    notes = do(animation, tmp_path / "b.png", OutputOptions("png", keep_print_size=True)).notes
    assert len(notes) == 2
    assert all(isinstance(note, Message) for note in notes)


@pytest.mark.parametrize(("keep", "expected"), [(False, (300, 150)), (True, (600, 300))])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_in_print_a_result_keeps_its_size_if_asked(tmp_path, suffix, keep, expected):
    Image.open(CAT).convert("RGB").resize((24, 20)).save(tmp_path / "a.jpg", dpi=(300, 150))
    output = OutputOptions(keep_print_size=keep)
    upscale_file(tmp_path / "a.jpg", tmp_path / f"b.{suffix}", ON_CPU, output)
    with Image.open(tmp_path / f"b.{suffix}") as image:
        assert image.info["dpi"] == pytest.approx(expected, abs=0.02)


def test_without_a_density_none_is_invented_and_that_is_said(tmp_path):
    source = picture(tmp_path / "a.png")
    with pytest.warns(CaesrWarning, match="no density"):
        upscale_file(source, tmp_path / "b.png", ON_CPU, OutputOptions(keep_print_size=True))
    assert "dpi" not in Image.open(tmp_path / "b.png").info


def test_a_result_has_the_date_of_its_picture_if_asked(tmp_path):
    source, past = picture(tmp_path / "in/a.png"), 1_000_000_000.5
    os.utime(source, (past, past))
    upscale_file(source, tmp_path / "b.png", ON_CPU, OutputOptions(keep_date=True))
    assert (tmp_path / "b.png").stat().st_mtime == past
    assert caesr(tmp_path / "in", "-o", tmp_path / "out", "--scale", 2, "--keep-date") == 0
    assert (tmp_path / "out/a_x2.png").stat().st_mtime == past
    upscale_file(source, tmp_path / "c.png", ON_CPU)
    assert (tmp_path / "c.png").stat().st_mtime > past


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[str]:
    """Return the address of a folder of a store in memory, which holds a.png."""
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    root = f"memory://{tmp_path.name}"
    with store.local_target(f"{root}/a.png") as copy:
        picture(copy)
    yield root
    fsspec.filesystem("memory").rm(root, recursive=True)


def test_of_a_store_the_date_is_kept_where_it_can_be_and_else_that_is_said(tmp_path, memory):
    output = OutputOptions("png", keep_date=True)
    past = store.changed_at(f"{memory}/a.png")
    status = do(f"{memory}/a.png", tmp_path / "b.png", output)
    assert (status.state, status.notes) == ("done", ())
    assert (tmp_path / "b.png").stat().st_mtime == pytest.approx(past, abs=0.01)
    status = do(f"{memory}/a.png", f"{memory}/b.png", output)
    assert (status.state, status.notes) == ("done", ("Its date is not kept: a store gives a result its own.",))
