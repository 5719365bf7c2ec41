"""Everything the page says, in en.toml and zh.toml: labels, sentences with parameters, and messages of errors.

Labels and sentences have the same keys in both. The message of an error is a `zoo.messages.Message`: its English
template is the key of its translation in zh.toml, table [errors].
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from zoo.messages import Message, message_of

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


def label(key: str, default: str | None = None) -> I18nData | str:
    """Return a label that the browser translates, or `default` where there is none of that key.

    Raises:
        KeyError: there is neither.
    """
    if key in FILES["en"]["labels"]:
        return LABELS(f"caesr_{key}")
    if default is None:
        raise KeyError(f"translations/en.toml has no label {key!r}.")
    return default


def in_both_languages(keys: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return labels for a component's own script, which chooses the language."""
    return {language: {key: texts["labels"][key] for key in keys} for language, texts in FILES.items()}


def say(request: gr.Request | None, key: str, **values: object) -> str:
    """Return a sentence in the visitor's language."""
    return FILES[language(request)]["sentences"][key].format(**values)


def language(request: gr.Request | None) -> str:
    """Return the visitor's language, of those that the page has: as chosen on the page, else as the browser prefers."""
    headers = request.headers if request else {}
    chosen = re.search(r"caesr_language=(\w+)", headers.get("cookie") or "")
    preferred = chosen[1] if chosen else headers.get("accept-language") or "en"
    return "zh" if preferred.lower().startswith("zh") else "en"


def error_text(request: gr.Request | None, error: object) -> str:
    """Return why something cannot be done, in the visitor's language where its message has a translation."""
    return str(translate(request, message_of(error) if isinstance(error, BaseException) else error))


def translate(request: gr.Request | None, message: object) -> object:
    """Return a Message in the visitor's language where it has a translation; anything else as it is."""
    return translated(message) if language(request) == "zh" else message


def translated(message: object) -> object:
    """Return a Message in Chinese, its parameters with it where they are Messages; anything else as it is."""
    if not isinstance(message, Message):
        return message
    template = FILES["zh"]["errors"].get(message.template, message.template)
    return template.format(**{name: translated(value) for name, value in message.parameters.items()})
