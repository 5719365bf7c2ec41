"""The device that all visitors share: one who cancels is done at once, and the next one waits for the tile at hand."""

import pickle
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

import zoo
from caesr import Upscaler
from caesr.engine.pipeline import Pipeline
from caesr.engine.progress import Progress, Steps
from caesr.files.listed import ListedPicture
from caesr.files.read import inspect
from caesr.jobs.batch import weights_digest
from caesr.jobs.report import Job
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.device import Device
from caesr.page.queue import Busy, Waiting
from tests.serving import ROOT

CAT = ROOT / "examples" / "cat.png"
LONG = UpscaleOptions(model="lite", scale=2, ensemble=True)  # several tiles
OUTPUT = OutputOptions()


class Gate:
    """Holds every window of a result back until it is opened."""

    def __init__(self) -> None:
        self.reached, self.open, self.windows = Event(), Event(), 0

    def __call__(self) -> None:
        self.windows += 1
        self.reached.set()
        assert self.open.wait(60)


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    gate, compute = Gate(), Pipeline.compute

    def gated(self, rows, columns):
        gate()
        return compute(self, rows, columns)

    monkeypatch.setattr(Pipeline, "compute", gated)
    yield gate
    gate.open.set()


def upscale(device: Device, target: Path) -> Iterator[Progress | Waiting]:
    return device.upscale(device.spec(LONG), CAT, target, OUTPUT)


def started(device: Device, gate: Gate, target: Path) -> Iterator[Progress | Waiting]:
    """Return an upscaling whose first window is being computed."""
    running = upscale(device, target)
    while not gate.reached.is_set():
        assert next(running).done == 0
    return running


def finished(generator: Generator) -> tuple[list, Any]:
    """Run a generator; return what it yielded and what it returned."""
    steps = Steps(generator)
    return list(steps), steps.result


def wait_for_thread(device: Device) -> None:
    """Wait until the tile at hand, and what follows it, has ended."""
    device.queue.thread.submit(int).result()


def test_cancelling_does_not_wait_for_the_tile_at_hand_but_the_next_visitor_does(device, gate, tmp_path):
    started(device, gate, tmp_path / "never.png").close()
    assert not gate.open.is_set()
    assert not list(tmp_path.iterdir())
    waiting = upscale(device, tmp_path / "made.png")
    assert next(waiting) == Waiting(before=1)
    gate.open.set()
    *_, last = waiting
    assert last.done == last.total
    assert (tmp_path / "made.png").exists()


def test_after_cancelling_no_further_tile_is_computed(device, gate, tmp_path):
    started(device, gate, tmp_path / "never.png").close()
    gate.open.set()
    wait_for_thread(device)
    assert gate.windows == 1
    assert device.queue.try_take()


def test_a_visitor_who_leaves_while_waiting_takes_nothing(device, gate, tmp_path):
    first = started(device, gate, tmp_path / "made.png")
    waiting = upscale(device, tmp_path / "never.png")
    assert next(waiting) == Waiting(before=1)
    waiting.close()
    gate.open.set()
    *_, last = first
    assert last.done == last.total
    wait_for_thread(device)
    assert device.queue.try_take()


@pytest.mark.slow
def test_first_come_first_served_and_everybody_knows_how_many_are_before(device, gate, tmp_path):
    first = started(device, gate, tmp_path / "0.png")
    waiting = [upscale(device, tmp_path / f"{n}.png") for n in (1, 2, 3)]
    assert [next(one).before for one in waiting] == [1, 2, 3]
    waiting[1].close()
    assert [next(waiting[n]).before for n in (0, 2)] == [1, 2]
    gate.open.set()
    *_, _ = first
    wait_for_thread(device)  # the device is free again
    assert next(waiting[2]).before == 2  # the other one has not taken it yet, but comes first
    *_, _ = waiting[0]
    *_, _ = waiting[2]
    assert {file.name for file in tmp_path.iterdir()} == {"0.png", "1.png", "3.png"}


def test_no_more_than_a_number_may_wait(device, gate, tmp_path):
    first = started(device, gate, tmp_path / "0.png")
    waiting = [device.queue.in_turn(iter([n]), max_waiting=2) for n in range(3)]
    assert [next(one).before for one in waiting[:2]] == [1, 2]
    with pytest.raises(Busy, match=r"^2 pictures are waiting here already") as busy:
        next(waiting[2])
    assert busy.value.args[0].parameters == {"count": 2}
    for one in (first, *waiting[:2]):
        one.close()


def test_an_error_of_a_network_reaches_the_visitor_and_frees_the_device(device, tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("A kernel failed.")

    monkeypatch.setattr(Pipeline, "compute", broken)
    with pytest.raises(RuntimeError, match=r"^A kernel failed"):
        list(upscale(device, tmp_path / "never.png"))
    wait_for_thread(device)
    assert device.queue.try_take()


def test_a_job_of_a_batch_returns_its_status(device, tmp_path):
    job = Job(ListedPicture("cat.png"), str(CAT), str(tmp_path / "cat_x2.png"))
    events, status = finished(device.run_job(device.spec(LONG), job, OUTPUT))
    assert (status.state, events[-1].done) == ("done", events[-1].total)
    assert (tmp_path / "cat_x2.png").exists()


def test_an_array_comes_back_as_the_upscaler_makes_it_with_the_seconds(device, photograph):
    spec = device.spec(UpscaleOptions(model="lite", tile=64))
    events, timed = finished(device.upscale_array(spec, photograph, 3))
    assert events[-1].done == events[-1].total == 12
    assert np.array_equal(timed.picture, Upscaler(device.networks(spec), tile=64)(photograph, 3))
    assert timed.seconds > 0


def test_a_plan_measures_the_time_if_the_device_is_free_and_the_last_run_corrects_it(device, photograph):
    spec, info = device.spec(UpscaleOptions(model="lite")), inspect(CAT)
    assert device.queue.try_take()
    unknown = device.plan(spec, info, 4)
    assert (unknown.tiles, unknown.seconds) == (1, None)
    device.queue.release()
    wait_for_thread(device)
    first = device.plan(spec, info, 4)
    assert first.seconds == device.plan(spec, info, 4).seconds > 0
    _, timed = finished(device.upscale_array(spec, photograph, 4))
    assert device.plan(spec, info, 4).seconds == pytest.approx(timed.seconds, rel=0.05)


def test_a_spec_travels_and_the_blend_is_part_of_its_weights(device):
    half, all_of_it = (device.spec(UpscaleOptions(texture=texture)) for texture in (50, 100))
    assert pickle.loads(pickle.dumps(half)) == half
    assert len({half, pickle.loads(pickle.dumps(half))}) == 1
    assert half.folders != all_of_it.folders == half.blended
    assert device.networks(half) is device.networks(device.spec(UpscaleOptions(texture=50, scale=3)))
    assert device.weights_digest(half) == weights_digest(device.networks(half)) != device.weights_digest(all_of_it)


def test_a_path_of_the_server_is_no_model(device, tmp_path):
    with pytest.raises(zoo.ZooError, match="names no family, checkpoint or repository"):
        device.spec(UpscaleOptions(model=str(tmp_path)))
