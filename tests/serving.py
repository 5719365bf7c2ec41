"""The page on a real server: for the tests, the screenshots of docs/ and the benchmarks."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 120  # in which a page has to answer


@dataclass(frozen=True)
class Served:
    """A page that answers."""

    url: str
    process: int
    home: Path  # its temporary folder
    log: Path

    def memory(self, kind: str = "VmRSS") -> float:
        """Return the MiB that it has in use, or had at most (VmHWM); Linux only."""
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{self.process}/status").read_text().splitlines())
        return int(fields[kind].split()[0]) / 1024


@contextmanager
def served(
    home: Path,
    command: Sequence[str] = (sys.executable, "app.py"),
    folder: Path = ROOT,
    environment: Mapping[str, str] = os.environ,
    **more: str,
) -> Iterator[Served]:
    """Start the page on a free port of 127.0.0.1, as `make demo` does, and stop it at the end.

    Args:
        home: an empty folder, for what it writes.
        command: starts it, in `folder`.
        environment: its environment variables; `more` is added.
    Raises:
        RuntimeError: it does not answer; the message is its log.
    """
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    log, url = home / "log", f"http://127.0.0.1:{port}"
    # Importing the page sets GRADIO_TEMP_DIR; a test beside this one may have, so it is not left to be inherited.
    folders = {"TMPDIR": str(home), "GRADIO_TEMP_DIR": str(home / "gradio" / "caesr")}
    variables = {**environment, "GRADIO_SERVER_PORT": str(port), **folders, **more}
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=stream, stderr=stream)
    try:
        wait_for(url, process, log)
        yield Served(url, process.pid, home, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    """Wait until a server answers.

    Raises:
        RuntimeError: it ended, or took too long.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=20).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer.\n{log.read_text()}")
