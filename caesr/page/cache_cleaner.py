"""What visitors brought and got lies in Gradio's cache; after an hour it is gone.

Gradio's own delete_cache knows only of a part of it, as of 6.31: what comes back from a page as an input, but not, for
instance, what an ImageSlider shows.
"""

import contextlib
import threading
import time
from collections.abc import Collection
from pathlib import Path

import gradio as gr


def forget(blocks: gr.Blocks, often: float, age: float) -> None:
    """From now on, every `often` seconds, remove what has become older than `age`; of the page itself nothing."""
    kept = {Path(file) for block in blocks.blocks.values() for file in block.keep_in_cache}  # the examples

    def work() -> None:
        while True:
            sweep(Path(blocks.GRADIO_CACHE), age, kept)
            time.sleep(often)

    threading.Thread(target=work, daemon=True).start()


def sweep(folder: Path, age: float, kept: Collection[Path] = ()) -> None:
    """Remove the files of a folder that are older than `age` seconds, and what folders are empty for as long."""
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside first
        with contextlib.suppress(OSError):  # somebody else removed it, or a folder is not empty
            if path not in kept and time.time() - path.stat().st_mtime > age:
                path.rmdir() if path.is_dir() else path.unlink()
