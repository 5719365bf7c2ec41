"""Zip files: pictures go in and come out as they were, and a zip made to do harm does none."""

import stat
import zipfile
from pathlib import Path

import pytest

from caesr.files.archive import ArchiveError, pack, unpack


def make(path: Path, **members: bytes) -> Path:
    """A zip with these members; `__` in a keyword stands for a slash, `_` before the suffix for its dot."""
    return zipped(path, {name.replace("__", "/").replace("_", "."): data for name, data in members.items()})


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def inside(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_pictures_come_out_with_their_folders_and_nothing_else_does(tmp_path):
    archive = make(tmp_path / "a.zip", b_PNG=b"b", sub__a_jpg=b"a", notes_txt=b"n", run_sh=b"r")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("__MACOSX/sub/._a.jpg", b"m")
        more.writestr(".hidden/a.jpg", b"h")
        more.mkdir("empty.png")
    files = unpack(archive, tmp_path / "out")
    assert files == [tmp_path / "out/b.PNG", tmp_path / "out/sub/a.jpg"]
    assert [file.read_bytes() for file in files] == [b"b", b"a"]
    assert inside(tmp_path / "out") == ["b.PNG", "sub/a.jpg"]


def test_the_same_zip_unpacked_twice_gives_files_of_the_same_time(tmp_path):
    archive = make(tmp_path / "a.zip", a_png=b"a")
    times = {unpack(archive, tmp_path / folder)[0].stat().st_mtime_ns for folder in ("one", "two")}
    assert len(times) == 1


def test_packed_and_unpacked_again_everything_is_as_it_was(tmp_path):
    first = unpack(make(tmp_path / "a.zip", a_png=b"1" * 5000, sub__a_png=b"2"), tmp_path / "one")
    pack(first, tmp_path / "b.zip", root=tmp_path / "one")
    second = unpack(tmp_path / "b.zip", tmp_path / "two")
    assert inside(tmp_path / "one") == inside(tmp_path / "two") == ["a.png", "sub/a.png"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize(
    "name", ["../a.png", "sub/../../a.png", "/etc/a.png", "C:/a.png", "..\\a.png", "sub//a.png", "./a.png"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_written(tmp_path, name):
    archive = zipped(tmp_path / "a.zip", {"fine.png": b"f", name: b"x"})
    with pytest.raises(ArchiveError, match="outside of its folder"):
        unpack(archive, tmp_path / "in" / "out")
    assert inside(tmp_path) == ["a.zip"]


def test_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_what_is_too_large_or_too_much_is_refused_before_it_is_unpacked(tmp_path):
    bomb = make(tmp_path / "bomb.zip", a_png=bytes(10_000_000))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(ArchiveError, match="GB unpacked"):
        unpack(bomb, tmp_path / "out", most_bytes=1_000_000)
    many = make(tmp_path / "many.zip", **{f"a{n}_png": b"" for n in range(4)})
    with pytest.raises(ArchiveError, match="4 pictures"):
        unpack(many, tmp_path / "out", most_files=3)
    assert inside(tmp_path / "out") == []


def test_a_zip_that_lies_about_a_size_writes_no_more_than_it_declared(tmp_path):
    archive = make(tmp_path / "a.zip", a_png=bytes(1_000_000))
    data = archive.read_bytes().replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(data)
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(archive, tmp_path / "out")
    assert sum(file.stat().st_size for file in (tmp_path / "out").rglob("*")) <= 10


def test_names_that_differ_only_in_capitals_are_refused(tmp_path):
    with pytest.raises(ArchiveError, match="two files"):
        unpack(zipped(tmp_path / "a.zip", {"a.png": b"", "A.png": b""}), tmp_path / "out")


def test_an_encrypted_zip_is_one_clear_sentence(tmp_path):
    data = bytearray(make(tmp_path / "a.zip", a_png=b"x").read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag in both headers
        data[data.index(signature) + at] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(ArchiveError, match="encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_a_broken_zip_is_one_clear_sentence(tmp_path):
    whole = make(tmp_path / "a.zip", a_png=bytes(range(256)) * 100).read_bytes()
    harm = bytearray(whole)
    harm[60:90] = bytes(30)  # inside the packed data
    for data in (b"", b"no zip at all", whole[:-30], bytes(harm)):
        (tmp_path / "broken.zip").write_bytes(data)
        with pytest.raises(ArchiveError, match=r"broken\.zip is no zip or a damaged one"):
            unpack(tmp_path / "broken.zip", tmp_path / "out")
    with pytest.raises(ArchiveError, match="No such file"):
        unpack(tmp_path / "missing.zip", tmp_path / "out")


def test_a_zip_without_a_picture_says_so(tmp_path):
    with pytest.raises(ArchiveError, match="no picture"):
        unpack(make(tmp_path / "a.zip", notes_txt=b""), tmp_path / "out")


def test_two_files_of_one_name_are_not_packed_and_leave_nothing_behind(tmp_path):
    files = unpack(make(tmp_path / "a.zip", a_png=b"1", sub__a_png=b"2"), tmp_path / "one")
    with pytest.raises(ArchiveError, match=r"two files called a\.png"):
        pack(files, tmp_path / "b.zip")
    assert inside(tmp_path) == ["a.zip", "one/a.png", "one/sub/a.png"]
