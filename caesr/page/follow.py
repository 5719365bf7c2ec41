"""What follows an event of the page, of which the latest counts."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from caesr.page.controls import HIDDEN


def follow(
    triggers: Sequence[Any], work: Callable[..., Any], inputs: Any, outputs: Any, cancels: Any = None, **how: Any
) -> Any:
    """Have `work` follow events; of those that come while it runs, one more follows, the latest.

    Not `gr.on(..., trigger_mode="always_last")`, nor `change`, whose default that is: Gradio 6.31 then dispatches the
    event anew, for all that listens to it, and two such listeners keep each other running for ever. A step of its own
    is dispatched alone.

    Args:
        cancels: what has followed other events and ends when one of these comes.
    Returns:
        What can be cancelled, as Gradio's listeners do.
    """
    # `cancels` of a step would be left out without a word.
    event = gr.on(triggers, None, js="() => []", trigger_mode="multiple", queue=False, cancels=cancels, **HIDDEN)
    return event.then(work, inputs, outputs, trigger_mode="always_last", **{**HIDDEN, **how})
