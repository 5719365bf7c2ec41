"""LanguageChoice: the language that a visitor chose comes before the one that the browser prefers, in Gradio as well.

Gradio asks the browser for its language before any script of a page's own runs, as of 6.31; so this one is put into
the document.
"""

from typing import Any

SCRIPT = b"""<head><script>
(() => {
  const chosen = document.cookie.match(/caesr_language=(\\w+)/)?.[1];
  if (!chosen) return;
  Object.defineProperty(navigator, "language", { get: () => chosen });
  Object.defineProperty(navigator, "languages", { get: () => [chosen] });
})();
</script>"""


class LanguageChoice:
    """ASGI middleware that puts the script into the page's document."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != scope.get("root_path", "").rstrip("/"):
            await self.app(scope, receive, send)
            return
        started: list[dict[str, Any]] = []

        async def send_with_script(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            if started:
                start, body = started.pop(), message.get("body", b"")
                longer = body.replace(b"<head>", SCRIPT, 1)
                length = str(len(longer)).encode()
                is_whole = not message.get("more_body")
                headers = [
                    (name, length if name == b"content-length" and is_whole else value)
                    for name, value in start["headers"]
                ]
                await send(start | {"headers": headers if is_whole else start["headers"]})
                message = message | {"body": longer if is_whole else body}
            await send(message)

        await self.app(scope, receive, send_with_script)
