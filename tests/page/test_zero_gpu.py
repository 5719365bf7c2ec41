"""ZeroGPU: the page computes in a process that is forked for it, and all is as it is elsewhere.

The page's device runs in a fresh interpreter, with or without the stand-in for `spaces`.
"""

import json
import os
import subprocess
import sys

import pytest

from caesr.options import UpscaleOptions
from caesr.page.device import Device
from caesr.page.zero_gpu import START_SECONDS, estimate_gpu_seconds
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPT = """
import hashlib, json, os, sys, tempfile
from pathlib import Path
from caesr.engine.pipeline import Pipeline
from zoo.messages import message_of
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.device import Device
from zoo.messages import Message

device, cat, target = Device(), Path("examples/cat.png"), Path(tempfile.mkdtemp()) / "result.png"

def steps(file, scale, tile):
    return device.upscale(device.spec(UpscaleOptions(scale=scale, tile=tile)), file, target, OutputOptions())

def digest(file, scale, tile=64):
    for _ in steps(file, scale, tile):
        pass
    return hashlib.sha256(target.read_bytes()).hexdigest()

def is_free():
    device.queue.thread.submit(int).result()  # when the tile at hand has ended
    return not device.queue.lock.locked()
"""
UPSCALE = "results = digest(cat, 3), digest(cat, 6)\n"  # the second after this process has used torch


def page(script: str, *, spaces: bool) -> object:
    """Run a script and return what it prints, read as JSON."""
    path = [str(ROOT), *([str(ROOT / "tests" / "stand_in")] if spaces else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", SCRIPT + script]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_forked_process_makes_the_same_files_and_reads_no_network_again():
    record_reads = """
import app  # the whole page, which must not touch CUDA
import spaces
from caesr import CAEResNet

log, read = target.with_name("reads"), CAEResNet.from_pretrained

def recorded(folder):
    with log.open("a") as stream:
        print(os.getpid(), file=stream)
    return read(folder)

CAEResNet.from_pretrained = recorded
"""
    report = """
calls = [[call["yields"], call["process"].pid] for call in spaces.calls]
print(json.dumps([results, calls, os.getpid(), [int(pid) for pid in log.read_text().split()]]))
"""
    results, calls, parent, readers = page(record_reads + UPSCALE + report, spaces=True)
    assert results == page(UPSCALE + "print(json.dumps(results))", spaces=False)
    assert [yields for yields, _ in calls] == [3 * 4, 5 * 8]  # one for each tile
    assert len({parent, *(process for _, process in calls)}) == 3
    assert set(readers) == {parent}


def test_cancelling_stops_the_process_and_the_next_one_gets_the_device():
    script = """
import spaces
running = steps(cat, 8, 32)
third = next(event for event in running if event.done == 3)
process = spaces.calls[0]["process"]
before = process.is_alive(), device.queue.lock.locked()
running.close()
after = is_free(), process.is_alive(), target.exists()
digest(cat, 2)
print(json.dumps([third.done, third.total, before, after, target.exists()]))
"""
    done, total, before, after, made = page(script, spaces=True)
    assert done == 3 < total
    assert before == [True, True]
    assert after == [True, False, False]
    assert made


def test_errors_of_the_forked_process_are_shown_in_the_same_words_and_can_be_translated():
    script = """
import spaces

def broken(*_):
    raise RuntimeError(Message("Kernel {name} failed.", name="A"))

Pipeline.compute = broken
shown = []
for file in (cat, Path("README.md")):
    try:
        digest(file, 4)
    except (RuntimeError, ValueError) as error:
        shown.append([message_of(error), message_of(error).template, is_free(), len(spaces.calls)])
print(json.dumps(shown))
"""
    kernel, no_picture = page(script, spaces=True)
    assert kernel == ["Kernel A failed.", "Kernel {name} failed.", True, 1]
    assert no_picture[0].startswith("README.md")
    assert no_picture[2:] == [True, 1]  # for what is no picture no process was forked


def test_more_tiles_ask_for_more_time():
    device = Device()

    def seconds(side: int, channels: int = 3, **choices: object) -> float:
        options = UpscaleOptions(model="lite", **choices)
        return estimate_gpu_seconds(device.networks(device.spec(options)), options, (side, side, channels), 4)

    assert START_SECONDS < seconds(100) < seconds(2000) < seconds(2000, tile=32) < seconds(2000, 4, tile=32)
    assert seconds(2000, 4, tile=32) < seconds(2000, tile=32, ensemble=True)
