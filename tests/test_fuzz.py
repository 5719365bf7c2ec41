"""A few hundred cases of the fuzzer (`python tests/fuzz.py` runs many more), and whether it notices every failure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")
from tests import fuzz, seeds
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the fuzzer needs Linux"),
]


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path):
    report = fuzz.fuzz(seed=7, count=400, keep=tmp_path / "kept")
    assert report["wrong"] == []
    assert sum(report["outcomes"].values()) == 400
    assert not (tmp_path / "kept").exists()


def test_the_valid_files_that_are_damaged_are_read(tmp_path: Path):
    cases = fuzz.Cases(0)
    for name, data in cases.checkpoint.items():
        (tmp_path / name).write_bytes(data)
    outcomes = {kind: fuzz.try_to_read(kind, data, tmp_path) for kind, data in cases.valid.items()}
    refused = {kind for kind, outcome in outcomes.items() if outcome != "read"}
    assert refused == seeds.REFUSED & outcomes.keys()
    assert {outcomes[kind] for kind in refused} == {"refused"}


def test_a_case_is_reproducible_from_its_seed_and_its_number():
    assert fuzz.Cases(3).make(42) == fuzz.Cases(3).make(42)
    assert fuzz.Cases(3).make(42) != fuzz.Cases(4).make(42)


@pytest.mark.parametrize("failure", ["crash", "hang", "wait", "bomb", "KeyError", "spoke"])
def test_a_failing_case_is_reported_its_file_kept_and_the_rest_run(tmp_path, monkeypatch, failure):
    """A script that fails at case 2 takes the place of the worker."""
    code = {
        "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "hang": "import os, signal; os.kill(os.getpid(), signal.SIGPROF)",
        "wait": "import os, signal; os.kill(os.getpid(), signal.SIGALRM)",
        "bomb": 'print(\'["gif", "read", 0.1, 9999]\')',
        "KeyError": 'print(\'["gif", "KeyError: 1", 0.1, 1]\')',
        "spoke": 'print(\'["gif", "spoke: on stderr", 0.1, 1]\')',
    }[failure]
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import sys\nstart, stop = map(int, sys.argv[-2:])\nfor n in range(start, stop):\n    print(n, flush=True)\n"
        f'    if n == 2:\n        {code}\n    else:\n        print(\'["gif", "read", 0.1, 1]\', flush=True)\n'
    )
    monkeypatch.setattr(fuzz, "__file__", str(worker))
    report = fuzz.fuzz(seed=1, count=5, keep=tmp_path / "kept")
    assert [case["case"] for case in report["wrong"]] == [2]
    assert report["wrong"][0]["outcome"].startswith("hang" if failure == "wait" else failure)
    assert sum(report["outcomes"].values()) == 5
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.read_bytes() == fuzz.Cases(1).make(2)[1]


def test_output_of_a_library_on_stderr_is_reported(tmp_path):
    with (tmp_path / "stdout").open("w+") as stdout, (tmp_path / "stderr").open("w+") as stderr:
        code = (
            "import os, sys; from tests import fuzz\n"
            "fuzz.try_to_read = lambda kind, *_: (kind == 'gif' and os.write(2, b'what?')) and 'read' or 'refused'\n"
            "cases = fuzz.Cases(1); gif = cases.kinds.index('gif'); fuzz.run_worker(cases, gif - 1, gif + 2)"
        )
        subprocess.run([sys.executable, "-c", code], stdout=stdout, stderr=stderr, cwd=ROOT, check=True)
    lines = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
    outcomes = [line[1] for line in lines if isinstance(line, list)]
    assert outcomes == ["refused", "spoke: on stderr, when it was read", "refused"]
