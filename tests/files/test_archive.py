"""Zip files: pictures go in and come out unchanged, and malicious zips do no harm."""

import stat
import zipfile
from pathlib import Path

import pytest

from caesr.files.archive import ArchiveError, pack, unpack


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def list_files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_pictures_are_unpacked_with_their_folders_and_nothing_else_is(tmp_path):
    members = {"b.PNG": b"b", "sub/a.jpg": b"a", "notes.txt": b"n", "run.sh": b"r"}
    archive = make_zip(tmp_path / "a.zip", members | {"__MACOSX/sub/._a.jpg": b"m", ".hidden/a.jpg": b"h"})
    with zipfile.ZipFile(archive, "a") as more:
        more.mkdir("empty.png")
    files = unpack(archive, tmp_path / "out")
    assert files == [tmp_path / "out/b.PNG", tmp_path / "out/sub/a.jpg"]
    assert [file.read_bytes() for file in files] == [b"b", b"a"]
    assert list_files(tmp_path / "out") == ["b.PNG", "sub/a.jpg"]


def test_the_same_zip_unpacked_twice_gives_files_of_the_same_time(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.png": b"a"})
    times = {unpack(archive, tmp_path / folder)[0].stat().st_mtime_ns for folder in ("one", "two")}
    assert len(times) == 1


def test_packing_and_unpacking_gives_the_same_files(tmp_path):
    first = unpack(make_zip(tmp_path / "a.zip", {"a.png": b"1" * 5000, "sub/a.png": b"2"}), tmp_path / "one")
    pack(first, tmp_path / "b.zip", root=tmp_path / "one")
    second = unpack(tmp_path / "b.zip", tmp_path / "two")
    assert list_files(tmp_path / "one") == list_files(tmp_path / "two") == ["a.png", "sub/a.png"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize(
    "name", ["../a.png", "sub/../../a.png", "/etc/a.png", "C:/a.png", "..\\a.png", "sub//a.png", "./a.png"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(tmp_path, name):
    archive = make_zip(tmp_path / "a.zip", {"fine.png": b"f", name: b"x"})
    with pytest.raises(ArchiveError, match="outside of its folder"):
        unpack(archive, tmp_path / "in" / "out")
    assert list_files(tmp_path) == ["a.zip"]


def test_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_too_many_bytes_or_files_are_refused_before_they_are_unpacked(tmp_path):
    bomb = make_zip(tmp_path / "bomb.zip", {"a.png": bytes(10_000_000)})
    assert bomb.stat().st_size < 20_000
    with pytest.raises(ArchiveError, match=r"takes 0\.0 GB unpacked, and 0\.0 GB"):
        unpack(bomb, tmp_path / "out", max_bytes=1_000_000)
    many = make_zip(tmp_path / "many.zip", {f"a{n}.png": b"" for n in range(4)})
    with pytest.raises(ArchiveError, match="4 pictures, over the limit of 3"):
        unpack(many, tmp_path / "out", max_files=3)
    assert list_files(tmp_path / "out") == []


def test_a_zip_that_lies_about_a_size_writes_no_more_than_it_declared(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.png": bytes(1_000_000)})
    data = archive.read_bytes().replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(archive, tmp_path / "out")
    assert sum(file.stat().st_size for file in (tmp_path / "out").rglob("*")) <= 10


def test_names_that_differ_only_in_case_are_refused(tmp_path):
    with pytest.raises(ArchiveError, match="two files"):
        unpack(make_zip(tmp_path / "a.zip", {"a.png": b"", "A.png": b""}), tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path):
    data = bytearray(make_zip(tmp_path / "a.zip", {"a.png": b"x"}).read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in both headers
        data[data.index(signature) + at] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_damaged_or_missing_zip_is_refused(tmp_path):
    valid = make_zip(tmp_path / "a.zip", {"a.png": bytes(range(256)) * 100}).read_bytes()
    damaged = bytearray(valid)
    damaged[60:90] = bytes(30)  # inside the packed data
    for data in (b"", b"no zip at all", valid[:-30], bytes(damaged)):
        (tmp_path / "broken.zip").write_bytes(data)
        with pytest.raises(ArchiveError, match=r"broken\.zip is no zip or a damaged one"):
            unpack(tmp_path / "broken.zip", tmp_path / "out")
    with pytest.raises(ArchiveError, match="No such file"):
        unpack(tmp_path / "missing.zip", tmp_path / "out")


def test_a_zip_without_a_picture_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="no picture"):
        unpack(make_zip(tmp_path / "a.zip", {"notes.txt": b""}), tmp_path / "out")


def test_two_files_of_one_name_are_not_packed_and_leave_nothing_behind(tmp_path):
    files = unpack(make_zip(tmp_path / "a.zip", {"a.png": b"1", "sub/a.png": b"2"}), tmp_path / "one")
    with pytest.raises(ArchiveError, match=r"two files called a\.png"):
        pack(files, tmp_path / "b.zip")
    assert list_files(tmp_path) == ["a.zip", "one/a.png", "one/sub/a.png"]
