"""Atomic file writes: a file is written under a hidden name beside its own and renamed when it is complete.

A killed process leaves the hidden file behind. A lock, which the system releases when a process ends, tells such a file
from one that is still being written.
"""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, which lets no other process remove an open file
    fcntl = None  # type: ignore[assignment]


PART = re.compile(r"\.[0-9a-f]{32}\.part")  # the hidden name of a file that is being written


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a path to write to, in the folder of `path`, and rename it to `path` once its bytes are on the disk.

    If the body raises, `path` stays as it was.

    Raises:
        OSError: the file cannot be created or renamed.
    """
    with _hidden_file(path) as (part, lock):
        yield part
        os.fsync(lock.fileno())
        if not fcntl:
            lock.close()  # Windows does not rename an open file
        part.replace(path)


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Yield an empty hidden file in the folder of `path`, which is removed on leaving.

    Raises:
        OSError: the file cannot be created.
    """
    with _hidden_file(path) as (part, _):
        yield part


def remove_abandoned(folder: Path) -> None:
    """Remove the hidden files of killed writers directly in a folder; those of running writers stay."""
    for part in folder.glob(f".{'[0-9a-f]' * 32}.part"):
        with suppress(OSError), ExitStack() as stack:  # another process removes it, or the disk knows no locks
            if fcntl:
                fcntl.flock(stack.enter_context(part.open("r+b")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


@contextmanager
def _hidden_file(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Yield an empty hidden file beside `path` and the handle that locks it; on leaving it is removed if it is there.

    Its name is settled before it is created, so that it goes even if Ctrl-C comes while it is being created.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")  # on the same disk, so that it can be renamed
    with ExitStack() as stack:
        stack.callback(_remove, part)
        while True:
            lock = stack.enter_context(part.open("xb"))
            if fcntl:
                with suppress(OSError):
                    fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink:  # 0: `remove_abandoned` removed it before it was locked
                break
        yield part, lock


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)
