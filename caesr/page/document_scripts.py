"""DocumentScripts: what has to run in the browser before any script of Gradio's.

Gradio runs the scripts of a page's `head` after its own have begun, as of 6.31; so these are put into the document.
"""

from collections.abc import Sequence
from typing import Any


class DocumentScripts:
    """ASGI middleware that puts scripts into the page's document, before all others."""

    def __init__(self, app: Any, scripts: Sequence[str]) -> None:
        self.app = app
        self.head = "".join(["<head>", *(f"<script>\n{script}</script>" for script in scripts)]).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        # Below a path, proxies leave it out of the request or in it, and both are right.
        if scope["type"] != "http" or scope["path"].rstrip("/") not in ("", scope.get("root_path", "").rstrip("/")):
            await self.app(scope, receive, send)
            return
        started: list[dict[str, Any]] = []

        async def send_with_scripts(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            if started:
                start, body = started.pop(), message.get("body", b"")
                longer = body.replace(b"<head>", self.head, 1)
                length = str(len(longer)).encode()
                is_whole = not message.get("more_body")
                headers = [
                    (name, length if name == b"content-length" and is_whole else value)
                    for name, value in start["headers"]
                ]
                await send(start | {"headers": headers if is_whole else start["headers"]})
                message = message | {"body": longer if is_whole else body}
            await send(message)

        await self.app(scope, receive, send_with_scripts)
