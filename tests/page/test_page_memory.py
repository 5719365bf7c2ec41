"""The page's memory: threads that come and go share the heaps."""

import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

THREADS = """
import ctypes, sys, threading
from caesr.page.memory import settle

settle() if sys.argv[1] == "few" else None
at_once = threading.Barrier(12)

def work():
    at_once.wait()
    held = [bytes(2000) for _ in range(2000)]
    at_once.wait()

threads = [threading.Thread(target=work) for _ in range(12)]
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
    def heaps(how: str) -> int:
        command = [sys.executable, "-c", THREADS, how]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.count("<heap ")

    assert heaps("few") <= 2 < heaps("as it is")
