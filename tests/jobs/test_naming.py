"""Names of results: one rule, no two of a folder alike, and none taken for a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesr.jobs.naming import format_note, result_name, result_names, without_results
from caesr.options import OutputOptions, UpscaleOptions

PNG, SAME = OutputOptions("png"), OutputOptions()
STEMS = st.sampled_from(["a", "A", "a_2", "a_jpg", "a_png", "a_jpg_2", "a_jpg_jpg", "a.b", "ä b"])
SUFFIXES = st.sampled_from(["jpg", "JPG", "jpeg", "png", "tif"])
PICTURES = st.lists(st.builds("{}.{}".format, STEMS, SUFFIXES), unique=True, max_size=12)
UPSCALINGS = st.sampled_from([UpscaleOptions(), UpscaleOptions(scale=2.5), UpscaleOptions(megapixels=0.5)])
OUTPUTS = st.sampled_from([PNG, SAME, OutputOptions("jpg")])


@pytest.mark.parametrize(
    ("source", "options", "result"),
    [
        ("photo.jpg", {}, "photo_x4.png"),
        ("sub/photo.jpg", {"scale": 2.5}, "sub/photo_x2.5.png"),
        ("photo.of.me.tiff", {"width": 1920}, "photo.of.me_1920w.png"),
        ("photo.jpg", {"height": 1080}, "photo_1080h.png"),
        ("photo.jpg", {"long_side": 3000}, "photo_3000px.png"),
        ("photo.jpg", {"megapixels": 12}, "photo_12mp.png"),
    ],
)
def test_a_result_is_named_after_its_picture_and_the_size_that_was_asked_for(source, options, result):
    assert result_name(source, UpscaleOptions(**options), PNG) == result


@pytest.mark.parametrize("stem", ["a" * 251, "ä" * 125, "日" * 83, "😀" * 62, "e\u0301" * 83, "x" * 245 + ".b"])
def test_a_name_that_would_be_too_long_is_cut_between_letters_and_stays_the_only_one(stem):
    pictures = [f"sub/{stem[:-1]}{end}.{suffix}" for end in "AB" for suffix in ("jpg", "png")]
    results = result_names(pictures, UpscaleOptions(), PNG)
    assert len(set(results.values())) == len(pictures)
    for name in results.values():
        assert name.startswith(f"sub/{stem[:20]}")
        assert name.endswith("_x4.png")
        assert len(name.removeprefix("sub/").encode()) <= 255
    assert result_names(pictures[1:], UpscaleOptions(), PNG)[pictures[3]] == results[pictures[3]]
    assert without_results([*pictures, *results.values()]) == pictures


@pytest.mark.parametrize(
    ("source", "result"),
    [
        (".jpg", ".jpg_x4.png"),
        ("-photo.jpg", "-photo_x4.png"),
        ("123.jpg", "123_x4.png"),
        ("con.jpg", "con_x4.png"),
        ("photo", "photo_x4.png"),
        ("a\nb.jpg", "a_b_x4.png"),
        ("../a.jpg", "__/a_x4.png"),
        ("日本 é😀 .jpg", "日本 é😀 _x4.png"),
    ],
)
def test_a_result_has_a_name_that_every_system_takes(source, result):
    assert result_name(source, UpscaleOptions(), PNG) == result


def test_names_that_some_disk_takes_for_one_have_results_of_two_names():
    names = result_names(["é.png", "e\u0301.png", "É.png"], UpscaleOptions(), PNG)
    assert sorted(names.values()) == ["e\u0301_png_x4.png", "É_png_2_x4.png", "é_png_3_x4.png"]


def test_what_others_were_called_is_not_given_again():
    taken: set[str] = set()
    one = result_names(["A/a.png"], UpscaleOptions(), PNG, taken=taken)
    other = result_names(["a/a.png"], UpscaleOptions(), PNG, taken=taken)
    assert (one["A/a.png"], other["a/a.png"]) == ("A/a_x4.png", "a/a_2_x4.png")


def test_a_result_is_named_after_the_format_that_was_asked_for():
    assert result_name("photo.png", UpscaleOptions(), OutputOptions("webp")) == "photo_x4.webp"


@pytest.mark.parametrize(
    ("source", "result", "note"),
    [
        *((f"photo.{suffix}", "photo_x4.jpg", "") for suffix in ("jpg", "JPEG", "jpe", "jfif", "mpo")),
        *((f"a.{suffix}", f"a_x4.{suffix}", "") for suffix in ("png", "webp", "tif", "avif", "jxl")),
        ("a.apng", "a_x4.png", ""),
        ("a.tiff", "a_x4.tif", ""),
        ("a.heic", "a_x4.jpg", "A HEIC is not written, so the result is a JPG."),
        ("a.gif", "a_x4.png", "A GIF is not written, so the result is a PNG."),
        ("a.bmp", "a_x4.png", "A BMP is not written, so the result is a PNG."),
        ("a", "a_x4.png", "Its name says no format, so the result is a PNG."),
    ],
)
def test_by_default_a_result_has_the_format_of_its_picture_or_that_is_said(source, result, note):
    assert result_name(source, UpscaleOptions(), SAME) == result
    assert "".join(format_note(source, SAME)) == note
    assert format_note(source, OutputOptions("png")) == ()


def test_by_default_pictures_of_two_formats_need_no_suffix_to_be_told_apart():
    names = result_names(["photo.jpg", "photo.png", "a.jpg", "a.jpeg"], UpscaleOptions(), SAME)
    assert list(names.values()) == ["a_jpeg_x4.jpg", "a_jpg_x4.jpg", "photo_x4.jpg", "photo_x4.png"]


def test_pictures_that_differ_in_their_suffix_have_results_that_name_it():
    names = result_names(["s/photo.jpg", "s/photo.png", "s/other.png"], UpscaleOptions(), PNG)
    assert names == {
        "s/photo.jpg": "s/photo_jpg_x4.png",
        "s/photo.png": "s/photo_png_x4.png",
        "s/other.png": "s/other_x4.png",
    }


def test_a_name_that_is_still_taken_is_numbered():
    names = result_names(["photo.jpg", "photo.png", "photo_jpg.png"], UpscaleOptions(), PNG)
    assert names["photo_jpg.png"] == "photo_jpg_2_x4.png"


@given(PICTURES, UPSCALINGS, OUTPUTS)
def test_every_picture_has_a_result_and_no_two_of_a_folder_have_the_same(pictures, upscale, output):
    names = result_names(pictures, upscale, output)
    assert set(names) == set(pictures)
    assert len({name.casefold() for name in names.values()}) == len(pictures)


@given(PICTURES, PICTURES, UPSCALINGS, OUTPUTS)
def test_pictures_that_are_added_change_no_name_that_was_given(pictures, added, upscale, output):
    before = result_names(pictures, upscale, output)
    after = result_names([*pictures, *added], upscale, output, before)
    assert {name: after[name] for name in pictures} == before
    assert len({name.casefold() for name in after.values()}) == len({*pictures, *added})


@given(PICTURES, UPSCALINGS, OUTPUTS)
def test_results_beside_their_pictures_are_recognised_and_the_pictures_stay(pictures, upscale, output):
    results = result_names(pictures, upscale, output).values()
    assert without_results([*pictures, *results]) == pictures


@pytest.mark.parametrize("name", ["photo_x4.png", "photo_1920w.jpg", "photo_12mp.tif"])
def test_what_looks_like_a_result_of_no_other_picture_is_a_picture(name):
    assert without_results([name, "other.jpg"]) == [name, "other.jpg"]
    assert without_results([name, "photo.jpg"]) == ["photo.jpg"]
