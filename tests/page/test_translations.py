"""What the page says: the same in both languages, and nothing that it does not."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from string import Formatter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from caesr.page.translations import FILES, translated
from tests.conftest import ROOT


@pytest.mark.parametrize("table", ["labels", "sentences"])
def test_both_languages_have_the_same_words_with_the_same_gaps(table):
    english, chinese = FILES["en"][table], FILES["zh"][table]
    assert english.keys() == chinese.keys()

    def gaps(text: str) -> set[tuple[str | None, str | None]]:
        return {(name, form) for _, name, form, _ in Formatter().parse(text) if name}

    for key in english:
        assert gaps(english[key]) == gaps(chinese[key]), key


def test_every_word_is_said_somewhere():
    source = "".join(file.read_text() for file in [ROOT / "app.py", *(ROOT / "caesr" / "page").glob("*.py")])
    made = ("family_", "kind_", "metadata_", "purpose_", "state_")  # with an ending that is worked out
    for table in ("labels", "sentences"):
        for key in FILES["en"][table]:
            if not key.startswith(made) and key not in (
                "colour",
                "greyscale",
                "colour with alpha",
                "greyscale with alpha",
            ):
                assert re.search(f'"{key}"', source), f"{table}: nobody says {key}"


# What the page calls; the library's other modules speak to the command line only.
SPEAKERS = [
    *("archive", "batch", "blend", "checkpoint", "compare", "perceptual", "picture", "planning", "target"),
    "upscale",
    *("page/api", "page/device", "page/settings", "../zoo/catalogue", "../zoo/client", "../zoo/dial", "../zoo/hub"),
]
OURS = ("not (H, W, 1 to 4)", "catalogue.json:", "{} is not caesr-FAMILY")  # faults of our own, not a visitor's
NO_WORDS = "{}: {}. {}"  # made of sentences of others


def raised(module: str) -> Iterator[str]:
    """The sentences of a module that somebody is told when something cannot be done, with {} for what changes."""
    tree = ast.parse((ROOT / "caesr" / f"{module}.py").read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            yield from raised_by(function)


def raised_by(function: ast.FunctionDef) -> Iterator[str]:
    """Those of one function."""
    named: dict[str, list[ast.expr]] = {"message": [], "wrong": [], "kind": []}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in named:
            named[node.targets[0].id].append(node.value)

    def texts(node: ast.expr | None) -> list[str]:
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.Name(id=name) if name in named:
                return [text for value in named[name] for text in texts(value)]
            case ast.IfExp():
                return texts(node.body) + texts(node.orelse)
            case ast.JoinedStr(values=parts):
                choices = [
                    (texts(part.value) or ["{}"]) if isinstance(part, ast.FormattedValue) else texts(part)
                    for part in parts
                ]
                return ["".join(choice) for choice in product(*choices)]
        return []

    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            yield from texts(node.exc.args[0])
        elif isinstance(node, ast.Return) and function.name == "explain":
            yield from texts(node.value)


@pytest.mark.parametrize("module", SPEAKERS)
def test_whatever_the_page_has_to_refuse_is_said_in_chinese_too(module: str):
    sentences = [text for text in raised(module) if text != NO_WORDS and not text.startswith(OURS)]
    assert sentences
    for sentence in sentences:
        said = sentence.replace("{}", "7")
        chinese = translated(said)
        assert re.search("[\u4e00-\u9fff]", chinese), sentence
        assert chinese.count("7") >= sentence.count("{}"), sentence


def test_no_translation_is_left_of_a_sentence_that_nobody_says():
    said = {text.replace("{}", "7") for module in SPEAKERS for text in raised(module)}
    said |= {text.replace("{}", "7") for module in ("tiles", "model") for text in raised(module)}
    for template in FILES["zh"]["errors"].keys() - {"{0}: {1}. To fetch it yourself: {2}"}:  # made of others, below
        pattern = ".+".join(map(re.escape, re.split(r"\{\d\}", template)))
        assert any(re.search(pattern, one) for one in said), template


@given(st.text(), st.text())
def test_what_a_sentence_names_is_left_as_it_is(name: str, why: str):
    assume(name and why and translated(name) == name and translated(why) == why and not {*"()\n"} & {*(name + why)})
    assert translated(f"{name} is empty; get it afresh.") == f"{name} 是空文件；请重新获取。"
    refused = f"{name} cannot be opened ({why}); check that you may read it."
    assert translated(refused) == f"无法打开 {name}（{why}）；请确认您有读取权限。"


def test_reasons_within_a_sentence_are_translated_with_it():
    assert translated("a/b@main: the Hub is not to be asked (offline). To fetch it yourself: hf download a/b") == (
        "a/b@main：当前设置为离线，不访问 Hub。自行下载：hf download a/b"
    )
