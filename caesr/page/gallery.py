"""The gallery of a batch: a card a picture with its state and its file. Its event `show` has the `number` of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.page.before_after import shown
from caesr.page.translations import in_both_languages

HERE = Path(__file__).parent
WORDS = ("compare_result", "download")


@dataclass(frozen=True)
class Card:
    """A picture of a batch."""

    name: str
    state: str  # one of Status
    words: str  # the state, for people, and what is to be said of it
    thumbnail: str = ""  # address of a small picture
    file: Path | None = None  # the result, where the page may give it to browsers
    number: int | None = None  # among the files; None: it cannot be shown


def gallery(**how: Any) -> gr.HTML:
    """Return the component; its value is that of `cards`."""
    script, style = ((HERE / f"gallery.{kind}").read_text() for kind in ("js", "css"))
    return gr.HTML(
        html_template='<div class="gallery"></div>', css_template=style, js_on_load=script, apply_default_css=False,
        words=in_both_languages(WORDS), **how,
    )  # fmt: skip


def cards(pictures: Sequence[Card]) -> list[dict[str, Any]]:
    """Return cards as the value of a `gallery`."""
    return [
        {
            "name": card.name, "state": card.state, "words": card.words, "thumbnail": card.thumbnail,
            "file": shown(card.file), "number": card.number,
        }
        for card in pictures
    ]  # fmt: skip
