"""ZeroGPU: the page enlarges in a process that is forked for it, and all is as it is elsewhere.

The page's own functions run in a fresh interpreter, with or without the stand-in for `spaces`.
"""

import json
import os
import subprocess
import sys

import numpy as np

import zoo
from caesr.page import device
from tests.conftest import ROOT

SCRIPT = """
import hashlib, json, os, sys
from pathlib import Path
import app
from caesr.jobs.runner import Wish
from caesr.page import device

from caesr.page.tab_upscale import Done, work
from caesr.page.settings import Settings

def run(file, scale, tile=64):
    for done in work(str(file), Settings("lite", scale=scale, tile=tile, auto=False), None):
        if isinstance(done, Done):
            return [hashlib.sha256(file.read_bytes()).hexdigest() for file in (done.before, done.after)], done.status

cat = Path("examples/cat.png")
"""
ENLARGE = "print(json.dumps([run(cat, 3)[0], run(cat, 6)[0]]))"  # the second after this process has used torch


def page(script: str, *, spaces: bool) -> object:
    """What the script prints, read as JSON."""
    path = [str(ROOT), *([str(ROOT / "tests" / "stand_in")] if spaces else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", SCRIPT + script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_enlargement_in_a_forked_process_is_that_of_this_one():
    report = "\nprint(json.dumps([[c['yields'], c['process'].pid, os.getpid()] for c in device.spaces.calls]))"
    elsewhere, calls = page("print('[');" + ENLARGE + "; print(',')" + report + "; print(']')", spaces=True)
    assert elsewhere == page(ENLARGE, spaces=False)
    assert [call[0] for call in calls] == [3 * 4, 5 * 8]  # a yield a tile
    assert len({pid for call in calls for pid in call[1:]}) == 3


def test_cancelling_stops_the_process_and_the_next_one_gets_the_device():
    script = """
running = device.enlarge(Settings(auto=False, tile=32).how(), cat, Path("never.png"), Wish(8))
third = next(step for step in running if step.done == 3)
process = device.spaces.calls[0]["process"]
before = process.is_alive(), device.FREE.locked()
running.close()
device.THREAD.submit(int).result()  # when what it is at has ended
after = process.is_alive(), device.FREE.locked()
print(json.dumps([third.done, third.total, before, after, run(cat, 2)[1][:9]]))
"""
    done, total, before, after, status = page(script, spaces=True)
    assert (before, after) == ([True, True], [False, False])
    assert done == 3 < total
    assert status == "452 × 300"


def test_what_goes_wrong_there_is_said_in_the_same_words():
    script = """
def broken(*_):
    raise RuntimeError("A kernel failed.")

device.Upscaler._window = broken
said = []
for file in (cat, Path("README.md")):
    try:
        run(file, 4)
    except app.gr.Error as error:
        device.THREAD.submit(int).result()  # it is given back from there
        said.append([error.message, device.FREE.locked(), len(device.spaces.calls)])
print(json.dumps(said))
"""
    (kernel, *then), (no_picture, *later) = page(script, spaces=True)
    assert kernel == "A kernel failed."
    assert no_picture.startswith("README.md")
    assert then == later == [False, 1]  # the device is free again; for what is no picture no process was forked


def test_more_tiles_ask_for_more_time():
    folders = tuple(zoo.fetch_family("lite"))

    def ask(side: int, channels: int = 3, **how: object) -> float:
        return device.seconds(device.How(folders, **how), np.zeros((side, side, channels), np.uint8), 4)

    assert device.START < ask(100) < ask(2000) < ask(2000, tile=32) < ask(2000, tile=32, channels=4)
    assert ask(2000, tile=32, channels=4) < ask(2000, tile=32, ensemble=True)
