"""A private folder for one run of the page, removed when the run ends."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def run_folder() -> Iterator[Path]:
    """Make a folder of mode 0700 that goes at the end; Gradio keeps its own copy of the files that were yielded."""
    folder = Path(tempfile.mkdtemp(prefix="caesr-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
