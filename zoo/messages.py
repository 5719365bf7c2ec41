"""Sentences for people: messages that the page can translate, hints, and text that a terminal can show."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Message(str):
    """A formatted sentence that remembers its template and parameters; it is `error.args[0]` of our exceptions.

    Args:
        template: an English sentence in the syntax of `str.format`; also the key of its translations.
        parameters: the values of the template's fields; a value may be a Message itself.
    """

    template: str
    parameters: dict[str, Any]

    def __new__(cls, template: str, **parameters: Any) -> "Message":
        self = super().__new__(cls, template.format(**parameters))
        self.template, self.parameters = template, parameters
        return self

    def __getnewargs_ex__(self) -> tuple:
        """Pickle the template and parameters: workers raise these errors in other processes."""
        return (self.template,), self.parameters


def message_of(error: BaseException) -> str:
    """Return an error's message: the `Message` that it was raised with, else its text."""
    return error.args[0] if error.args and isinstance(error.args[0], Message) else str(error)


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return a sentence that names the choice that is most like a word, after a space; "" if none is."""
    for nearest in get_close_matches(word.lower(), list(choices), n=1):
        return Message(" Did you mean {nearest}?", nearest=nearest)
    return ""


def printable(text: str) -> str:
    """Return a text without what would steer a terminal or cannot be encoded: names of files may hold either."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
