"""Errors as a visitor is shown them."""

import logging

import gradio as gr

from caesr.page.translations import error_text

# With a picture, a checkpoint or the machine: their messages are for people. Other errors are our own faults, and are
# not hidden.
EXPECTED_ERRORS = (ValueError, LookupError, OSError, RuntimeError)


def user_error(error: object, request: gr.Request | None = None) -> gr.Error:
    """Return what a visitor is shown when something cannot be done, and log it.

    Args:
        error: an exception, or a sentence in the visitor's language.
    """
    if isinstance(error, gr.Error):  # shown already
        return error
    logging.getLogger("caesr.page").warning("not done: %s", error)
    return gr.Error(error_text(request, error), duration=15, print_exception=False)
