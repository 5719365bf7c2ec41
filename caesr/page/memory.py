"""Memory of a process that serves for weeks: what a job took goes back to the system, and does not add up."""

import ctypes
import sys

ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
ARENAS = 2
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # glibc, or musl, which has neither of the two


def few_arenas() -> None:
    """Have glibc share its heaps among all threads.

    By default it gives nearly every thread one of its own, up to eight a core, and each keeps what was freed in it: of
    a page whose visitors are served by changing threads the memory grows for hundreds of jobs. MALLOC_ARENA_MAX would
    do the same, but only if it is set before Python starts.
    """
    if option := getattr(LIBC, "mallopt", None):
        option(ARENA_MAX, ARENAS)


def give_back() -> None:
    """Have glibc return what is free in its heaps: between what is in use it keeps it otherwise."""
    if trim := getattr(LIBC, "malloc_trim", None):
        trim(0)
