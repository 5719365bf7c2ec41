"""The viewer: a picture before and after, one over the other, with a divider, zoom and full screen."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from caesr.page.translations import in_both_languages

HERE = Path(__file__).parent
WORDS = ("fit", "zoom", "full_screen", "original", "upscaled", "divider", "viewer_keys", "show_invented",
         "no_picture_yet")  # fmt: skip


def before_after(**how: Any) -> gr.HTML:
    """Return the viewer of a `pair`. Its event `invented` asks for the map, or for it to go: `event.on` says which."""
    script, style, template = ((HERE / f"before_after.{kind}").read_text() for kind in ("js", "css", "html"))
    return gr.HTML(
        html_template=template, css_template=style, js_on_load=script, apply_default_css=False,
        words=in_both_languages(WORDS), **how,
    )  # fmt: skip


def pair(before: Path | str, after: Path | str | None = None, tags: tuple[str, str] | None = None) -> dict[str, Any]:
    """Return the value of a viewer: two pictures, of which the first is stretched to the size of the second.

    Args:
        before, after: files that browsers show, or data as their address; without `after` the first is shown alone.
        tags: what the two are called; None: Original and Upscaled.
    """
    return {"before": shown(before), "after": shown(after), "tags": tags, "map": None, "note": ""}


def overlay(value: dict[str, Any], layer: Path | None, note: str) -> dict[str, Any]:
    """Return the value of a `pair` with a partly transparent map over the second picture, and a sentence about it."""
    return value | {"map": shown(layer), "note": note}


def shown(picture: Path | str | None) -> Any:
    """Return a picture in a form that Gradio gives an address and takes care of."""
    if picture is None or isinstance(picture, str):
        return picture
    return FileData(path=str(picture)).model_dump()
