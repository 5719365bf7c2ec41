"""What the page says: the same in both languages, nothing that it does not say, and every error of the library."""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from string import Formatter
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caesr.files.picture import MODES
from caesr.page.comparison import INTERPOLATIONS
from caesr.page.models import SIMPLE
from caesr.page.options_form import page_options
from caesr.page.translations import FILES, error_text, translated
from tests.conftest import ROOT
from zoo.catalogue import FAMILIES
from zoo.messages import Message

CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
ERRORS = FILES["zh"]["errors"]
STATES = ("queued", "done", "kept", "failed", "skipped", "left")
# What the page cannot reach: modules of the command line only.
UNREACHED = ["caesr/cli", "caesr/training", "caesr/jobs/ray_cluster.py", "caesr/evaluation/verbs.py",
             "caesr/evaluation/evaluate.py", "zoo/publish.py", "zoo/space.py", "zoo/cli.py",
             "zoo/export.py", "zoo/site.py", "caesr/integrations"]  # fmt: skip


def sources() -> list[Path]:
    """Return the modules whose errors the page may show."""
    unreached = [ROOT / name for name in UNREACHED]
    assert all(path.exists() for path in unreached)
    files = [*(ROOT / "caesr").rglob("*.py"), *(ROOT / "zoo").glob("*.py")]
    return [file for file in files if not any(file.is_relative_to(path) for path in unreached)]


def fields(text: str) -> set[str]:
    """Return the names of a template's parameters."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("table", ["labels", "sentences"])
def test_both_languages_have_the_same_texts_with_the_same_parameters(table):
    english, chinese = FILES["en"][table], FILES["zh"][table]
    assert english.keys() == chinese.keys()

    def parameters(text: str) -> set[tuple[str | None, str | None]]:
        return {(name, form) for _, name, form, _ in Formatter().parse(text) if name}

    for key in english:
        assert parameters(english[key]) == parameters(chinese[key]), key


def said_by_name() -> tuple[set[str], set[str], set[str]]:
    """Return the keys in calls for labels, those in calls for sentences, and all texts in the page's modules."""
    positions = {"label": 0, "code": 0, "say": 1}
    keys: dict[str, set[str]] = {name: set() for name in positions}
    texts: set[str] = set()
    for file in (ROOT / "caesr" / "page").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in positions:
                arguments = node.args[positions[node.func.id] :][:1]
                keys[node.func.id] |= {key.value for key in arguments if isinstance(key, ast.Constant)}
    return keys["label"] | keys["code"], keys["say"], texts


def said_of_data() -> tuple[set[str], set[str]]:
    """Return the keys of labels and sentences about options, families, states and kinds of pictures."""
    rows = page_options()
    labels = {f"family_{family}" for family in FAMILIES} | {f"model_{key}" for key in SIMPLE.values()}
    labels |= {f"method_{name}" for name in INTERPOLATIONS} | {"kind_print"}
    for row in rows:
        labels |= {row.name, f"{row.name}_info", *(f"{row.name}_{choice.replace(' ', '_')}" for choice in row.choices)}
        labels |= {f"kind_{row.name}"} if row.exclusive else set()
    sentences = (
        {f"{kind}_{family}" for family in FAMILIES for kind in ("name", "purpose")}
        | {f"name_{name}" for name in INTERPOLATIONS}
        | {"purpose_original"}
        | {f"state_{state}" for state in STATES}
    )
    return labels, sentences | set(MODES.values())


def test_every_label_and_sentence_that_is_said_is_there_and_no_other():
    *called, texts = said_by_name()
    for table, named, of_data in zip(("labels", "sentences"), called, said_of_data(), strict=True):
        keys = set(FILES["en"][table])
        assert named <= keys
        assert keys <= texts | of_data


def templates(file: Path) -> set[str]:
    """Return the templates of all messages that a module makes."""
    found: set[str] = set()
    for scope, calls in message_calls(ast.parse(file.read_text(encoding="utf-8"))):
        assigned = assignments(scope)
        for call in calls:
            texts = constants(call.args[0], assigned)
            assert texts, f"{file}:{call.lineno}: the template cannot be read from the source"
            found.update(texts)
    return found


def message_calls(module: ast.Module) -> Iterator[tuple[ast.AST, list[ast.Call]]]:
    """Yield each function, method and other statement with the calls of Message in it."""
    methods = [node.body for node in module.body if isinstance(node, ast.ClassDef)]
    for scope in [node for body in (module.body, *methods) for node in body if not isinstance(node, ast.ClassDef)]:
        calls = [node for node in ast.walk(scope) if isinstance(node, ast.Call)]
        yield scope, [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Message"]


def assignments(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Return the expressions that are assigned to each name of a function."""
    assigned: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            assigned.setdefault(node.targets[0].id, []).append(node.value)
    return assigned


def constants(node: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[str]:
    """Return the texts that an expression can be: of a constant, a choice, a sum, or a name assigned one of these."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp():
            return constants(node.body, assigned) + constants(node.orelse, assigned)
        case ast.BinOp(op=ast.Add()):
            pairs = product(constants(node.left, assigned), constants(node.right, assigned))
            return [left + right for left, right in pairs]
        case ast.Name():
            return [text for value in assigned.get(node.id, []) for text in constants(value, assigned)]
    return []


def test_every_error_that_the_page_can_show_is_translated_with_the_same_parameters():
    missing, different = [], []
    for file in sources():
        for template in sorted(templates(file)):
            chinese = ERRORS.get(template, "")
            if not CHINESE.search(chinese):
                missing.append(f"{file.relative_to(ROOT)}: {template}")
            elif fields(chinese) != fields(template):
                different.append(template)
    assert not missing, "\n".join(missing)
    assert not different, "\n".join(different)


def test_no_translation_is_left_over():
    made = {template for file in sources() for template in templates(file)}
    left_over = ERRORS.keys() - made
    assert not left_over, "\n".join(sorted(left_over))


@given(st.text(), st.text())
@example("{name}", "{0} {reason}")
def test_what_a_sentence_names_stays_as_it_is(name: str, why: str):
    empty = Message("{name} is empty; get it afresh.", name=name)
    assert translated(empty) == f"{name} 是空文件；请重新获取。"
    refused = Message("{name} cannot be opened ({reason}); check that you may read it.", name=name, reason=why)
    assert translated(refused) == f"无法打开 {name}（{why}）；请确认您有读取权限。"
    assert translated(name) == name


def test_a_reason_within_a_sentence_is_translated_with_it():
    reason = Message("the Hub is not to be asked (offline)")
    template = "{name}: {reason}. To fetch it yourself: {command}"
    message = Message(template, name="a/b@main", reason=reason, command="hf download a/b")
    assert translated(message) == "a/b@main：当前设置为离线，不访问 Hub。自行下载：hf download a/b"


def test_an_error_is_shown_in_the_language_that_the_browser_prefers():
    error = ValueError(Message("{name} is empty; get it afresh.", name="a.png"))
    for preferred, text in (("zh-CN", "a.png 是空文件；请重新获取。"), ("de, zh;q=0.5", str(error))):
        assert error_text(SimpleNamespace(headers={"accept-language": preferred}), error) == text
    assert error_text(None, error) == str(error)


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file or directory"), ValueError("a", 1), OSError()])
def test_an_error_of_python_stays_whole_in_every_language(error):
    assert error_text(SimpleNamespace(headers={"accept-language": "zh"}), error) == str(error)
