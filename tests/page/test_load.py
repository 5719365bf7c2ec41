"""Many programs at the page at once: everybody gets their own picture or is told to come again, and whoever leaves
leaves nothing behind. `python -m benchmarks.load` does the same for minutes, with fifty."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.load import resident
from caesr.page.device import MOST
from tests.browsing import CAT
from tests.serving import served
from tests.visitors import crowded, errand, leave_in_mid_run, look_in, visitor


def test_of_twelve_at_once_everybody_gets_their_own_picture(server: str, tmp_path: Path):
    errands = [errand(number, tmp_path) for number in range(12)]
    assert len({one.due for one in errands}) == 12

    def visit(n: int) -> list[str]:
        client = visitor(server)
        return [errands[n].run(client) for _ in range(3)]

    with ThreadPoolExecutor(12) as visitors:
        assert list(visitors.map(visit, range(12))) == [["right"] * 3] * 12


def test_who_comes_when_the_queue_is_full_is_told_at_once_and_there_is_room_when_the_others_have_left(
    server: str, tmp_path: Path
):
    one, client = errand(1, tmp_path), visitor(server)
    with crowded(server, CAT, 1 + MOST):
        assert one.run(client) == "busy"
    assert one.run(client) == "right"


def test_when_ten_have_left_in_mid_run_the_device_is_free(server: str, tmp_path: Path):
    one, client = errand(3, tmp_path), visitor(server)
    for _ in range(10):
        assert leave_in_mid_run(server, CAT) >= 2
    assert one.run(client) == "right"


@pytest.mark.parametrize("number", [0, 7])
def test_a_picture_that_is_not_what_is_due_would_be_seen(server: str, tmp_path: Path, number: int):
    one, other = errand(number, tmp_path), errand(number + 1, tmp_path)
    mixed = type(one)(one.picture, one.scale, other.due)
    assert mixed.run(visitor(server)) == "wrong"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells another process's memory")
def test_of_visitors_who_have_gone_the_page_remembers_only_the_last(tmp_path: Path):
    """Two hundred more would take more than 40 MiB if Gradio remembered them all."""
    code = "import app; app.SESSIONS = 20; app.main()"
    with served(tmp_path, (sys.executable, "-c", code), CUDA_VISIBLE_DEVICES="") as page:
        look_in(page.url, 60)
        before = resident(page.process)
        look_in(page.url, 200)
        assert resident(page.process) - before < 15
