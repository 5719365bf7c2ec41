"""--pages all: every page of a TIFF and every frame of an animation is upscaled, into the same kind of file."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from caesr import OutputOptions, UpscaleOptions, Upscaler
from caesr.engine.progress import Progress, Steps
from caesr.files.pages import open_pages
from caesr.files.picture import PictureError
from caesr.files.read import inspect, read_picture
from caesr.jobs.naming import result_name, result_names, without_results
from caesr.jobs.pages import PagesProgress, join_notes
from caesr.jobs.runner import upscale_steps
from tests.conftest import ROOT, small
from tests.jobs.command import any_model, caesr, files, picture, report
from zoo.messages import Message

SAMPLES = ROOT / "tests" / "samples" / "pages"
TWICE, ALL = UpscaleOptions("lite", scale=2, device="cpu"), OutputOptions(pages="all")


def steps(source: Path, target: Path, upscale: UpscaleOptions = TWICE, output: OutputOptions = ALL) -> Steps:
    """Return the steps of an upscaling by a small network."""
    return Steps(upscale_steps(any_model(Upscaler(small(2), "cpu")), source, target, upscale, output))


def run(source: Path, target: Path, **options: object) -> tuple[list[Progress], tuple[Message, ...]]:
    """Upscale a file; returns the progress and the notes."""
    all_steps = steps(source, target, output=OutputOptions(pages="all", **options))
    return list(all_steps), all_steps.result


@pytest.mark.parametrize("name", ["scan.tif", "big.tif", "moving.webp", "moving.gif"])
def test_each_page_is_what_it_is_alone(tmp_path, name):
    target = tmp_path / f"result{Path(name).suffix}"
    _, notes = run(SAMPLES / name, target, quality=100)
    upscaler = Upscaler(small(2), "cpu")
    sources, results = open_pages(SAMPLES / name), open_pages(target)
    assert len(results) == len(sources) > 1
    if sources.timing:
        assert results.timing == sources.timing
    for source, result in zip(sources.read(), results.read(), strict=True):
        alone, pixels = upscaler(source.pixels[:, :], 2), result.pixels[:, :]
        if name.endswith("gif"):  # of 256 colours
            is_seen = (alone[..., -1] >= 128) & (pixels[..., -1] >= 128)
            assert np.mean(is_seen == (alone[..., -1] >= 128)) > 0.99
            assert np.abs(alone[is_seen].astype(int) - pixels[is_seen]).mean() < 12
        else:
            is_seen = alone[..., -1:] > 0 if alone.shape[2] == 4 and pixels.shape[2] == 4 else True
            assert np.array_equal(np.where(is_seen, alone[..., : pixels.shape[2]], 0), np.where(is_seen, pixels, 0))
        assert result.icc == source.icc
        assert result.metadata.density == source.metadata.density
    assert any("256 colours a frame" in note for note in notes) == name.endswith("gif")
    assert list(tmp_path.iterdir()) == [target]


def test_frames_of_a_png_become_frames_of_a_png(tmp_path):
    frames = [Image.open(picture(tmp_path / f"{n}.png", 24 + n, 20)).resize((24, 20)) for n in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=[50, 70, 130], loop=2)
    run(tmp_path / "a.png", tmp_path / "b.png")
    before, after = open_pages(tmp_path / "a.png"), open_pages(tmp_path / "b.png")
    assert (after.timing, len(after)) == (before.timing, 3)
    upscaler = Upscaler(small(2), "cpu")
    for source, result in zip(before.read(), after.read(), strict=True):
        assert np.array_equal(upscaler(source.pixels, 2), result.pixels)


def test_a_gif_may_become_a_webp_or_a_png_with_all_its_colours(tmp_path):
    for format in ("webp", "png"):
        _, notes = run(SAMPLES / "moving.gif", tmp_path / "b", format=format)
        assert (inspect(tmp_path / "b").format, inspect(tmp_path / "b").pages) == (format, 4)
        assert not any("256 colours" in note for note in notes)


def test_progress_counts_over_all_pages_and_ends_with_the_file(tmp_path):
    target = tmp_path / "b.tif"
    upscale = UpscaleOptions(scale=2, device="cpu", tile=32)
    seen = []
    for progress in steps(SAMPLES / "scan.tif", target, upscale):
        seen.append((progress.done, progress.total, target.exists()))
        assert progress.seconds_left >= 0
    tiles = [Upscaler(small(2), "cpu", tile=32).count_tiles(height, width, 2) for height, width in
             ((24, 32), (30, 40), (28, 20), (24, 16))]  # fmt: skip
    assert seen[-1][0] == seen[-1][1] >= sum(tiles)  # alpha is a plane of its own
    assert [done for done, *_ in seen] == list(range(1, seen[-1][0] + 1))
    assert all(done < total and not there for done, total, there in seen[:-1])
    assert seen[-1][2]


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 1000)), min_size=1, max_size=6))
def test_no_progress_is_complete_before_the_end(pages):
    counter, last = PagesProgress([pixels for _, pixels in pages]), 0
    for index, (tiles, _) in enumerate(pages):
        for done in range(tiles + 1):
            is_last = counter.count(Progress(done, tiles if done else 1, 0.0))
            assert is_last == (index == len(pages) - 1 and done == tiles)
            assert last <= counter.progress.done <= counter.progress.total - (not is_last)
            last = counter.progress.done
        counter.finish_page()
    assert counter.progress.done == counter.progress.total == sum(tiles for tiles, _ in pages)


@pytest.mark.parametrize("name", ["scan.tif", "moving.gif", "moving.webp"])
def test_what_is_cancelled_or_fails_midway_leaves_no_file(tmp_path, name):
    target = tmp_path / f"b{Path(name).suffix}"
    running = upscale_steps(any_model(Upscaler(small(2), "cpu")), SAMPLES / name, target, TWICE, ALL)
    for _ in range(3):
        next(running)
    running.close()
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_is_damaged_fails_the_file_and_is_named(tmp_path):
    data = bytearray((SAMPLES / "scan.tif").read_bytes())
    with Image.open(SAMPLES / "scan.tif") as image:
        image.seek(3)
        (start,), (size,) = image.tag_v2[273], image.tag_v2[279]
    data[start : start + size] = bytes(size)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(PictureError, match=r"^Page 3 of 4: a\.tif is damaged"):
        list(steps(tmp_path / "a.tif", tmp_path / "b.tif"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


def test_notes_name_their_pages_unless_they_are_about_all():
    one, other, third = Message("One."), Message("Other."), Message("Third.")
    assert join_notes([[one, other, one], [one], [third, one, other]]) == (
        "One.",
        "Page 1, 3: Other.",
        "Page 3: Third.",
    )
    assert join_notes([[one, other]]) == (one, other)


def test_the_density_of_each_page_follows_the_size_in_print(tmp_path):
    _, notes = run(SAMPLES / "scan.tif", tmp_path / "b.tif", keep_print_size=True)
    first = next(open_pages(tmp_path / "b.tif").read())
    assert first.metadata.density is not None
    assert first.metadata.density.x == 600
    assert all("has no size in print" not in note or note.startswith("Page ") for note in notes)


# --- names, command line, batch -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "format", "result"),
    [
        ("a.gif", None, "a_x2.gif"),
        ("a.WebP", None, "a_x2.webp"),
        ("a.tiff", None, "a_x2.tif"),
        ("a.TIF", None, "a_x2.tif"),
        ("a.png", None, "a_x2.png"),
        ("a.apng", None, "a_x2.png"),
        ("a.jpg", None, "a_x2.jpg"),
        ("a", None, "a_x2.png"),
        ("a.gif", "webp", "a_x2.webp"),
        ("a.tif", "jpg", "a_x2.jpg"),
    ],
)
def test_names_of_results_keep_the_kind_that_the_picture_s_name_says(source, format, result):
    assert result_name(source, TWICE, OutputOptions(format or "same", pages="all")) == result
    assert result_name("a.gif", TWICE, OutputOptions()) == "a_x2.png"


def test_results_that_are_gifs_are_no_pictures_of_a_folder():
    names = ["a.gif", "a.tif", "b.gif"]
    results = list(result_names(names, TWICE, ALL).values())
    assert results == ["a_x2.gif", "a_x2.tif", "b_x2.gif"]
    assert without_results([*names, *results]) == names


def test_the_command_line_upscales_all_pages_of_a_folder_and_says_what_cannot_be(tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(SAMPLES, folder)
    (folder / "shown.png").unlink()
    picture(folder / "plain.png")
    shutil.copy(SAMPLES / "moving.gif", folder / "other.tif")  # a GIF by content
    shutil.copy(SAMPLES / "scan.tif", folder / "named.jpg")
    expected = {"moving_x2.gif", "moving_x2.webp", "scan_x2.tif", "big_x2.tif", "plain_x2.png"}
    assert caesr(folder, "-o", tmp_path / "out", "--scale", 2, "--pages", "all") == 2
    assert files(tmp_path / "out") == expected
    rows = report(tmp_path / "out")
    for name in ("other.tif", "named.jpg"):
        assert "pages or frames, which such a file does not hold" in rows[name]["error"]
    assert "256 colours" in rows["moving.gif"]["notes"]
    assert inspect(tmp_path / "out" / "scan_x2.tif").pages == 4
    before = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in expected}
    assert caesr(folder, "-o", tmp_path / "out", "--scale", 2, "--pages", "all") == 2
    assert {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in expected} == before
    # First pages alone are other results.
    assert caesr(folder, "-o", tmp_path / "out", "--scale", 2, "--format", "png") == 2
    assert "made with other settings" in report(tmp_path / "out")["plain.png"]["error"]
    assert inspect(tmp_path / "out" / "scan_x2.png").pages == 1


def test_a_single_file_may_be_named(tmp_path):
    assert caesr(SAMPLES / "moving.gif", "-o", tmp_path / "b.gif", "--scale", 2, "--pages", "all") == 0
    assert inspect(tmp_path / "b.gif").pages == 4
    assert caesr(SAMPLES / "moving.gif", "-o", tmp_path / "c.gif", "--scale", 2) == 2  # one frame is no GIF
    assert files(tmp_path) == {"b.gif"}


def test_a_file_of_one_page_is_as_without_the_option(tmp_path):
    source = picture(tmp_path / "a.tif")
    run(source, tmp_path / "all.tif")
    list(steps(source, tmp_path / "first.tif", output=OutputOptions()))
    assert (tmp_path / "all.tif").read_bytes() == (tmp_path / "first.tif").read_bytes()
    Image.open(source).convert("P").save(tmp_path / "a.gif")
    run(tmp_path / "a.gif", tmp_path / "b.gif")
    assert read_picture(tmp_path / "b.gif").pixels.shape[:2] == (40, 48)
