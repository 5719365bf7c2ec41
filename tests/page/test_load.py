"""Many programs at the page at once: each gets its own picture or is told to come again, and one that leaves leaves
nothing behind. `python -m benchmarks.measure.load` does the same for minutes, with fifty."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from caesr.page.queue import MAX_WAITING
from tests.browsing import CAT
from tests.serving import served
from tests.visitors import crowded, errand, leave_in_mid_run, look_in, visitor

pytestmark = pytest.mark.slow


def test_twelve_visitors_at_once_each_get_their_own_picture(server: str, tmp_path: Path):
    errands = [errand(number, tmp_path) for number in range(12)]
    assert len({one.expected for one in errands}) == 12

    def visit(n: int) -> list[str]:
        client = visitor(server)
        return [errands[n].run(client) for _ in range(2)]

    with ThreadPoolExecutor(12) as visitors:
        assert list(visitors.map(visit, range(12))) == [["right"] * 2] * 12


def test_who_comes_when_the_queue_is_full_is_told_at_once_and_there_is_room_when_the_others_have_left(
    server: str, tmp_path: Path
):
    one, client = errand(1, tmp_path), visitor(server)
    with crowded(server, CAT, 1 + MAX_WAITING):
        assert one.run(client) == "busy"
    assert one.run(client) == "right"


def test_when_ten_have_left_in_mid_run_the_device_is_free(server: str, tmp_path: Path):
    one, client = errand(3, tmp_path), visitor(server)
    for _ in range(10):
        assert leave_in_mid_run(server, CAT) >= 2
    assert one.run(client) == "right"


@pytest.mark.parametrize("number", [0, 7])
def test_a_picture_that_is_not_the_expected_one_would_be_seen(server: str, tmp_path: Path, number: int):
    one, other = errand(number, tmp_path), errand(number + 1, tmp_path)
    assert replace(one, expected=other.expected).run(visitor(server)) == "wrong"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells another process's memory")
def test_the_page_remembers_only_the_last_visitors(tmp_path: Path):
    """Sixty more would take 17 MiB if Gradio remembered them all."""
    code = "from caesr.page import app; app.MAX_SESSIONS = 20; app.main()"
    with served(tmp_path, (sys.executable, "-c", code), CUDA_VISIBLE_DEVICES="") as page:
        look_in(page.url, 40)
        before = page.memory()
        look_in(page.url, 60)
        assert page.memory() - before < 6
