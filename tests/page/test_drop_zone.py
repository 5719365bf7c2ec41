"""The files of a drop zone: what the page made itself is taken, and nothing that was forged."""

from pathlib import Path

import pytest
from gradio.utils import get_upload_folder

from caesr.page.drop_zone import Dropped, dropped_files, shown_name
from tests.conftest import ROOT

CAT = ROOT / "examples" / "cat.png"


@pytest.fixture
def uploaded(tmp_path, monkeypatch) -> Path:
    """Return a file in the folder of uploads."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    file = Path(get_upload_folder()) / "abc" / "photo 1.jpg"
    file.parent.mkdir(parents=True)
    file.touch()
    return file


def test_an_upload_is_taken_by_the_name_that_the_visitor_knows(uploaded):
    value = [{"path": str(uploaded), "orig_name": "photo (1).jpg", "meta": {"_type": "gradio.FileData"}}]
    assert dropped_files(value) == [Dropped(uploaded, "photo (1).jpg")]


def test_an_example_is_taken_by_its_name():
    assert dropped_files([{"example": "cat.png"}], [CAT]) == [Dropped(CAT, "cat.png")]


@pytest.mark.parametrize("value", [None, "", [], {}, "cat.png"])
def test_no_files_are_none(value):
    assert dropped_files(value, [CAT]) == []


@pytest.mark.parametrize(
    "file",
    [
        {"path": "/etc/hostname"}, {"path": str(CAT)}, {"path": None}, {"path": ["a"]}, {}, "text", None, 7,
        {"example": "../app.py"}, {"example": ["cat.png"]}, {"path": "PLACE/../../outside"},
        {"path": "PLACE/missing.png"},
    ],
)  # fmt: skip
def test_whatever_was_not_uploaded_is_refused(uploaded, file):
    if isinstance(file, dict) and isinstance(file.get("path"), str):
        file = {"path": file["path"].replace("PLACE", get_upload_folder())}
    with pytest.raises(ValueError, match="Choose it again"):
        dropped_files([file], [CAT])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("holiday/beach.jpg", "holiday/beach.jpg"), ("C:\\photos\\beach.jpg", "C:/photos/beach.jpg"),
        ("../../etc/beach.jpg", "etc/beach.jpg"), ("/beach.jpg", "beach.jpg"), ("a\u202eb\n.jpg", "ab.jpg"),
        ("", "x.jpg"), (None, "x.jpg"), (7, "x.jpg"), ("..", "x.jpg"),
    ],
)  # fmt: skip
def test_a_name_leads_out_of_no_folder(name, shown):
    assert shown_name(name, "x.jpg") == shown
