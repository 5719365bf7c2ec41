"""Memory of a process that serves for weeks: what a job took goes back to the system, and does not add up."""

import ctypes
import gc
import sys

ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
ARENAS = 2
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # glibc; or musl, which has neither of the two


def settle() -> None:
    """Once everything is loaded, before anybody is served: have glibc share its heaps among all threads.

    By default it gives nearly every thread one of its own, up to eight a core, and each keeps what was freed in it: of
    a page whose visitors are served by changing threads the memory grows for hundreds of jobs. MALLOC_ARENA_MAX would
    do the same, but only if it is set before Python starts. And what is loaded now is no garbage: `give_back` need not
    look through it.
    """
    if option := getattr(LIBC, "mallopt", None):
        option(ARENA_MAX, ARENAS)
    gc.freeze()


def give_back() -> None:
    """Collect what only holds itself, which Python puts off for a hundred jobs; and have glibc return what is free."""
    gc.collect()
    if trim := getattr(LIBC, "malloc_trim", None):
        trim(0)
