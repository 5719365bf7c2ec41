"""What is written stays true: the tables are those of the results, the commands and files exist."""

import importlib.util
import re

import pytest

from benchmarks import tables
from tests.conftest import ROOT

OTHER_TEXTS = [ROOT / "Makefile", ROOT / "docs" / "crops" / "README.md", *sorted((ROOT / "zoo").rglob("*.md"))]


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_every_table_shows_the_measured_results(page):
    text = page.read_text()
    assert tables.render(text) == text, "run: python -m benchmarks.tables"


def test_every_table_is_on_one_page():
    marked = [name for page in tables.PAGES for _, name, _ in tables.MARKED.findall(page.read_text())]
    assert sorted(marked) == sorted(tables.TABLES)


@pytest.mark.parametrize("page", [*tables.PAGES, *OTHER_TEXTS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_benchmarks_that_is_named_exists(page):
    text = page.read_text()
    for module in re.findall(r"-m (benchmarks[\w.]*\w)", text):
        assert importlib.util.find_spec(module), f"python -m {module}"
    for file in re.findall(r"\b((?:benchmarks|docs|tests)/[\w/]+\.(?:py|md|sh|toml))", text):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("page", tables.PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_to_exists(page):
    for target in re.findall(r"\]\((?!http|#)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_trial_names_tests_that_exist():
    """`folder/test_x.py -k word`: a file of tests/, and a word of a test's name in it."""
    trials = re.findall(r"`([\w/]*test_\w+\.py)(?: -k (\w+))?` \|", (ROOT / "docs" / "reliability.md").read_text())
    assert len(trials) > 20
    for file, word in trials:
        assert re.search(rf"def test_\w*{word}", (ROOT / "tests" / file).read_text()), f"{file} -k {word}"


def test_requirements_constraints_and_pyproject_agree():
    def versions_by_name(file: str) -> dict[str, str]:
        lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
        return dict(re.match(r"([a-z-]+)(.*)", line).groups() for line in lines if line)

    required, tested = versions_by_name("requirements.txt"), versions_by_name("constraints.txt")
    project = (ROOT / "pyproject.toml").read_text()
    for name, versions in required.items():
        assert f'"{name}{versions}"' in project
        assert name in tested, f"constraints.txt does not say which {name} was tested"
