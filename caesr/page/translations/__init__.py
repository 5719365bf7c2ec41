"""Everything the page says: words/en.toml and words/zh.toml, with the same keys.

What the library says when something cannot be done is English, as on the command line; zh.toml has its sentences too.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

FILES = {
    file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(Path(__file__).parent.glob("*.toml"))
}
# Labels are translated by the browser, wherever it meets their key, even in the value of a choice: so a key must be
# nothing that the page sends back. Browsers may ask for regional forms.
REGIONS = {"en": ("en",), "zh": ("zh", "zh-CN", "zh-TW", "zh-HK", "zh-SG")}
LABELS = gr.I18n(
    **{
        region: {f"caesr_{key}": text for key, text in FILES[language]["labels"].items()}
        for language, regions in REGIONS.items()
        for region in regions
    }
)


def label(key: str) -> I18nData:
    """A label, translated by the browser."""
    if key not in FILES["en"]["labels"]:
        raise KeyError(f"words/en.toml has no label {key!r}.")
    return LABELS(f"caesr_{key}")


def say(request: gr.Request | None, key: str, **values: object) -> str:
    """A sentence in the language that the visitor's browser prefers."""
    return FILES[language(request)]["sentences"][key].format(**values)


def language(request: gr.Request | None) -> str:
    """The one that the visitor's browser prefers, of those that the page has."""
    preferred = request.headers.get("accept-language", "en") if request else "en"
    return "zh" if preferred.lower().startswith("zh") else "en"


def reason(request: gr.Request | None, error: object) -> str:
    """Why something cannot be done, in the visitor's language as far as it is known there."""
    return translated(str(error)) if language(request) == "zh" else str(error)


def translated(text: str) -> str:
    """One of the library's sentences, or a part of one, in Chinese; anything else as it is."""
    for pattern, chinese in patterns():
        if found := pattern.fullmatch(text):
            return chinese.format(*map(translated, found.groups()))
    return text


@cache
def patterns() -> list[tuple[re.Pattern[str], str]]:
    """The library's sentences as patterns, those with the most of their own words first."""
    templates = FILES["zh"]["errors"]
    gaps = {english: re.split(r"\{\d\}", english) for english in templates}
    by_words = sorted(templates, key=lambda english: -sum(map(len, gaps[english])))
    return [(re.compile("(.+?)".join(map(re.escape, gaps[one])), re.DOTALL), templates[one]) for one in by_words]
