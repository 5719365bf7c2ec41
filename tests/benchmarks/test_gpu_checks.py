"""The checks of a GPU: they run through on a CPU, and one that fails is a row of its own."""

import pytest

from benchmarks.measure import gpu_checks
from benchmarks.tables import speed


@pytest.mark.parametrize("check", gpu_checks.CHECKS, ids=lambda check: check.__name__)
def test_a_rehearsal_passes(check, monkeypatch):
    monkeypatch.setattr(gpu_checks, "BASE", gpu_checks.LITE)  # which is faster
    rows = gpu_checks.run_check(check, "cpu")
    assert not [row for row in rows if "failed" in row or row.get("ok") is False]


def test_a_check_that_fails_says_why():
    def broken(device: str) -> list[gpu_checks.Row]:
        raise RuntimeError("no card")

    assert gpu_checks.run_check(broken, "cpu") == [{"failed": "RuntimeError: no card", "ok": False}]


def test_the_table_names_what_was_not_passed_and_is_empty_before_the_first_run(monkeypatch):
    row = {"checkpoint": "a", "precision": "float16", "ms_per_mp": 0.3, "device_ms_per_mp": 0.2, "gflops": 1}
    found = {
        "device": "a card", "width": 9, "height": 9, "cpu": "a CPU", "torch": "2", "date": "today", "busy": 0,
        "command": "python", "found": [row | {"ceiling_gflops": 2, "kernels": 7, "device_mb": 5}],
        "checks": {"seams": [{"ok": True}, {"most": 1}], "scarce_memory": [{"ok": False}]},
    }  # fmt: skip
    for content, said in ((found, "2. Not passed: scarce memory."), ({}, "has not run on a GPU yet")):
        monkeypatch.setattr("benchmarks.results.read", lambda name, content=content: content)
        assert said in speed.gpu()
