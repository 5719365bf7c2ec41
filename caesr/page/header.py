"""The head of the page: what it is, in a line, and the choice of language."""

import logging
import os
from html import escape

import gradio as gr

from caesr.page.translations import language, say

LANGUAGES = {"en": "EN", "zh": "中文"}
STATIC_PAGE = "CAESR_STATIC_PAGE"  # the variable with the address of the page that `zoo site` writes


def header(blocks: gr.Blocks) -> None:
    """Lay the head out."""
    shown = gr.HTML(header_html(None), elem_id="header")
    blocks.load(header_html, None, shown, api_visibility="private", show_progress="hidden", queue=False)


def header_html(request: gr.Request | None) -> str:
    """Return the head in the visitor's language; page.js keeps what they choose and loads the page anew."""
    chosen = language(request)
    buttons = "".join(
        f'<button type="button" lang="{key}" data-language="{key}" aria-pressed="{str(key == chosen).lower()}">'
        f"{name}</button>"
        for key, name in LANGUAGES.items()
    )
    return (
        f'<header><h1>CAESR</h1><p class="tagline">{escape(say(request, "tagline"))}'
        f"<span>{escape(say(request, 'promise'))}{static_page_link(request)}</span></p>"
        f'<div class="languages" role="group" aria-label="{escape(say(request, "language"))}">{buttons}</div></header>'
    )


def static_page_link(request: gr.Request | None) -> str:
    """Return a link to the page that works in the visitor's own browser, or "" if no address is configured."""
    address = os.environ.get(STATIC_PAGE, "")
    if not address.startswith(("https://", "http://")):
        if address:
            logging.warning("%s=%r is not a web address: the page does not link to it.", STATIC_PAGE, address)
        return ""
    words = escape(say(request, "static_page"))
    return f' · <a href="{escape(address)}" target="_blank" rel="noopener">{words}</a>'
