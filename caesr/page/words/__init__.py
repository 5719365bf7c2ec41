"""Everything the page says: words/en.toml and words/zh.toml, with the same keys."""

import tomllib
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
    preferred = request.headers.get("accept-language", "en") if request else "en"
    return FILES["zh" if preferred.lower().startswith("zh") else "en"]["sentences"][key].format(**values)
