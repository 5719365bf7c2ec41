"""Examples in README and docs: the Python runs as it is printed, and the command line accepts the commands."""

import re
import shlex

import pytest
from PIL import Image

from caesr.cli import VERBS, make_parser
from tests.conftest import ROOT
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


@pytest.mark.parametrize(("page", "program", "words"), COMMANDS)
def test_a_command_is_one_that_the_program_accepts(page, program, words, monkeypatch):
    monkeypatch.delenv("CAESR_HUB_NAMESPACE", raising=False)
    arguments = shlex.split(words, comments=True)
    if program == "caesr" and arguments[0] not in VERBS:
        arguments.insert(0, "upscale")
    parser = make_parser() if program == "caesr" else build_parser()
    assert parser.parse_args(arguments)
