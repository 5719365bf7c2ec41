"""Messages for people that keep their template and parameters, so that a page can translate them."""

from typing import Any


class Message(str):
    """A formatted sentence that remembers its template and parameters: `error.args[0]` of our exceptions.

    Args:
        template: an English sentence in the syntax of `str.format`; also the key of its translations.
        parameters: what the template names; a parameter may be a Message itself.
    """

    template: str
    parameters: dict[str, Any]

    def __new__(cls, template: str, **parameters: Any) -> "Message":
        self = super().__new__(cls, template.format(**parameters))
        self.template, self.parameters = template, parameters
        return self

    def __reduce__(self) -> tuple:
        return _rebuild, (self.template, self.parameters)


def _rebuild(template: str, parameters: dict[str, Any]) -> Message:
    return Message(template, **parameters)
