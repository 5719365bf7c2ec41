"""ZeroGPU's machines, of which a test has none: the module `spaces` is the real one, and its HTTP API is answered here.

`begin` is called before anything else imports `spaces`. A call's process finds no GPU and computes on its CPU.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import torch


@dataclass
class Call:
    """What `spaces` said of a call."""

    seconds: int  # asked for
    gpu: int
    pid: int = 0  # of the process that was allowed to use it
    ended: bool = False
    failed: bool = False


class ZeroGpu:
    """The machines: every call gets a GPU of its own, and the process that had it before if that is idle."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.has_idle_processes = True
        self.is_quota_left = lambda: True
        self.before_allowing: Callable[[Call], None] = lambda call: None
        self._lock = threading.Lock()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, object, dict[str, str]]:
        """Return the status, the body and headers for a request."""
        if path == "/schedule":
            if not self.is_quota_left():
                return 429, {"left": 3, "wait": "01:00:00"}, {"X-Approve-Result": "quota-exceeded"}
            with self._lock:
                used = {call.gpu for call in self.calls}
                busy = {call.gpu for call in self.calls if not call.ended}
                gpu = next(n for n in range(100) if n not in busy)
                self.calls.append(Call(int(query["durationSeconds"]), gpu))
                token = str(len(self.calls) - 1)
            is_idle = self.has_idle_processes and gpu in used
            scheduled = {"idle": is_idle, "nvidiaIndex": gpu, "nvidiaUUID": f"GPU-{gpu}", "allowToken": token}
            return 200, scheduled, {}
        if path == "/allow":
            call = self.calls[int(query["allowToken"])]
            call.pid = int(query["pid"])
            self.before_allowing(call)
        if path == "/release":
            call = self.calls[int(query["allowToken"])]
            call.ended, call.failed = True, query["fail"] == "true"
        return 200, None, {}


def begin() -> ZeroGpu:
    """Import `spaces` as on ZeroGPU, and return what it talks to."""
    machines = ZeroGpu()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, body, headers = machines.answer(parts.path, query)
            self.send_response(status)
            for name, value in (headers | {"Content-Type": "application/json"}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ |= {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}"}

    import gradio  # noqa: F401  # before spaces, as it asks for

    version = torch.version.cuda
    if version is None:  # torch without CUDA lacks what `spaces` looks at and replaces
        torch.version.cuda, torch._C._cuda_init, torch.cuda._is_in_bad_fork = "12.8", None, bool
    import spaces.zero.torch

    torch.version.cuda = version
    spaces.zero.torch.init = spaces.zero.torch.move = lambda *_, **__: None  # of a GPU
    return machines
