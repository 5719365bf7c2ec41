"""Memory of a process that serves for weeks: freed by a job, it is there for the next one."""

import ctypes
import sys

ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
ARENAS = 2


def few_arenas() -> None:
    """Have glibc share its heaps among all threads.

    By default it gives nearly every thread one of its own, up to eight a core, and each keeps what was freed in it: of
    a page whose visitors are served by changing threads the memory grows for hundreds of jobs
    (benchmarks/page.py). MALLOC_ARENA_MAX would do the same, but only if it is set before Python starts.
    """
    option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if option:  # glibc's; musl has none
        option(ARENA_MAX, ARENAS)
