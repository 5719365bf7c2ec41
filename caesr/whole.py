"""Files that are there whole or not at all, whatever interrupts their writer."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTS = f".{'[0-9a-f]' * 32}.part"  # what an unfinished file is called, as a pattern


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, on the same disk, which is renamed to `path` at the end. If this raises, nothing is left.

    Raises:
        OSError: it cannot be renamed.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a writer that was killed left unfinished directly in a folder."""
    for part in folder.glob(PARTS):
        part.unlink(missing_ok=True)
