"""What goes wrong, said to a visitor."""

import logging

import gradio as gr

from caesr.page.translations import reason

# With a picture, a checkpoint or the machine: their sentences are for people. Other errors are our own faults, and not
# hidden.
PROBLEMS = (ValueError, LookupError, OSError, RuntimeError)


def sorry(why: object, request: gr.Request | None = None) -> gr.Error:
    """What a visitor is shown when something cannot be done; the log gets a line."""
    if isinstance(why, gr.Error):  # said already
        return why
    logging.getLogger("caesr.page").warning("not done: %s", why)
    return gr.Error(reason(request, why), duration=15, print_exception=False)
