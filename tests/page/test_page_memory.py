"""The page's memory: threads that come and go share the heaps."""

import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

THREADS = """
import ctypes, runpy, sys, threading

limit_heaps = runpy.run_path("caesr/page/memory.py")["limit_heaps"]  # without the rest of the package
if sys.argv[1] == "limited":
    limit_heaps()
at_once = threading.Barrier(12)

def allocate():
    at_once.wait()
    held = [bytes(2000) for _ in range(2000)]
    at_once.wait()

threads = [threading.Thread(target=allocate) for _ in range(12)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="LEFT OUT: only glibc gives threads heaps of their own.")
def test_threads_share_two_heaps_and_would_not_by_themselves():
    def count_heaps(limit: str) -> int:
        command = [sys.executable, "-c", THREADS, limit]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        return run.stdout.count("<heap ")

    assert count_heaps("limited") <= 2 < count_heaps("by default")
