"""Names of files: legal, short enough for a disk, and no two alike."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caesr.files.names import MAX_NAME_BYTES, alike, first_free, inner_path, legal_path, numbered, shortened, size

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=400)


@pytest.mark.parametrize(
    ("name", "inner"),
    [("a/b.png", "a/b.png"), ("/a.png", "a.png"), ("C:/a.png", "a.png"), ("./a//b", "a/b"), ("c:a.png", "c:a.png"),
     ("../a", None), ("a/../b", None), ("/", None), ("", None), ("...", "...")],
)  # fmt: skip
def test_a_path_stays_within_its_folder_or_is_none(name, inner):
    assert inner_path(name) == inner


@pytest.mark.parametrize(
    ("name", "on_windows"),
    [("con", "_con"), ("NUL.tar.gz", "_NUL.tar.gz"), ("lpt1", "_lpt1"), ("console.png", "console.png"), ("12", "12"),
     ("a:b?.png", "a_b_.png"), ("a. ", "a_"), ("a\\b", "a_b"), ('"<>|*', "_____"), ("com²", "_com²")],
)  # fmt: skip
def test_windows_takes_fewer_names(name, on_windows):
    assert legal_path(f"{name}/{name}", windows=True) == f"{on_windows}/{on_windows}"
    assert legal_path(name, windows=False) == name


@given(NAMES)
@example("..")
@example("\u0301" * 300)
@example("a" * 300 + "." + "b" * 300)
@example("\udcff" * 256)
@example("\ud800.png")
def test_every_name_becomes_one_that_a_disk_takes(name):
    legal = legal_path(name, windows=False)
    assert 0 < size(legal) <= MAX_NAME_BYTES
    assert legal != ".."
    assert os.fsencode(legal).decode(errors="surrogateescape") == legal  # no character is cut
    assert legal_path(legal, windows=False) == legal


def test_what_is_cut_stays_itself_alone_and_keeps_whole_letters():
    one, other = (shortened("e\u0301" * 200 + end, 100) for end in "ab")
    assert one != other
    assert size(one) <= 100
    assert not one.partition("~")[0].endswith("e")


def test_numbers_are_added_within_the_length_of_a_name():
    long = f"{'a' * 251}.png"
    names = numbered(f"b/{long}")
    assert next(names) == f"b/{long}"
    assert next(names).endswith("_2.png")
    assert size(next(names)) <= MAX_NAME_BYTES + len("b/")


@pytest.mark.parametrize(("one", "other"), [("a.PNG", "A.png"), ("é", "e\u0301"), ("ß", "SS"), ("Å", "a\u030a")])
def test_names_that_some_disk_takes_for_one_are_alike(one, other):
    assert alike(one) == alike(other)
    taken = {alike(one)}
    assert first_free([other, "free"], taken) == "free"
