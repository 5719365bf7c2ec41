"""What is written stays true: the tables are those of the results, the commands and files are there."""

import importlib
import re
import sys

import pytest

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import tables

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_every_table_shows_the_measured_results(page):
    text = page.read_text()
    assert tables.SLOT.search(text)
    assert tables.rendered(text) == text, "run: python benchmarks/tables.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_is_there(page):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_trial_names_tests_that_are_there():
    """`test_x.py -k word`: a file, and a word of a test's name in it."""
    trials = re.findall(r"`(test_\w+\.py)(?: -k (\w+))?` \|", (ROOT / "docs" / "reliability.md").read_text())
    assert len(trials) > 20
    for file, word in trials:
        assert re.search(rf"def test_\w*{word}", (ROOT / "tests" / file).read_text()), f"{file} -k {word}"


def test_requirements_constraints_and_pyproject_agree():
    def names(file: str) -> dict[str, str]:
        lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
        return dict(re.match(r"([a-z-]+)(.*)", line).groups() for line in lines if line)

    required, tested = names("requirements.txt"), names("constraints.txt")
    project = (ROOT / "pyproject.toml").read_text()
    for name, versions in required.items():
        assert f'"{name}{versions}"' in project
        assert name in tested, f"constraints.txt does not say which {name} was tested"


def test_every_figure_of_the_plan_is_computed(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    scale = importlib.import_module("scale")
    text = scale.PAGE.read_text()
    assert {name for _, name, _ in scale.SLOT.findall(text)} == set(scale.TEXTS)
    assert scale.rendered(text) == text, "run: python docs/scale.py"
