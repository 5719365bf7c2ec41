"""Components of the tabs: pictures side by side that move and zoom together, tables, and lines to copy."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.page.translations import label, say

HERE = Path(__file__).parent
ZOOMS = {1: "100 %", 2: "200 %", 4: "400 %"}  # pixels of the screen for one of the picture


@dataclass(frozen=True)
class Pane:
    """A picture of the viewer."""

    title: str
    png: bytes
    note: str = ""
    use: str = ""  # the model that made it, if it can be chosen


def viewer(**how: Any) -> gr.HTML:
    """Return the component that shows `panes`."""
    script, style = ((HERE / f"viewer.{kind}").read_text() for kind in ("js", "css"))
    return gr.HTML(css_template=style, js_on_load=script, **how)


def panes(pictures: Sequence[Pane], request: gr.Request | None) -> str:
    """Return pictures, all of one size, as the value of a `viewer`."""
    if not pictures:
        return ""
    zooms = "".join(f'<button type="button" data-zoom="{zoom}">{name}</button>' for zoom, name in ZOOMS.items())
    figures = "".join(
        f'<figure><div class="frame" tabindex="0" role="img" aria-label="{escape(f"{pane.title} {pane.note}")}">'
        f'<img alt="" draggable="false" src="data:image/png;base64,{base64.b64encode(pane.png).decode()}"></div>'
        f"<figcaption><strong>{escape(pane.title)}</strong> <span>{escape(pane.note)}</span>{use_button(pane, request)}"
        "</figcaption></figure>"
        for pane in pictures
    )
    hint, zoom = escape(say(request, "viewer_hint")), escape(say(request, "viewer_zoom"))
    return (
        f'<div class="zooms"><span class="group" role="group" aria-label="{zoom}">{zooms}'
        f'</span><span>{hint}</span></div><div class="panes">{figures}</div>'
    )


def use_button(pane: Pane, request: gr.Request | None) -> str:
    """Return the button that chooses the model of a picture."""
    if not pane.use:
        return ""
    words = escape(say(request, "use_this"))
    name = f"{words}: {escape(pane.title)}"
    return f'<button type="button" data-use="{escape(pane.use)}" aria-label="{name}">{words}</button>'


def code(key: str, lines: int, **how: Any) -> gr.Textbox:
    """Return a component of lines to copy. Not gr.Code, whose colours are too faint on white."""
    return gr.Textbox(label=label(key), lines=lines, interactive=False, buttons=["copy"], elem_classes="code", **how)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """Return a table of texts for a gr.HTML; markup in a text is shown as it is."""
    cells = lambda kind, row: "".join(f"<{kind}>{escape(text)}</{kind}>" for text in row)  # noqa: E731
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    inside = f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody>"
    above, named = (f"<p>{escape(caption)}</p>", f' aria-label="{escape(caption)}"') if caption else ("", "")
    return f'{above}<div class="wide" tabindex="0"><table{named}>{inside}</table></div>'
