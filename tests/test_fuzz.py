"""A few hundred cases of the fuzzer (`python tests/fuzz.py` tries many more), and that it sees what it should."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")
from tests import fuzz
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the fuzzer needs Linux")


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path):
    report = fuzz.run(seed=7, count=400, keep=tmp_path / "found")
    assert report["wrong"] == []
    assert sum(report["outcomes"].values()) == 400
    assert not (tmp_path / "found").exists()


def test_the_sound_files_that_are_damaged_are_read(tmp_path: Path):
    cases = fuzz.Cases(0)
    for name, sound in cases.checkpoint.items():
        (tmp_path / name).write_bytes(sound)
    outcomes = {kind: fuzz.attempt(kind, sound, tmp_path) for kind, sound in cases.sound.items()}
    assert outcomes.pop("tif float") == "refused"
    assert set(outcomes.values()) == {"read"}


def test_a_case_is_known_by_its_seed_and_its_number():
    assert fuzz.Cases(3).file(42) == fuzz.Cases(3).file(42)
    assert fuzz.Cases(3).file(42) != fuzz.Cases(4).file(42)


@pytest.mark.parametrize("how", ["crash", "hang", "wait", "bomb", "KeyError", "spoke"])
def test_a_reader_that_fails_is_found_its_file_kept_and_the_rest_tried(tmp_path, monkeypatch, how):
    """The worker's part is played by a script, so that there is something to be found."""
    code = {
        "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "hang": "import os, signal; os.kill(os.getpid(), signal.SIGPROF)",
        "wait": "import os, signal; os.kill(os.getpid(), signal.SIGALRM)",
        "bomb": 'print(\'["gif", "read", 0.1, 9999]\')',
        "KeyError": 'print(\'["gif", "KeyError: 1", 0.1, 1]\')',
        "spoke": 'print(\'["gif", "spoke: on stderr", 0.1, 1]\')',
    }[how]
    worker = tmp_path / "worker.py"
    worker.write_text(
        "import sys\nfirst, last = map(int, sys.argv[-2:])\nfor n in range(first, last):\n    print(n, flush=True)\n"
        f'    if n == 2:\n        {code}\n    else:\n        print(\'["gif", "read", 0.1, 1]\', flush=True)\n'
    )
    monkeypatch.setattr(fuzz, "__file__", str(worker))
    report = fuzz.run(seed=1, count=5, keep=tmp_path / "found")
    assert [case["case"] for case in report["wrong"]] == [2]
    assert report["wrong"][0]["outcome"].startswith("hang" if how == "wait" else how)
    assert sum(report["outcomes"].values()) == 5
    (kept,) = (tmp_path / "found").iterdir()
    assert kept.read_bytes() == fuzz.Cases(1).file(2)[1]


def test_a_library_that_speaks_is_found(tmp_path):
    with (tmp_path / "said").open("w+") as said, (tmp_path / "told").open("w+") as told:
        code = (
            "import os, sys; from tests import fuzz\n"
            "fuzz.attempt = lambda kind, *_: (kind == 'gif' and os.write(2, b'what?')) and 'read' or 'refused'\n"
            "cases = fuzz.Cases(1); gif = cases.kinds.index('gif'); fuzz.work(cases, gif - 1, gif + 2)"
        )
        subprocess.run([sys.executable, "-c", code], stdout=told, stderr=said, cwd=ROOT, check=True)
    outcomes = [line[1] for line in map(json.loads, (tmp_path / "told").read_text().splitlines()) if type(line) is list]
    assert outcomes == ["refused", "spoke: on stderr, when it was read", "refused"]
