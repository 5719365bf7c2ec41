"""The part picker: a picture with a square that can be moved: the part that is compared."""

import math
from pathlib import Path
from typing import Any

import gradio as gr

from caesr.files.picture import ImageInfo
from caesr.page.before_after import shown
from caesr.page.translations import in_both_languages

HERE = Path(__file__).parent
WORDS = ("part", "no_picture_yet")


def part_picker(**how: Any) -> gr.HTML:
    """Return the component; `middle_of` reads its value."""
    script, style = ((HERE / f"part_picker.{kind}").read_text() for kind in ("js", "css"))
    template = '<div class="picker"><img alt=""><div class="square" tabindex="0" role="img"></div><p></p></div>'
    return gr.HTML(
        html_template=template, css_template=style, js_on_load=script, apply_default_css=False,
        words=in_both_languages(WORDS), **how,
    )  # fmt: skip


def middle_of(value: Any) -> tuple[float, float]:
    """Return the middle of the square, across and down, 0 to 1; without a picture the picture's middle."""
    place = value if isinstance(value, dict) else {}
    return within(place.get("x")), within(place.get("y"))


def within(place: Any) -> float:
    """Return a place from 0 to 1 of whatever a browser sent."""
    is_number = isinstance(place, int | float) and math.isfinite(place)
    return min(1.0, max(0.0, float(place))) if is_number else 0.5


def picture_part(picture: Path, info: ImageInfo, side: int, middle: tuple[float, float] = (0.5, 0.5)) -> dict[str, Any]:
    """Return the value of a `part_picker`.

    Args:
        picture: a file that browsers show.
        info: of the picture itself.
        side: of the square, in the picture's pixels.
    """
    sides = {"width": min(1.0, side / info.width), "height": min(1.0, side / info.height)}
    return {"picture": shown(picture), "x": middle[0], "y": middle[1], **sides}
