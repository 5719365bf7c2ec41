"""Zip files: pictures go in and come out unchanged, malicious zips do no harm, a broken member costs itself alone."""

import os
import random
import stat
import struct
import time
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caesr.files.zips.archive import ArchiveError, pack, read_member, unpack
from tests.zips import PNG, list_files, make_zip, outcome, raw_zip
from zoo.messages import Message


def test_pictures_are_unpacked_with_their_folders_and_everything_else_is_listed_with_its_reason(tmp_path):
    members = {"b.PNG": b"b", "sub/a.jpg": b"a", "notes.txt": b"n", "run.sh": b"r", "Thumbs.db": b"\xd0\xcf\x11\xe0"}
    members |= {"__MACOSX/sub/._a.jpg": b"m", ".hidden/a.jpg": b"h", "void": b"", "more.zip": b"PK", "c.psd": b"8BPS"}
    archive = make_zip(tmp_path / "a.zip", members)
    with zipfile.ZipFile(archive, "a") as more:
        more.mkdir("empty.png")
    pictures, failed, skipped = outcome(archive, tmp_path / "out")
    assert pictures == ["b.PNG", "sub/a.jpg"]
    assert [(tmp_path / "out" / name).read_bytes() for name in pictures] == [b"b", b"a"]
    assert failed == {}
    assert skipped == {
        "__MACOSX/sub/._a.jpg": "hidden",
        ".hidden/a.jpg": "hidden",
        "notes.txt": "not a picture",
        "run.sh": "not a picture",
        "Thumbs.db": "not a picture",
        "void": "empty",
        "more.zip": "a zip within; name it as an input of its own",
        "c.psd": "a Photoshop document, which cannot be read here; export it as a PNG, JPEG or TIFF",
    }


def test_pictures_are_known_by_what_they_hold_if_their_names_do_not_say_it(tmp_path):
    members = {"photo": b"\xff\xd8\xff\xe0", "scan.dat": PNG, "b.jfif": b"b", "c.mpo": b"c"}
    archive = make_zip(tmp_path / "a.zip", members)
    assert outcome(archive, tmp_path / "out")[0] == ["b.jfif", "c.mpo", "photo", "scan.dat"]


def test_the_same_zip_unpacked_twice_gives_files_of_the_same_time_and_stamp(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.png": b"a"})
    stamps = {unpack(archive, tmp_path / folder)[0].stamp for folder in ("one", "two")}
    assert len(stamps) == 1
    status = (tmp_path / "one/a.png").stat()
    assert stamps == {f"{status.st_size} {status.st_mtime_ns}"}


def test_a_file_gets_its_date_in_the_zip(tmp_path):
    moment = int(time.mktime((2021, 3, 4, 5, 6, 8, 0, 0, -1)))
    info = zipfile.ZipInfo("a.png", (2021, 3, 4, 5, 6, 8))
    with zipfile.ZipFile(tmp_path / "dos.zip", "w") as archive:
        archive.writestr(info, b"a")
    unpack(tmp_path / "dos.zip", tmp_path / "dos")
    unix = struct.pack("<2HBl", 0x5455, 5, 1, moment + 12345)
    unpack(raw_zip(tmp_path / "unix.zip", [(b"a.png", b"a")], extra=unix), tmp_path / "unix")
    assert (tmp_path / "dos/a.png").stat().st_mtime == moment
    assert (tmp_path / "unix/a.png").stat().st_mtime == moment + 12345


def test_packing_and_unpacking_gives_the_same_files(tmp_path):
    first = [tmp_path / "one" / name for name in ("a.png", "sub/a.png", "日本 ä=+.png")]
    for number, file in enumerate(first):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"%d" % number * 5000)
    pack(first, tmp_path / "b.zip", root=tmp_path / "one")
    pictures, *_ = outcome(tmp_path / "b.zip", tmp_path / "two")
    assert pictures == ["a.png", "sub/a.png", "日本 ä=+.png"]
    assert [(tmp_path / "two" / name).read_bytes() for name in pictures] == [file.read_bytes() for file in first]


def with_flag(data: bytes, name: bytes, flag: int) -> bytes:
    """Return a zip with a flag of one member set, in both its headers."""
    damaged = bytearray(data)
    for signature, at, name_at in ((b"PK\3\4", 6, 30), (b"PK\1\2", 8, 46)):
        place = damaged.index(signature)
        while damaged[place + name_at : place + name_at + len(name)] != name:
            place = damaged.index(signature, place + 1)
        damaged[place + at] |= flag
    return bytes(damaged)


def test_an_encrypted_member_costs_itself_alone(tmp_path):
    data = make_zip(tmp_path / "a.zip", {"a.png": b"x", "b.png": b"y"}).read_bytes()
    (tmp_path / "a.zip").write_bytes(with_flag(data, b"a.png", 1))
    pictures, failed, _ = outcome(tmp_path / "a.zip", tmp_path / "out")
    assert pictures == ["b.png"]
    assert failed == {"a.png": "a.zip: a.png is encrypted; unpack it yourself, or pack it without a password."}


def test_a_link_costs_itself_alone(tmp_path):
    link = zipfile.ZipInfo("a.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b.png", b"b")
    pictures, failed, _ = outcome(tmp_path / "a.zip", tmp_path / "out")
    assert pictures == ["b.png"]
    assert "a.png is a link" in failed["a.png"]


def test_a_damaged_member_costs_itself_alone(tmp_path):
    noise = random.Random(1).randbytes(3000)
    data = bytearray(make_zip(tmp_path / "a.zip", {"a.png": noise, "b.png": b"b", "c.txt": noise}).read_bytes())
    for start in (60, data.index(b"c.txt") + 40):  # inside the packed data
        data[start : start + 30] = bytes(30)
    (tmp_path / "a.zip").write_bytes(data)
    pictures, failed, skipped = outcome(tmp_path / "a.zip", tmp_path / "out")
    assert pictures == ["b.png"]
    assert failed["a.png"].startswith("a.zip: a.png is damaged (")
    assert set(failed) | set(skipped) == {"a.png", "c.txt"}


def test_a_member_of_an_unknown_method_costs_itself_alone(tmp_path):
    data = make_zip(tmp_path / "a.zip", {"a.png": b"a" * 100, "b.png": b"b"}).read_bytes()
    at = data.index(b"PK\1\2") + 10
    (tmp_path / "a.zip").write_bytes(data[:at] + struct.pack("<H", 97) + data[at + 2 :])
    pictures, failed, _ = outcome(tmp_path / "a.zip", tmp_path / "out")
    assert pictures == ["b.png"]
    assert "a.png is packed in a rare way" in failed["a.png"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_known_method_is_unpacked(tmp_path, method):
    noise = random.Random(2).randbytes(100_000) + bytes(100_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.png", noise)
    assert outcome(tmp_path / "a.zip", tmp_path / "out")[0] == ["a.png"]
    assert (tmp_path / "out/a.png").read_bytes() == noise


@pytest.mark.parametrize("declared", [10, 999_999, 1_000_001, 30_000_000])
def test_a_member_that_lies_about_its_size_costs_itself_alone(tmp_path, declared):
    archive = make_zip(tmp_path / "a.zip", {"a.png": bytes(1_000_000), "b.png": b"b"})
    data = archive.read_bytes().replace((1_000_000).to_bytes(4, "little"), declared.to_bytes(4, "little"))
    archive.write_bytes(data)
    pictures, failed, _ = outcome(archive, tmp_path / "out")
    assert pictures == ["b.png"]
    assert list(failed) == ["a.png"]


def test_a_member_over_the_limit_costs_itself_alone(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"a.png": b"a", "b.png": bytes(3_000_000)})
    with zipfile.ZipFile(archive) as whole:
        packed = whole.getinfo("b.png").compress_size
    data = archive.read_bytes()
    for old, new in ((3_000_000, 2_500_000_000), (packed, 2_600_000)):
        data = data.replace(old.to_bytes(4, "little"), new.to_bytes(4, "little"))
    archive.write_bytes(data)
    pictures, failed, _ = outcome(archive, tmp_path / "out")
    assert pictures == ["a.png"]
    assert "b.png takes 2.5 GB unpacked, over the limit of 2 GB" in failed["b.png"]


def test_too_many_bytes_or_files_are_refused_before_they_are_unpacked(tmp_path):
    bomb = make_zip(tmp_path / "bomb.zip", {"a.png": bytes(10_000_000)})
    assert bomb.stat().st_size < 20_000
    with pytest.raises(ArchiveError, match=r"takes 0\.0 GB unpacked, and 0\.0 GB"):
        unpack(bomb, tmp_path / "out", max_bytes=1_000_000)
    many = make_zip(tmp_path / "many.zip", {f"a{n}.png": b"" for n in range(4)})
    with pytest.raises(ArchiveError, match="4 pictures, over the limit of 3"):
        unpack(many, tmp_path / "out", max_files=3)
    others = make_zip(tmp_path / "others.zip", {f"a{n}.txt": b"" for n in range(40)})
    with pytest.raises(ArchiveError, match="more than 33 files"):
        unpack(others, tmp_path / "out", max_files=3)
    assert list_files(tmp_path / "out") == []


def test_a_zip_whose_members_overlap_is_refused(tmp_path):
    """https://www.bamsoftware.com/hacks/zipbomb: many entries of the directory share one body."""
    data = raw_zip(tmp_path / "a.zip", [(b"a.png", bytes(1000))]).read_bytes()
    body, entry = data[: data.index(b"PK\1\2")], data[data.index(b"PK\1\2") : data.index(b"PK\5\6")]
    end = struct.pack("<4H2LH", 0, 0, 2, 2, 2 * len(entry), len(body), 0)
    (tmp_path / "a.zip").write_bytes(body + entry + entry.replace(b"a.png", b"b.png") + b"PK\5\6" + end)
    with pytest.raises(ArchiveError, match="uses the same bytes for two files"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("before", "comment"), [(b"#!/bin/sh\n" * 99, b""), (b"", b"PK\5\6" * 9), (b"MZ" * 50, b"x" * 999)]
)
def test_what_is_before_a_zip_and_after_it_does_not_matter(tmp_path, before, comment):
    archive = raw_zip(tmp_path / "a.zip", [(b"a.png", PNG), (b"b.png", PNG)], before=before, comment=comment)
    assert outcome(archive, tmp_path / "out")[0] == ["a.png", "b.png"]


def test_a_zip_that_was_written_to_a_pipe_and_a_zip64_are_unpacked(tmp_path):
    class Pipe:
        def __init__(self, file):
            self.write, self.flush = file.write, file.flush

    with (tmp_path / "piped.zip").open("wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
        archive.writestr("a.png", PNG)
    with zipfile.ZipFile(tmp_path / "long.zip", "w") as archive, archive.open("a.png", "w", force_zip64=True) as member:
        member.write(PNG)
    data = raw_zip(tmp_path / "wide.zip", [(b"a.png", PNG)], extra=struct.pack("<2H3Q", 1, 24, len(PNG), len(PNG), 0))
    whole = bytearray(data.read_bytes())
    entry, end = whole.index(b"PK\1\2"), whole.index(b"PK\5\6")
    whole[entry + 20 : entry + 28] = b"\xff" * 8
    whole[entry + 42 : entry + 46] = b"\xff" * 4
    wide_end = b"PK\6\6" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 1, 1, end - entry, entry)
    locator = b"PK\6\7" + struct.pack("<LQL", 0, end, 1)
    short_end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    data.write_bytes(whole[:end] + wide_end + locator + short_end)
    for name in ("piped", "long", "wide"):
        assert outcome(tmp_path / f"{name}.zip", tmp_path / name)[0] == ["a.png"]
        assert (tmp_path / name / "a.png").read_bytes() == PNG


def test_a_damaged_or_missing_zip_is_refused(tmp_path):
    valid = make_zip(tmp_path / "a.zip", {"a.png": bytes(range(256)) * 100}).read_bytes()
    directory = valid.index(b"PK\1\2")
    for data in (b"", b"no zip at all", valid[:-30], valid[:directory] + b"PK\0\0" + valid[directory + 4 :]):
        (tmp_path / "broken.zip").write_bytes(data)
        with pytest.raises(ArchiveError, match=r"broken\.zip is no zip or a damaged one"):
            unpack(tmp_path / "broken.zip", tmp_path / "out")
    with pytest.raises(ArchiveError, match="No such file"):
        unpack(tmp_path / "missing.zip", tmp_path / "out")


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_a_damaged_zip_is_read_as_far_as_it_goes_or_refused(tmp_path_factory, seed, count):
    """Bytes anywhere are changed, most of them in headers; whatever comes of it is a list or an ArchiveError."""
    chance, folder = random.Random(seed), tmp_path_factory.mktemp("zip")
    extra = struct.pack("<2HBl", 0x5455, 5, 1, 0)
    data = bytearray(raw_zip(folder / "a.zip", [(b"a.png", PNG), (b"sub/\x82.png", PNG)], extra=extra).read_bytes())
    for _ in range(count):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 255, chance.randrange(256)))
    (folder / "a.zip").write_bytes(data)
    try:
        listed = unpack(folder / "a.zip", folder / "out")
    except ArchiveError as error:
        assert isinstance(error.args[0], Message)  # noqa: PT017
    else:
        whole = [found.name for found in listed if not found.error and not found.skipped]
        assert list_files(folder / "out") == sorted(whole)
        assert list_files(folder) == sorted(["a.zip", *(f"out/{name}" for name in whole)])


def test_a_member_is_read_if_it_is_there_and_not_too_long(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"manifest.jsonl": b"{}\n", "a.png": b"a"})
    assert read_member(archive, "manifest.jsonl", 3) == b"{}\n"
    assert read_member(archive, "manifest.jsonl", 2) is None
    assert read_member(archive, "report.csv", 99) is None


def test_two_files_of_one_name_are_not_packed_and_leave_nothing_behind(tmp_path):
    unpack(make_zip(tmp_path / "a.zip", {"a.png": b"1", "sub/a.png": b"2"}), tmp_path / "one")
    with pytest.raises(ArchiveError, match=r"two files called a\.png"):
        pack([tmp_path / "one/a.png", tmp_path / "one/sub/a.png"], tmp_path / "b.zip")
    assert list_files(tmp_path) == ["a.zip", "one/a.png", "one/sub/a.png"]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_whose_name_is_no_text_is_packed(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9.png")
    file.write_bytes(b"1")
    pack([file], tmp_path / "b.zip")
    assert outcome(tmp_path / "b.zip", tmp_path / "out")[0] == ["caf%E9.png"]
