"""Memory of a server that runs for weeks: glibc shares its heaps among threads and returns freed memory."""

import ctypes
import gc
import sys

M_ARENA_MAX = -8  # of glibc's malloc.h
MAX_ARENAS = 2
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # glibc; or musl, which has neither function


def limit_heaps() -> None:
    """Have all threads share two heaps; called once everything is loaded, before the first visitor.

    By default glibc gives nearly every thread a heap of its own, up to eight a core, and each keeps what was freed in
    it: the memory of a page whose visitors are served by changing threads grows for hundreds of jobs. MALLOC_ARENA_MAX
    would do the same, but only if it is set before Python starts. What is loaded now is no garbage: it is frozen, so
    that `return_free_memory` need not look through it.
    """
    mallopt = getattr(LIBC, "mallopt", None)
    if mallopt:
        mallopt(M_ARENA_MAX, MAX_ARENAS)
    gc.freeze()


def return_free_memory() -> None:
    """Collect garbage in cycles, which Python puts off for a hundred jobs, and return free memory to the system."""
    gc.collect()
    malloc_trim = getattr(LIBC, "malloc_trim", None)
    if malloc_trim:
        malloc_trim(0)
