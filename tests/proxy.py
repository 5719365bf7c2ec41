"""A reverse proxy on 127.0.0.1 that serves a page below a path, as docs/hosting.md has nginx do it."""

from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

HOPS = {"connection", "keep-alive", "transfer-encoding", "host"}  # between two neighbours only


class Proxy(ThreadingHTTPServer):
    """The proxy; a context manager. `outside` has what was asked for beside the path."""

    daemon_threads = True

    def __init__(self, target: str, path: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.path = urlsplit(target).netloc, path
        self.url = f"http://127.0.0.1:{self.server_port}{path}"
        self.outside: list[str] = []

    def __enter__(self) -> "Proxy":
        Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Browsers hang up when they have what they want."""


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do(self) -> None:
        if not self.path.startswith(self.server.path + "/"):
            self.server.outside.append(self.path)
            return self.send_error(404)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOPS}
        host = self.headers["Host"]
        headers |= {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "http", "Connection": "close"}
        upstream = HTTPConnection(self.server.target)
        try:
            upstream.request(self.command, self.path.removeprefix(self.server.path), body, headers)
            answer = upstream.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOPS:
                    self.send_header(name, value)
            self.end_headers()
            while piece := answer.read1():  # at once: progress is a stream of events
                self.wfile.write(piece)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do

    def log_message(self, *_: object) -> None:
        """Not of interest."""
