"""The device that all visitors share: whoever cancels is done at once, and the next one waits for what is at work."""

from collections.abc import Iterator
from threading import Event

import pytest

from caesr.engine.pipeline import Pipeline
from caesr.jobs.runner import Wish
from caesr.page import device
from caesr.page.settings import Settings
from tests.serving import ROOT

CAT = ROOT / "examples" / "cat.png"


class Gate:
    """Networks that wait until they may go on."""

    def __init__(self) -> None:
        self.begun, self.open, self.runs = Event(), Event(), 0

    def __call__(self, *_: object) -> None:
        self.runs += 1
        self.begun.set()
        assert self.open.wait(60)


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    found, window = Gate(), Pipeline.window

    def gated(self, *wanted):
        found()
        return window(self, *wanted)

    monkeypatch.setattr(Pipeline, "window", gated)
    yield found
    found.open.set()


def slow() -> device.How:
    return Settings("lite", ensemble=True).how()


def begun(gate: Gate, target) -> Iterator[device.Progress]:
    """An enlargement whose first network is at work."""
    running = device.enlarge(slow(), CAT, target, Wish(2))
    while not gate.begun.is_set():
        assert next(running).done == 0
    return running


def test_who_cancels_is_done_while_the_network_is_still_at_work_and_the_next_one_waits_for_it(gate, tmp_path):
    begun(gate, tmp_path / "never.png").close()
    assert not gate.open.is_set()
    assert not list(tmp_path.iterdir())
    waiting = device.enlarge(slow(), CAT, tmp_path / "made.png", Wish(2))
    assert next(waiting) == device.Waiting(before=1)
    gate.open.set()
    *_, last = waiting
    assert last.done == last.total
    assert (tmp_path / "made.png").exists()


def test_of_a_run_that_is_cancelled_no_further_tile_is_made(gate, tmp_path):
    begun(gate, tmp_path / "never.png").close()
    gate.open.set()
    device.THREAD.submit(int).result()  # when what it is at has ended
    assert gate.runs == 1
    assert not device.FREE.locked()


def test_who_leaves_while_waiting_takes_nothing(gate, tmp_path):
    first = begun(gate, tmp_path / "made.png")
    waiting = device.enlarge(slow(), CAT, tmp_path / "never.png", Wish(2))
    assert next(waiting) == device.Waiting(before=1)
    waiting.close()
    gate.open.set()
    *_, last = first
    assert last.done == last.total
    device.THREAD.submit(int).result()
    assert not device.FREE.locked()


def test_who_comes_first_is_served_first_and_knows_how_many_are_before(gate, tmp_path):
    first = begun(gate, tmp_path / "0.png")
    waiting = [device.enlarge(slow(), CAT, tmp_path / f"{n}.png", Wish(2)) for n in (1, 2, 3)]
    assert [next(one).before for one in waiting] == [1, 2, 3]
    waiting[1].close()
    assert [next(waiting[n]).before for n in (0, 2)] == [1, 2]
    gate.open.set()
    *_, _ = first
    device.THREAD.submit(int).result()  # the device is free again
    assert next(waiting[2]).before == 2  # the other one has not taken it yet, but comes first
    *_, _ = waiting[0]
    *_, _ = waiting[2]
    assert {file.name for file in tmp_path.iterdir()} == {"0.png", "1.png", "3.png"}


def test_an_error_of_a_network_reaches_whoever_asked(tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("A kernel failed.")

    monkeypatch.setattr(Pipeline, "window", broken)
    with pytest.raises(Exception, match="A kernel failed"):
        list(device.enlarge(slow(), CAT, tmp_path / "never.png", Wish(2)))
    device.THREAD.submit(int).result()
    assert not device.FREE.locked()
