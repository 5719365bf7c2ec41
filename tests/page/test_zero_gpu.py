"""ZeroGPU: the page computes in a process that is forked for it, and all is as it is elsewhere.

The page's device runs in a fresh interpreter, with or without the stand-in for `spaces`.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from caesr import CAEResNet
from caesr.options import UpscaleOptions
from caesr.page.device import Device
from caesr.page.zero_gpu import MAX_SECONDS, START_SECONDS, count_flops, cut_parts
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
    return device.upscale(UpscaleOptions("lite", scale=scale, tile=tile), file, target, OutputOptions())

def digest(file, scale, tile=64):
    for _ in steps(file, scale, tile):
        pass
    return hashlib.sha256(target.read_bytes()).hexdigest()

def is_free():
    list(device.queue.thread.map(int, range(100)))  # when the tile at hand has ended
    return device.queue.free_places._value in (1, 8)
"""
UPSCALE = "results = digest(cat, 3), digest(cat, 6)\n"  # the second after this process has used torch


def page(script: str, *, spaces: bool, zero_gpu: bool = True) -> object:
    """Run a script, with the module `spaces` or without, and return what it prints, read as JSON."""
    path = [str(ROOT), *([str(ROOT / "tests" / "stand_in")] if spaces else [])]
    hardware = {"SPACES_ZERO_GPU": "true"} if spaces and zero_gpu else {}
    environment = os.environ | hardware | {"PYTHONPATH": os.pathsep.join(path), "CUDA_VISIBLE_DEVICES": ""}
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
before = process.is_alive(), not is_free()
running.close()
process.join(20)
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


def test_the_seconds_asked_for_grow_with_the_work_and_a_call_stays_below_its_limit():
    device, lite = Device(), UpscaleOptions(model="lite")

    def seconds(side: int, options: UpscaleOptions, channels: int = 3) -> float:
        image = np.broadcast_to(np.zeros((1, 1, 1), np.uint8), (side, side, channels))
        return device._gpu_seconds(device.spec(options), image, 4)

    assert START_SECONDS < seconds(100, lite) < seconds(2000, lite) < seconds(2000, lite, channels=4)
    assert seconds(2000, replace(lite, model="base")) > 2 * (seconds(2000, lite) - START_SECONDS)
    much = seconds(10_000, replace(lite, model="base", ensemble=True)) - START_SECONDS
    parts = cut_parts(10_000, much)
    assert len(parts) > 1
    assert [stop for _, stop in parts[:-1]] == [start for start, _ in parts[1:]]
    assert max(stop - start for start, stop in parts) / 10_000 * much + START_SECONDS <= MAX_SECONDS * 1.05


def test_the_operations_of_a_network_are_those_of_its_layers():
    assert count_flops(CAEResNet(scale=1, widths=(8,), encoder_blocks=(0,), decoder_blocks=())) == 2 * 9 * (24 + 24)


def test_a_space_without_zero_gpu_computes_in_its_own_process_although_the_package_is_there():
    script = "from caesr.page.zero_gpu import HAS_ZERO_GPU, spaces\nprint(json.dumps([HAS_ZERO_GPU, spaces is None]))"
    assert page(script, spaces=True, zero_gpu=False) == [False, True]


def test_a_picture_that_takes_several_calls_is_the_same():
    script = """
import caesr.page.device as devices
devices.cut_parts = lambda height, seconds: [(0, 64), (64, height)]
made = digest(cat, 4)
import spaces
print(json.dumps([made, len(spaces.calls)]))
"""
    made, calls = page(script, spaces=True)
    assert calls == 2
    assert made == page("print(json.dumps(digest(cat, 4)))", spaces=False)


def test_without_quota_the_picture_is_computed_on_the_cpu_and_the_visitor_is_told():
    script = """
import gradio as gr
import spaces

def refuse(*_):
    raise gr.Error("You have exceeded your free ZeroGPU quota (60s requested vs. 3s left). Try again in 1:00:00.")

told = []
gr.Warning = told.append
spaces.before_call = refuse
print(json.dumps([digest(cat, 4), told, is_free()]))
"""
    made, told, free = page(script, spaces=True)
    assert free
    assert len(told) == 1
    assert "on the CPU" in told[0]
    assert made == page("print(json.dumps(digest(cat, 4)))", spaces=False)
