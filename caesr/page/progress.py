"""How far a run has come, and how many come first: a line and a bar, below the buttons of a tab.

Not gr.Progress, as of Gradio 6.31: its bar goes away at every yield of a generator and comes back a moment later, it
covers what is there already, and it speaks English only.
"""

from html import escape
from typing import Any

import gradio as gr

from caesr.page import device
from caesr.page.translations import say


def line(elem_id: str) -> gr.HTML:
    """The component; `told` makes what it shows. Empty, it has its height already: nothing jumps."""
    return gr.HTML(elem_id=elem_id, elem_classes="progress")


def told(step: device.Progress | device.Waiting, request: gr.Request | None, before: str = "") -> str:
    """How far an enlargement has come, or how many come first, as the value of a `line`."""
    if isinstance(step, device.Waiting):
        return bar(before + say(request, "waiting", before=step.before))
    if not step.done:
        return bar(before + say(request, "begun"))
    left = say(request, "tiles", done=step.done, total=step.total, left=round(step.seconds_left))
    return bar(before + left, step.done, step.total)


def bar(text: str, done: float = 0, total: float = 1) -> str:
    """A sentence, and below it how much is done."""
    label = escape(text)
    return f'<span>{label}</span><progress aria-label="{label}" value="{done:g}" max="{total:g}"></progress>'


def stopped(running: Any, shown: gr.HTML) -> None:
    """Have the line say so when a run ends before its time."""

    def say_so(shown: str, request: gr.Request) -> str:
        return "<span>" + say(request, "stopped") + "</span>" if shown else ""

    running.failure(say_so, shown, shown, api_visibility="private", show_progress="hidden")  # of cancelling, too
