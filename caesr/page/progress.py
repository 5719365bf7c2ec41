"""Progress of a run, or its place in the queue: a line and a bar.

Not gr.Progress, as of Gradio 6.31: its bar goes away at every yield of a generator and comes back a moment later, it
covers what is there already, and it speaks English only.
"""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from caesr.engine.progress import Progress
from caesr.page.queue import Waiting
from caesr.page.translations import say

SAID_SECONDS = 10  # less is not worth a number
SHOWN_SECONDS = 0.15  # between two events: of small tiles there are a hundred a second, which a browser labours to show


def progress_line(elem_id: str) -> gr.HTML:
    """Return the component that shows `progress_html`; it has its height while it is empty, so that nothing jumps."""
    return gr.HTML(elem_id=elem_id, elem_classes="progress")


def progress_html(event: Progress | Waiting, request: gr.Request | None, before: str = "") -> str:
    """Return an event as the value of a `progress_line`, after some words."""
    text = before + percent_text(event, request)
    return bar(text) if isinstance(event, Waiting) or not event.done else bar(text, event.done, event.total)


def throttle() -> Callable[[Progress | Waiting], bool]:
    """Return what says of each event of a run whether it is shown: of progress a few a second, all of the queue."""
    last = -SHOWN_SECONDS

    def is_shown(event: Progress | Waiting) -> bool:
        nonlocal last
        now = time.monotonic()
        if isinstance(event, Progress) and now - last < SHOWN_SECONDS:
            return False
        last = now
        return True

    return is_shown


def percent_text(event: Progress | Waiting, request: gr.Request | None) -> str:
    """Return how much is done and how long it will take, or how many come first."""
    if isinstance(event, Waiting):
        return say(request, "waiting_one" if event.before == 1 else "waiting", before=event.before)
    if not event.done:
        return say(request, "begun")
    percent = f"{100 * event.done / event.total:.0f}"
    if event.seconds_left < SAID_SECONDS:
        return say(request, "percent_soon", percent=percent)
    if event.seconds_left < 100:
        return say(request, "percent_seconds", percent=percent, n=f"{event.seconds_left:.0f}")
    return say(request, "percent_minutes", percent=percent, n=f"{event.seconds_left / 60:.0f}")


def bar(text: str, done: float = 0, total: float = 1) -> str:
    """Return a sentence, and below it how much is done."""
    label = escape(text)
    return f'<span>{label}</span><progress aria-label="{label}" value="{done:g}" max="{total:g}"></progress>'


def show_when_stopped(running: Any, line: gr.HTML) -> None:
    """Have a progress line say so when a run ends before its time."""

    def stopped(shown: str, request: gr.Request) -> str:
        return "<span>" + say(request, "stopped") + "</span>" if shown else ""

    running.failure(stopped, line, line, api_visibility="private", show_progress="hidden")  # of cancelling, too
