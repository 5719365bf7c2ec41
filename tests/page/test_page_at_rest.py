"""A page that nobody uses lets the processors rest: the visitor's, in a real browser, and the server's."""

import time
from pathlib import Path

import pytest

from tests.browsing import CAT, drop, upscale, visit
from tests.serving import served

pytestmark = pytest.mark.slow

COUNT_FRAMES = """
  const ask = window.requestAnimationFrame.bind(window);
  window.frames_asked_for = 0;
  window.requestAnimationFrame = callback => { window.frames_asked_for += 1; return ask(callback); };
"""


@pytest.mark.browser
def test_a_page_at_rest_draws_no_frames(browser, server):
    page = visit(browser, server, script=COUNT_FRAMES, locale="en")
    drop(page, CAT)
    upscale(page, "904 × 600")
    frames = page.evaluate("frames_asked_for")
    assert frames > 0
    for _ in range(15):  # what fades may take a while
        page.wait_for_timeout(1000)
        before, frames = frames, page.evaluate("frames_asked_for")
        if frames == before:
            return
    pytest.fail(f"the page still asks for {frames - before} frames a second")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux counts another process's wakings")
def test_a_server_at_rest_is_not_woken_a_thousand_times_a_second(tmp_path):
    with served(tmp_path, CUDA_VISIBLE_DEVICES="") as page:

        def wakings() -> int:
            threads = Path(f"/proc/{page.process}/task").glob("*/status")
            lines = [line for thread in threads for line in thread.read_text().splitlines()]
            return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

        time.sleep(1)
        before = wakings()
        time.sleep(1)
        assert wakings() - before < 400
