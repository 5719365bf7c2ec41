"""Programs that visit the page, each with a picture of its own: they check what they get, are sent away, or leave."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from caesr.jobs import upscale_file
from caesr.options import UpscaleOptions
from tests.serving import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.png"))
MODEL, SCALES = "lite", (2, 3, 4, 2.5)
LONG = {"model": MODEL, "scale": 4, "tile": 32, "ensemble": True}  # many tiles: a visitor can leave in mid-run


@dataclass(frozen=True)
class Errand:
    """A picture that no other visitor has, how it is upscaled, and the file that must come of it."""

    picture: Path
    scale: float
    expected: bytes

    def run(self, client: Client) -> str:
        """Have the page upscale it; return "right", "wrong", "busy", or the error that came instead."""
        try:
            values = {"file": handle_file(self.picture), "model": MODEL, "scale": self.scale}
            answer = Path(client.predict(**values, api_name="/upscale"))
        except Exception as error:  # to be counted and reported
            if isinstance(error, AppError) and "waiting here already" in str(error):
                return "busy"
            return f"{type(error).__name__}: {error}"
        result = answer.read_bytes()
        answer.unlink()
        is_right = result == self.expected and answer.name.startswith(self.picture.stem + "_")
        return "right" if is_right else "wrong"


def errand(number: int, folder: Path) -> Errand:
    """Return the errand of this number: a part of an example, 48 to 96 pixels wide and high, upscaled here as well."""
    random = np.random.default_rng(number)
    with Image.open(EXAMPLES[number % len(EXAMPLES)]) as opened:
        example = np.array(opened.convert("RGB"))
    height, width = random.integers(48, 97, 2)
    top, left = random.integers(0, example.shape[0] - height + 1), random.integers(0, example.shape[1] - width + 1)
    source, target = folder / f"{number}.png", folder / f"{number}-expected.png"
    Image.fromarray(example[top : top + height, left : left + width]).save(source)
    scale = SCALES[number % len(SCALES)]
    upscale_file(source, target, UpscaleOptions(model=MODEL, scale=scale), overwrite=True)
    return Errand(source, scale, target.read_bytes())


def visitor(url: str) -> Client:
    """Return a program with a session of its own."""
    timeout = {"timeout": 120}  # seconds: on a busy machine 5 are not many
    return Client(url, verbose=False, download_files=tempfile.mkdtemp(), httpx_kwargs=timeout)


def leave_in_mid_run(url: str, picture: Path, tiles: int = 2, timeout_seconds: float = 120) -> int:
    """Begin a long upscaling over a connection that is cut after some tiles; return how many there were by then.

    Raises:
        TimeoutError: it did not come so far in time.
    """
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=timeout_seconds) as http:
        call = long_call(http, picture)
        http.post("/queue/join", json=call).raise_for_status()
        last: dict[str, Any] = {}
        done, end = 0, time.monotonic() + timeout_seconds
        with http.stream("GET", "/queue/data", params={"session_hash": call["session_hash"]}) as stream:
            for last in messages(stream):
                done += last.get("msg") == "process_generating"
                if done >= tiles:
                    return done  # which closes the connection
                if last.get("msg") == "process_completed" or time.monotonic() > end:
                    break
    raise TimeoutError(f"After {done} tiles: {last}")


@contextmanager
def crowded(url: str, picture: Path, calls: int) -> Iterator[None]:
    """Keep this many calls at the device, of which one has it and the others wait; in the end all leave.

    Raises:
        AssertionError: one was sent away.
    """
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=120) as http:
        call = long_call(http, picture)
        for _ in range(calls):
            http.post("/queue/join", json=call).raise_for_status()
        taken: set[str] = set()
        with http.stream("GET", "/queue/data", params={"session_hash": call["session_hash"]}) as stream:
            coming = messages(stream)  # kept, or the connection would be closed with it
            for message in coming:
                assert message.get("msg") != "process_completed", message
                if message.get("msg") == "process_generating":
                    taken.add(message["event_id"])
                if len(taken) == calls:
                    break
            yield


def messages(stream: httpx.Response) -> Iterator[dict[str, Any]]:
    """Yield the messages of Gradio's event stream."""
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def long_call(http: httpx.Client, picture: Path) -> dict[str, Any]:
    """Return a call of /upscale in Gradio's protocol that takes many tiles, in a session of its own."""
    with picture.open("rb") as file:
        (uploaded,) = http.post("/upload", files={"files": (picture.name, file)}).raise_for_status().json()
    values = {"file": {"path": uploaded, "meta": {"_type": "gradio.FileData"}}, **LONG}
    described = http.get("/info").raise_for_status().json()["named_endpoints"]["/upscale"]["parameters"]
    data = [values.get(one["parameter_name"], one.get("parameter_default")) for one in described]
    session = f"visitor-{os.urandom(6).hex()}"
    return {"data": data, "fn_index": endpoint_number(http, "upscale"), "session_hash": session}


def endpoint_number(http: httpx.Client, api_name: str) -> int:
    """Return the number that Gradio's protocol has for an endpoint."""
    config = http.get(str(http.base_url).removesuffix("/gradio_api/") + "/config").raise_for_status().json()
    return next(one["id"] for one in config["dependencies"] if one["api_name"] == api_name)


def look_in(url: str, times: int) -> None:
    """List the zoo from this many programs, each in a session of its own."""
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=120) as http:
        number = endpoint_number(http, "zoo")
        for _ in range(times):
            session = f"visitor-{os.urandom(6).hex()}"
            http.post("/queue/join", json={"data": [], "fn_index": number, "session_hash": session}).raise_for_status()
            with http.stream("GET", "/queue/data", params={"session_hash": session}) as stream:
                assert any(message.get("msg") == "process_completed" for message in messages(stream))
