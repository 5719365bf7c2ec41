"""The drop zone: pictures come from the disk, by drag and drop, from the clipboard, or from the examples.

Not gr.Image, as of Gradio 6.31: it opens every file with Pillow, and shows the exception, with the server's folders,
where Pillow cannot.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder, is_in_or_equal
from PIL import Image

from caesr.page.before_after import shown
from caesr.page.translations import in_both_languages
from zoo.messages import Message

HERE = Path(__file__).parent
MAX_BYTES = 200_000_000  # of a file
THUMBNAIL_PIXELS = 96
KINDS = ["JPEG", "PNG", "WebP", "TIFF", *(["HEIC"] if find_spec("pillow_heif") else [])]  # that people know
MAX_NAME = 200  # characters
WORDS = ("drop_zone", "drop_zone_many", "drop_limit", "too_large_file", "upload_failed", "remove", "uploading",
         "try_examples", "and_more")  # fmt: skip


@dataclass(frozen=True)
class Dropped:
    """A file that a visitor gave."""

    path: Path
    name: str  # as the visitor knows it, with the folders that it came in


def drop_zone(many: bool = False, examples: Sequence[Path] = (), **how: Any) -> gr.HTML:
    """Return the component; `dropped_files` reads its value, and None empties it; `preview` is an update of it."""
    script, style, template = ((HERE / f"drop_zone.{kind}").read_text() for kind in ("js", "css", "html"))
    pictures = [{"name": example.name, "src": thumbnail(example)} for example in examples]
    return gr.HTML(
        html_template=template, css_template=style, js_on_load=script, apply_default_css=False,
        many=many, pictures=pictures, words=in_both_languages(WORDS), max_bytes=MAX_BYTES, kinds=", ".join(KINDS),
        preview=None, **how,
    )  # fmt: skip


def preview(file: Dropped, picture: Path) -> Any:
    """Return the update that shows a picture in place of a file that the browser cannot show."""
    return gr.update(preview={"path": str(file.path), "picture": shown(picture)})


def dropped_files(value: Any, examples: Sequence[Path] = ()) -> list[Dropped]:
    """Return the files of a drop zone's value; a forged one, or of a file that was not uploaded, is an error.

    Raises:
        ValueError: the value was not made by the page.
    """
    by_name = {example.name: example for example in examples}
    return [read_file(file, by_name) for file in value] if isinstance(value, list) else []


def read_file(file: Any, examples: Mapping[str, Path]) -> Dropped:
    """Return one file of a value."""
    name = file.get("example") if isinstance(file, dict) else None
    if isinstance(name, str) and name in examples:
        return Dropped(examples[name], name)
    path = file.get("path") if isinstance(file, dict) else None
    # Gradio checks only what looks like its FileData.
    if not isinstance(path, str) or not is_in_or_equal(path, get_upload_folder()) or not Path(path).is_file():
        raise ValueError(Message("That file is not here any more. Choose it again."))
    return Dropped(Path(path), shown_name(file.get("orig_name"), Path(path).name))


def shown_name(name: Any, default: str) -> str:
    """Return the name that a browser says a file has: without control characters, and never out of a folder."""
    if not isinstance(name, str):
        return default
    parts = PurePosixPath("".join(letter for letter in name.replace("\\", "/") if letter.isprintable())).parts
    return "/".join(part for part in parts if part not in ("/", "..", "."))[-MAX_NAME:] or default


@cache
def thumbnail(file: Path, side: int = THUMBNAIL_PIXELS) -> str:
    """Return the middle of a picture of ours as the address of a small JPEG."""
    with Image.open(file) as image:
        size = min(image.size)
        left, top = (image.width - size) // 2, (image.height - size) // 2
        square = image.convert("RGBA").crop((left, top, left + size, top + size)).resize((side, side))
    paper = Image.new("RGBA", square.size, "white")
    buffer = io.BytesIO()
    Image.alpha_composite(paper, square).convert("RGB").save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
