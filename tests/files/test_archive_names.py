"""Names in zip files: none leads out of the folder, none is lost, each is read in its own encoding."""

import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caesr.files.zips.encodings import decode_names
from tests.zips import PNG, UTF8, list_files, outcome, raw_zip


@pytest.mark.parametrize("name", ["../a.png", "sub/../../a.png", "..\\a.png", "C:\\..\\a.png", ".."])
def test_a_name_that_leads_out_of_the_zip_costs_itself_alone(tmp_path, name):
    archive = raw_zip(tmp_path / "a.zip", [(b"fine.png", b"f"), (name.encode(), b"x")])
    pictures, failed, skipped = outcome(archive, tmp_path / "in" / "out")
    assert pictures == ["fine.png"]
    assert [why.split(": ", 1)[1] for why in {**failed, **skipped}.values()] == [
        f"{name.replace(chr(92), '/')} leads out of the zip; pack it anew."
    ]
    assert list_files(tmp_path) == ["a.zip", "in/out/fine.png"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("/etc/a.png", "etc/a.png"),
        ("C:/a.png", "a.png"),
        ("C:\\photos\\a.png", "photos/a.png"),
        ("\\\\server\\share\\a.png", "server/share/a.png"),
        ("sub//a.png", "sub/a.png"),
        ("./a.png", "a.png"),
        ("day 1\\b.png", "day 1/b.png"),
        ("a\x1b[2J\n.png", "a_[2J_.png"),
        ("a\0b.png", "a_b.png"),
        ("con.png", "con.png" if os.name != "nt" else "_con.png"),
        (" a .png ", " a .png "),
    ],
)
def test_a_name_is_made_safe(tmp_path, name, safe):
    archive = raw_zip(tmp_path / "a.zip", [(name.encode(), PNG)])
    assert outcome(archive, tmp_path / "out") == ([safe], {}, {})
    assert (tmp_path / "out" / safe).read_bytes() == PNG


def test_a_name_that_is_too_long_is_cut_and_stays_the_only_one(tmp_path):
    members = [(f"{'ä' * 300}{end}.png".encode(), PNG) for end in "ab"]
    pictures, failed, _ = outcome(raw_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert len(pictures) == 2
    assert failed == {}
    assert all(len(name.encode()) <= 255 and name.endswith(".png") for name in pictures)


def test_of_names_that_some_disk_takes_for_one_both_files_are_kept(tmp_path):
    names = ["a.png", "A.png", "a.png", "é.png", "e\u0301.png", "B/a.png", "b/a.png"]
    members = [(name.encode(), b"%d" % number) for number, name in enumerate(names, start=1)]
    archive = raw_zip(tmp_path / "a.zip", members)
    pictures, failed, _ = outcome(archive, tmp_path / "out")
    assert failed == {}
    assert sorted((tmp_path / "out" / name).read_bytes() for name in pictures) == [b"%d" % n for n in range(1, 8)]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["Müller.png", "日本.png", "Фото.png", "사진.png", "😀.png"]),
        ("cp437", ["Café.png", "Größe.png", "España/niño.png"]),
        ("cp850", ["São Paulo.png", "Køge.png"]),
        ("cp1252", ["grün.png", "été à la plage.png"]),
        ("gbk", ["照片.png", "新建文件夹/我的图片.png", "猫.png"]),
        ("cp932", ["写真.png", "新しいフォルダー/表.png", "ソース.png"]),
        ("cp866", ["Фото.png", "Новая папка/Море.png"]),
        ("cp1251", ["Фото.png", "отпуск.png"]),
    ],
)
def test_names_without_an_encoding_are_guessed(tmp_path, encoding, names):
    archive = raw_zip(tmp_path / "a.zip", [(name.encode(encoding), PNG) for name in names])
    assert outcome(archive, tmp_path / "out") == (sorted(names), {}, {})


def test_of_names_in_several_encodings_each_is_guessed(tmp_path):
    names = {"é.png": "utf-8", "Café.png": "cp437", "照片.png": "gbk", "写真.png": "cp932", "日本語.png": "utf-8"}
    archive = raw_zip(tmp_path / "a.zip", [(name.encode(encoding), PNG) for name, encoding in names.items()])
    assert outcome(archive, tmp_path / "out") == (sorted(names), {}, {})


def test_a_name_that_is_said_in_unicode_counts_if_it_is_that_of_the_plain_one(tmp_path):
    plain, text = b"????.png", "日本.png".encode()
    for crc, name in ((zlib.crc32(plain), "日本.png"), (1, "????.png")):
        extra = struct.pack("<2HBL", 0x7075, 5 + len(text), 1, crc) + text
        archive = raw_zip(tmp_path / "a.zip", [(plain, PNG)], extra=extra)
        assert outcome(archive, tmp_path / name[:1])[0] == [name]


def test_a_name_that_is_no_utf8_though_it_says_so_is_guessed(tmp_path):
    archive = raw_zip(tmp_path / "a.zip", [("Café.png".encode("cp437"), PNG), (b"b.png", PNG)], flags=UTF8)
    assert outcome(archive, tmp_path / "out")[0] == ["Café.png", "b.png"]


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8))
def test_no_name_is_lost_whatever_its_bytes(names):
    decoded = decode_names(names)
    assert len(decoded) == len(names)
    assert all(isinstance(name.encode(), bytes) for name in decoded)
