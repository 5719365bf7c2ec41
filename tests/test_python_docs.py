"""Examples in README and docs: the Python runs as it is printed, and the command line accepts the commands."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from caesr import Upscaler, load_family
from caesr.cli import VERBS, make_parser
from tests.conftest import ROOT
from tests.pictures import GPS, MAKE, ORIENTATION, make_exif, make_profile
from zoo.cli import build_parser

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/python.md")
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL), start=1)
]
COMMAND = re.compile(r"^    (?:[A-Z_]+=\S+ )*(?:python -m )?(caesr|zoo) (.+)$", re.MULTILINE)
COMMANDS = [(page.name, *found) for page in PAGES for found in COMMAND.findall(page.read_text())]


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_of_python_runs(code, tmp_path, monkeypatch, photograph):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(photograph[:32, :48]).save("photo.jpg")
    exec(compile(code, "example", "exec"), {})


def save_portrait(photograph: np.ndarray) -> np.ndarray:
    """Save photo.jpg as a phone does, on its side with a profile and a location; return it upright."""
    Image.fromarray(photograph[:32, :48]).save("photo.jpg", exif=make_exif(6), icc_profile=make_profile(), quality=95)
    return np.rot90(np.asarray(Image.open("photo.jpg")), -1)


def test_an_example_turns_a_phones_portrait_upright_and_keeps_its_profile(tmp_path, monkeypatch, photograph):
    monkeypatch.chdir(tmp_path)
    upright = save_portrait(photograph)
    code = next(example.values[0] for example in EXAMPLES if "scale=2.5" in example.values[0])
    exec(compile(code, "README.md", "exec"), {})
    with Image.open("large.png") as large:
        assert large.info["icc_profile"] == make_profile()
        assert ORIENTATION not in large.getexif()
        assert np.array_equal(np.asarray(large), Upscaler(load_family("lite"))(upright, scale=2.5))


def test_an_example_saves_a_jpeg_with_all_that_is_kept(tmp_path, monkeypatch, photograph):
    monkeypatch.chdir(tmp_path)
    save_portrait(photograph)
    code = next(example.values[0] for example in EXAMPLES if "**kept" in example.values[0])
    exec(compile(code, "docs/python.md", "exec"), {})
    with Image.open("large.jpg") as large:
        assert large.size == (64, 96)
        assert large.info["icc_profile"] == make_profile()
        exif = large.getexif()
        assert (exif[MAKE], exif[ORIENTATION]) == ("Camera Works", 1)
        assert GPS not in exif


@pytest.mark.parametrize(("page", "program", "words"), COMMANDS)
def test_a_command_is_one_that_the_program_accepts(page, program, words, monkeypatch):
    monkeypatch.delenv("CAESR_HUB_NAMESPACE", raising=False)
    arguments = shlex.split(words, comments=True)
    if program == "caesr" and arguments[0] not in VERBS:
        arguments.insert(0, "upscale")
    parser = make_parser() if program == "caesr" else build_parser()
    assert parser.parse_args(arguments)
