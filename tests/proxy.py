"""A reverse proxy on 127.0.0.1 that serves a page below a path, as the nginx of docs/hosting.md does."""

import random
import time
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "host"}  # between two neighbours only


class Proxy(ThreadingHTTPServer):
    """The proxy; a context manager. `outside` lists the requests beside the path.

    Args:
        target: the page's address.
        path: below which it is served.
        delay: seconds by which a part of a stream of events is late at most, as on a network with jitter.
    """

    daemon_threads = True

    def __init__(self, target: str, path: str, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.path, self.delay = urlsplit(target).netloc, path, delay
        self.url = f"http://127.0.0.1:{self.server_port}{path}"
        self.outside: list[str] = []

    def __enter__(self) -> "Proxy":
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Do nothing: browsers hang up when they have what they want."""


class Handler(BaseHTTPRequestHandler):
    """Pass each request on to the page, and its answer back."""

    server: Proxy

    def pass_on(self) -> None:
        if not self.path.startswith(self.server.path + "/"):
            self.server.outside.append(self.path)
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
        host = self.headers["Host"]
        headers |= {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "http", "Connection": "close"}
        upstream = HTTPConnection(self.server.target)
        try:
            upstream.request(self.command, self.path.removeprefix(self.server.path), body, headers)
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_HEADERS:
                    self.send_header(name, value)
            self.end_headers()
            is_stream = (answer.getheader("Content-Type") or "").startswith("text/event-stream")
            while chunk := answer.read1():  # at once: progress is a stream of events
                time.sleep(random.uniform(0, self.server.delay) if is_stream else 0)
                self.wfile.write(chunk)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on

    def log_message(self, *_: object) -> None:
        """Log nothing."""
