"""Recent: thumbnails of the last results, each of which can be shown again. Its event `select` has their `index`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.page.result import Result
from caesr.page.translations import in_both_languages

HERE = Path(__file__).parent


def recent(**how: Any) -> gr.HTML:
    """Return the row of thumbnails."""
    script, style = ((HERE / f"recent.{kind}").read_text() for kind in ("js", "css"))
    template = '<div class="recent"><span class="name"></span></div>'
    return gr.HTML(
        html_template=template, css_template=style, js_on_load=script, apply_default_css=False,
        words=in_both_languages(["recent"]), **how,
    )  # fmt: skip


def thumbnails(results: Sequence[Result], titles: Sequence[str], current: Result | None) -> list[dict[str, Any]]:
    """Return results as the value of a `recent`."""
    pairs = zip(results, titles, strict=True)
    return [{"src": one.thumbnail, "title": title, "current": one == current} for one, title in pairs]
