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

from caesr.jobs.runner import Wish, enlarge_file
from caesr.page.settings import Settings
from tests.serving import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.png"))
SCALES = (2, 3, 4, 2.5)
LONG = {"model": "lite", "scale": 4, "tile": 32, "ensemble": True}  # many steps: there is a middle to leave in


@dataclass(frozen=True)
class Errand:
    """A picture that nobody else has, how it shall be enlarged, and the file that must come of it."""

    picture: Path
    scale: float
    due: bytes

    def run(self, client: Client) -> str:
        """Have the page do it: "right", "wrong", "busy", or what was said instead."""
        try:
            answer = Path(client.predict(handle_file(self.picture), "lite", self.scale, api_name="/upscale"))
        except Exception as error:  # to be counted, and said
            if isinstance(error, AppError) and "waiting here already" in str(error):
                return "busy"
            return f"{type(error).__name__}: {error}"
        made = answer.read_bytes()
        answer.unlink()
        return "right" if made == self.due and answer.name.startswith(self.picture.stem + "_") else "wrong"


def errand(number: int, folder: Path) -> Errand:
    """The errand of this number: a part of an example, 48 to 96 pixels wide and high; what is due is made here."""
    random = np.random.default_rng(number)
    with Image.open(EXAMPLES[number % len(EXAMPLES)]) as opened:
        example = np.array(opened.convert("RGB"))
    height, width = random.integers(48, 97, 2)
    top, left = random.integers(0, example.shape[0] - height + 1), random.integers(0, example.shape[1] - width + 1)
    source, target = folder / f"{number}.png", folder / f"{number}-due.png"
    Image.fromarray(example[top : top + height, left : left + width]).save(source)
    scale = SCALES[number % len(SCALES)]
    for _ in enlarge_file(Settings("lite").how().upscaler(), source, target, Wish(scale)):
        pass
    return Errand(source, scale, target.read_bytes())


def visitor(url: str) -> Client:
    """A program with a session of its own."""
    patience = {"timeout": 120}  # seconds: on a machine that has other things to do, 5 are not many
    return Client(url, verbose=False, download_files=tempfile.mkdtemp(), httpx_kwargs=patience)


def leave_in_mid_run(url: str, picture: Path, steps: int = 2, patience: float = 120) -> int:
    """Ask for a long enlargement over a connection that is cut once it has begun; how many tiles were made by then.

    Raises:
        TimeoutError: it did not begin, or not come so far, within so many seconds.
    """
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=patience) as http:
        call = long_call(http, picture)
        http.post("/queue/join", json=call).raise_for_status()
        message: dict[str, Any] = {}
        done, end = 0, time.monotonic() + patience
        with http.stream("GET", "/queue/data", params={"session_hash": call["session_hash"]}) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                done += message.get("msg") == "process_generating"
                if done >= steps:
                    return done  # and with it, the connection is closed
                if message.get("msg") == "process_completed" or time.monotonic() > end:
                    break
    raise TimeoutError(f"After {done} tiles: {message}")


@contextmanager
def crowded(url: str, picture: Path, calls: int) -> Iterator[None]:
    """So many calls that wait for the device, one of which has it; in the end all leave.

    Raises:
        AssertionError: one was sent away.
    """
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=120) as http:
        call = long_call(http, picture)
        for _ in range(calls):
            http.post("/queue/join", json=call).raise_for_status()
        taken: set[str] = set()
        with http.stream("GET", "/queue/data", params={"session_hash": call["session_hash"]}) as stream:
            lines = stream.iter_lines()  # kept, or the connection would be closed with it
            for line in lines:
                message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                assert message.get("msg") != "process_completed", message
                if message.get("msg") == "process_generating":
                    taken.add(message["event_id"])
                if len(taken) == calls:
                    break
            yield


def long_call(http: httpx.Client, picture: Path) -> dict[str, Any]:
    """A call of /upscale as Gradio's protocol has it, for an enlargement of many tiles; of a session of its own."""
    with picture.open("rb") as file:
        (uploaded,) = http.post("/upload", files={"files": (picture.name, file)}).raise_for_status().json()
    config = http.get(f"{http.base_url}".removesuffix("/gradio_api/") + "/config").raise_for_status().json()
    (asked,) = [one for one in config["dependencies"] if one["api_name"] == "upscale"]
    values = {component["id"]: component["props"].get("value") for component in config["components"]}
    data = [values[one] for one in asked["inputs"]]
    data[0] = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}
    data[1:4] = [LONG["model"], LONG["scale"], LONG["tile"]]
    data[9] = LONG["ensemble"]
    return {"data": data, "fn_index": asked["id"], "session_hash": f"visitor-{os.urandom(6).hex()}"}


def look_in(url: str, times: int) -> None:
    """So many programs that only list the zoo, each in a session of its own."""
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=120) as http:
        config = http.get(f"{url}/config").raise_for_status().json()
        (asked,) = [one["id"] for one in config["dependencies"] if one["api_name"] == "zoo"]
        for _ in range(times):
            session = f"visitor-{os.urandom(6).hex()}"
            call = {"data": [], "fn_index": asked, "session_hash": session}
            http.post("/queue/join", json=call).raise_for_status()
            with http.stream("GET", "/queue/data", params={"session_hash": session}) as stream:
                assert any('"process_completed"' in line for line in stream.iter_lines())
