"""AbortedUploads: a visitor who leaves in the middle of an upload is no error of the server's.

Starlette says it by an exception that Gradio, as of 6.31, lets through: each would leave a traceback in the log.
"""

from typing import Any

from starlette.requests import ClientDisconnect


class AbortedUploads:
    """ASGI middleware that ends a request quietly when the client has gone before it was sent in full."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return  # nobody is there to be answered; what had come is removed with the other files of visitors
