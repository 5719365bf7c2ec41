"""What goes wrong, said to a visitor."""

import logging

import gradio as gr

# With a picture, a checkpoint or the machine: their sentences are for people. Other errors are our own faults, and not
# hidden.
PROBLEMS = (ValueError, LookupError, OSError, RuntimeError)


def sorry(reason: object) -> gr.Error:
    """What a visitor is shown when something cannot be done; the log gets a line."""
    if isinstance(reason, gr.Error):  # said already
        return reason
    logging.getLogger("caesr.page").warning("not done: %s", reason)
    return gr.Error(str(reason), duration=15, print_exception=False)
