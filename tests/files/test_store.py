"""Folders on this machine and in object stores: what is listed, and how files come and go."""

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from caesr.files import store
from caesr.files.listed import ListedPicture
from caesr.files.store import StoreError, walk_pictures

FILES = ("b.png", "a.jpg", "notes.txt", ".hidden.png", ".hidden/a.png", "two/a.gif", "one/sub/a.png", "one/b.webp")


@pytest.fixture(params=["disk", "store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a folder with FILES, on the disk and in memory behind fsspec."""
    if request.param == "disk":
        for name in FILES:
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(name.encode())
        yield str(tmp_path)
        return
    fsspec = pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    root = f"/{uuid.uuid4().hex}"
    memory = fsspec.filesystem("memory")
    memory.pipe({f"{root}/{name}": name.encode() for name in FILES})
    yield f"memory:/{root}"
    memory.rm(root, recursive=True)


def walk_names(folder: str, **options: object) -> list[list[str]]:
    """Return the names of the pictures of each folder."""
    found = []
    for files in walk_pictures(folder, **options):
        names = [one.name for one in files if not one.error and not one.skipped]
        found += [names] if names else []
    return found


def left_out(folder: str) -> dict[str, str]:
    """Return why each file is left out or fails."""
    found = [one for files in walk_pictures(folder) for one in files]
    return {one.name: one.error or one.skipped for one in found if one.error or one.skipped}


def test_pictures_are_listed_folder_by_folder_in_the_order_of_their_names(folder: str):
    assert walk_names(folder) == [["a.jpg", "b.png"], ["one/b.webp"], ["one/sub/a.png"], ["two/a.gif"]]
    assert walk_names(folder, deep=False) == [["a.jpg", "b.png"]]


def test_what_is_left_out_has_its_reason(folder: str):
    assert left_out(folder) == {
        ".hidden": "a hidden folder, with all in it",
        ".hidden.png": "hidden",
        "notes.txt": "not a picture"
        if store.is_local(folder)
        else "not called a picture; in a store the suffix counts",
    }


def test_a_picture_without_a_suffix_is_known_by_what_it_holds_in_a_store_too(folder: str):
    for name, data in (("one/photo", b"\xff\xd8\xff\xe0"), ("one/README", b"text"), ("one/scan.JFIF", b"")):
        with store.local_target(store.join(folder, name)) as path:
            path.write_bytes(data)
    assert walk_names(folder)[1] == ["one/b.webp", "one/photo", "one/scan.JFIF"]
    assert left_out(folder)["one/README"] == "not a picture"


def test_an_excluded_folder_is_left_out_with_all_below_it(folder: str):
    assert walk_names(folder, exclude=store.join(folder, "one")) == [["a.jpg", "b.png"], ["two/a.gif"]]
    assert walk_names(folder, exclude=store.join(folder, "one/sub/")) == [
        ["a.jpg", "b.png"],
        ["one/b.webp"],
        ["two/a.gif"],
    ]


def test_stamps_are_the_same_until_a_file_changes(folder: str):
    def stamps() -> list[str]:
        return [picture.stamp for pictures in walk_pictures(folder) for picture in pictures]

    before = stamps()
    assert before == stamps()
    with store.local_target(store.join(folder, "two/a.gif")) as path:
        path.write_bytes(b"something else")
    assert stamps()[:-1] == before[:-1]
    assert stamps()[-1] != before[-1]


def test_a_folder_that_cannot_be_listed_is_a_picture_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    scandir = os.scandir

    def refuse(path: Path) -> Iterator[os.DirEntry]:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    for name in ("locked/a.png", "open/a.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StoreError, match="cannot be listed"):
        next(walk_pictures(str(tmp_path / "locked")))
    (locked,), (readable,) = walk_pictures(str(tmp_path))
    message = f"{tmp_path}/locked cannot be listed (Permission denied); check that you may read it."
    assert locked == ListedPicture("locked", error=message)
    assert readable.name == "open/a.png"


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="the system has no links")
def test_links_to_folders_are_not_followed(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").touch()
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "in" / "a.png")
    assert walk_names(str(tmp_path / "in")) == [["a.png", "b.png"]]
    assert left_out(str(tmp_path / "in")) == {"loop": "a link to a folder, which is not followed; name the folder"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_what_is_no_file_costs_itself_alone_and_fails_if_it_is_called_a_picture(tmp_path: Path):
    (tmp_path / "a.png").touch()
    for suffix in ("", ".png"):
        (tmp_path / f"loop{suffix}").symlink_to(f"loop{suffix}")
        (tmp_path / f"nowhere{suffix}").symlink_to("gone")
        os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / ".jpg").touch()
    assert walk_names(str(tmp_path)) == [["a.png"]]
    reasons = {"loop": "a link to itself; remove it", "nowhere": "a link to nowhere; mend it"}
    reasons |= {"pipe": "a pipe, socket or device, no file"}
    files = [one for files in walk_pictures(str(tmp_path)) for one in files]
    skipped = {one.name: one.skipped for one in files if one.skipped}
    assert skipped == reasons | {"folder.png/.jpg": "hidden"}
    assert {one.name: one.error for one in files if one.error} == {
        f"{name}.png": f"{name}.png: {reason}." for name, reason in reasons.items()
    }


def test_an_ordinary_folder_is_listed_without_a_file_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.png", "b.JPEG", "c.heic", "d.zip", ".e"):
        (tmp_path / name).touch()
    monkeypatch.delattr(Path, "open")
    assert walk_names(str(tmp_path)) == [["a.png", "b.JPEG", "c.heic"]]


def test_a_date_is_that_of_the_file(folder: str):
    changed = store.changed_at(store.join(folder, "b.png"))
    assert changed is not None
    assert abs(changed - time.time()) < 60


def test_a_file_is_copied_to_this_machine_and_the_copy_is_removed(folder: str):
    address = store.join(folder, "one/b.webp")
    with store.local_copy(address) as path:
        assert path.name == "b.webp"
        assert path.read_bytes() == b"one/b.webp"
    assert path.exists() == (store.local_path(address) is not None)
    assert store.exists(address)
    assert not store.exists(store.join(folder, "one/c.webp"))


def test_a_store_that_fails_is_reported_with_its_address():
    pytest.importorskip("fsspec", reason="LEFT OUT: fsspec is not installed.")
    with pytest.raises(StoreError, match="nostore://pictures cannot be reached"):
        store.exists("nostore://pictures")
    with pytest.raises(StoreError, match=r"memory://nowhere/a\.png cannot be read"):
        with store.local_copy("memory://nowhere/a.png"):
            pass
