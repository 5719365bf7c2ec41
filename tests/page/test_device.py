"""The device that all visitors share: one who cancels is done at once, and the next one waits for the tile at hand."""

import pickle
from collections.abc import Generator, Iterator
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import numpy as np
import pytest

import zoo
from caesr import Upscaler
from caesr.engine.pipeline import Pipeline
from caesr.engine.progress import Progress, Steps
from caesr.files import write
from caesr.files.listed import ListedPicture
from caesr.files.read import inspect
from caesr.jobs.batch import weights_digest
from caesr.jobs.report import Job
from caesr.options import OutputOptions, UpscaleOptions
from caesr.page.device import Device
from caesr.page.queue import Busy, DeviceQueue, Waiting
from caesr.page.time_estimate import TimeEstimate, probe
from tests.serving import ROOT

pytestmark = pytest.mark.slow

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
    return device.upscale(LONG, CAT, target, OUTPUT)


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
    waiting = [device.queue.in_turn(lambda turn: iter([turn]), max_waiting=2) for _ in range(3)]
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
    events, status = finished(device.run_job(LONG, job, OUTPUT))
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
    wait_for_thread(device)
    _, timed = finished(device.upscale_array(spec, photograph, 4))
    assert device.plan(spec, info, 4).seconds == pytest.approx(timed.seconds, rel=0.05)


def test_the_next_visitor_does_not_wait_for_a_file_that_is_still_written(device, tmp_path, monkeypatch):
    saving, may_save, png_save = Event(), Event(), write._save

    def slow(image, path, *rest):
        if not saving.is_set():  # the first visitor's
            saving.set()
            assert may_save.wait(60)
        png_save(image, path, *rest)

    monkeypatch.setattr(write, "_save", slow)
    first = Thread(target=finished, args=(upscale(device, tmp_path / "large.png"),), daemon=True)
    first.start()
    assert saving.wait(60)
    events, _ = finished(upscale(device, tmp_path / "other.png"))
    assert events[-1].done == events[-1].total
    assert (tmp_path / "other.png").exists()
    assert not (tmp_path / "large.png").exists()
    may_save.set()
    first.join(60)
    assert (tmp_path / "large.png").exists()


def test_what_waits_to_be_written_is_bounded():
    made, backlog_bytes = [], 300

    def steps():
        for n in range(10):
            made.append(n)
            yield n

    queue = DeviceQueue()
    taken = queue.in_turn(lambda turn: queue.run_ahead(steps(), turn, lambda step: 100, backlog_bytes))
    assert next(step for step in taken if step is not None) == 0
    sleep(0.3)
    assert len(made) == 4  # one taken, three waiting, and none is made beyond
    assert [step for step in taken if step is not None] == list(range(1, 10))


def test_a_picture_of_several_pages_takes_the_device_again_for_each(device, photograph):
    spec = device.spec(UpscaleOptions(model="lite", tile=64))

    def pages(turn):
        for _ in range(2):
            yield from device.upscale_rows(spec, photograph, 2, lambda strip: None, turn)
            assert not turn.is_held

    events, _ = finished(device.queue.in_turn(pages))
    assert [event.done for event in events if event.done == event.total] == [12, 12]
    wait_for_thread(device)
    assert device.queue.try_take()


def test_times_of_two_sizes_tell_a_start_from_a_pixel():
    times, shapes = TimeEstimate(), [(side, side, 3) for side in (64, 512, 4000)]
    assert times.seconds("lite", shapes[0]) is None
    for shape in shapes[:2]:
        times.record("lite", shape, 0.05 + 1e-7 * shape[0] * shape[1])  # as a GPU: a start, and little for a pixel
    assert times.seconds("lite", shapes[2]) == pytest.approx(0.05 + 1e-7 * 4000**2)
    times.record("lite", shapes[2], 3.0)  # the last one counts most
    assert times.seconds("lite", shapes[2]) == 3.0
    assert times.seconds("lite", (0, 0, 3)) >= 0


def test_networks_are_measured_on_pictures_that_grow_until_one_takes_a_moment(monkeypatch):
    now, sides, recorded = 0.0, [], []
    monkeypatch.setattr("time.monotonic", lambda: now)

    def upscale(image):
        nonlocal now
        sides.append(len(image))
        now += 1e-6 * image.size

    probe(upscale, lambda shape, seconds: recorded.append((shape[0], seconds)))
    assert sides == [32, 64, 128, 256, 512]
    assert recorded[-1] == (512, pytest.approx(0.786, abs=0.001))


def test_planning_upscales_nothing_and_moves_no_network(device, monkeypatch):
    spec, info = device.spec(UpscaleOptions(model="lite")), inspect(CAT)
    device.plan(spec, info, 4)
    monkeypatch.setattr(Upscaler, "__init__", lambda *_, **__: pytest.fail("an Upscaler was built"))
    assert device.plan(spec, info, 4).tiles == 1


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
