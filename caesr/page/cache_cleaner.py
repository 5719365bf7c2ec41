"""Remove visitors' pictures and results from Gradio's cache when they are old.

Gradio's own delete_cache knows only a part of them, as of 6.31: what comes back from a page as an input, but not what,
for instance, a gr.HTML of ours shows.
"""

import contextlib
import threading
import time
from collections.abc import Collection
from pathlib import Path

import gradio as gr


def clean_cache(blocks: gr.Blocks, interval_seconds: float, max_age_seconds: float) -> None:
    """Start a thread that removes old files from a page's cache at intervals, but none of the page's own."""
    kept = {Path(file) for block in blocks.blocks.values() for file in block.keep_in_cache}  # the examples

    def clean() -> None:
        while True:
            remove_old_files(Path(blocks.GRADIO_CACHE), max_age_seconds, kept)
            time.sleep(interval_seconds)

    threading.Thread(target=clean, daemon=True).start()


def remove_old_files(folder: Path, max_age_seconds: float, kept: Collection[Path] = ()) -> None:
    """Remove the files below a folder that are older, and the folders that have been empty for as long."""
    for path in sorted(folder.rglob("*"), reverse=True):  # the contents of a folder before it
        with contextlib.suppress(OSError):  # another process removed it, or a folder is not empty
            if path not in kept and time.time() - path.stat().st_mtime > max_age_seconds:
                path.rmdir() if path.is_dir() else path.unlink()
