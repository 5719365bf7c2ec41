"""Open picture files with the decoder of their format: libvips images whose rows are decoded on demand."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from caesr.files.picture import PictureError
from caesr.files.vips import pyvips
from zoo.messages import Message

DECODERS = {"jpg": "jpegload", "png": "pngload", "webp": "webpload", "tif": "tiffload", "gif": "gifload"}


def open_file(path: Path, format: str) -> Any:
    """Open a picture file as a libvips image, to be read once from the top down; only the header is read here.

    Raises:
        PictureError: the file is damaged.
    """
    with explain_damage(path):  # by a decoder's name: libvips would choose among all that it has
        load = getattr(pyvips.Image, DECODERS[format])
        image = load(os.fsencode(path), access="sequential", fail_on="error").copy()
    image.set_type(pyvips.GValue.gint_type, "concurrency", 1)  # more threads take more memory, and no less time
    return image


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Raise the errors of libvips as PictureError."""
    try:
        yield
    except pyvips.Error as error:
        message = "{name} is damaged, cut short or of a rare kind, and cannot be read; get it afresh or save it anew."
        raise PictureError(Message(message, name=path.name)) from error
