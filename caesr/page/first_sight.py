"""What the viewer shows before a picture is chosen: an example, made by benchmarks/figures/first_sight.py."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.page.before_after import pair
from caesr.page.translations import say

FOLDER = Path(__file__).parent / "first_sight"
BEFORE, AFTER = FOLDER / "before.jpg", FOLDER / "after.webp"


def first_sight(request: gr.Request | None) -> dict[str, Any]:
    """Return the value of the viewer."""
    value = pair(address(BEFORE), address(AFTER)) if AFTER.is_file() else pair("")
    return value | {"note": say(request, "first_sight"), "is_example": True}


@cache
def address(file: Path) -> str:
    """Return a small picture of ours as data in its own address: no file that could be cleaned away."""
    kind = {".jpg": "jpeg"}.get(file.suffix, file.suffix[1:])
    return f"data:image/{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
