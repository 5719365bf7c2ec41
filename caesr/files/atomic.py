"""Files while they are written: under a hidden name beside their own, which they get when they are whole.

Whoever is killed leaves the hidden file behind. A lock, which the system takes from the dead, tells it from one that
somebody is still writing.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where nobody can remove a file that is open
    fcntl = None  # type: ignore[assignment]


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path to write to, in the folder of `path`: it becomes `path` at the end, its bytes on the disk by then.

    If what is within raises, `path` stays as it was.

    Raises:
        OSError: there can be no such file, or it cannot be renamed.
    """
    part, lock = _begun(path)
    try:
        yield part
        os.fsync(lock.fileno())
        if not fcntl:
            lock.close()  # nor rename it
        part.replace(path)
    finally:
        lock.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what writers that were killed left directly in a folder; of those alive nothing is touched."""
    for part in folder.glob(f".{'[0-9a-f]' * 32}.part"):
        with suppress(OSError), ExitStack() as stack:  # another one sweeps, too; or the disk knows no locks
            if fcntl:
                fcntl.flock(stack.enter_context(part.open("r+b")), fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _begun(path: Path) -> tuple[Path, IO[bytes]]:
    """An empty hidden file, and what locks it until it is closed."""
    while True:
        part = path.with_name(f".{uuid.uuid4().hex}.part")  # on the same disk, to be renamed
        lock = part.open("xb")
        if fcntl:
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock.fileno()).st_nlink:  # else swept between the two
            return part, lock
        lock.close()
