"""Tell pictures from what else lies in folders and zips, by what files hold; what is left out gets its reason."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from caesr.files.formats import PICTURES, RAW, SIGNATURE_BYTES, recognise, refusal
from zoo.messages import Message

# Of pictures that are read. Files with these are taken for pictures without a look into them: one that is none fails.
SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".gif",
                      ".bmp", ".avif", ".heic", ".heif", ".jxl"))  # fmt: skip
# Of raw photographs that begin as a TIFF does.
RAW_SUFFIXES = frozenset((".3fr", ".arw", ".cr2", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos",
                          ".nef", ".nrw", ".pef", ".rwl", ".sr2", ".srf", ".srw"))  # fmt: skip


@dataclass(frozen=True)
class ListedPicture:
    """A picture in a folder or zip; or, with an error, what cannot be read there; or what is no picture, skipped."""

    name: str  # relative to the folder, with slashes
    stamp: str = ""  # changes with the content: size and time, or what the store offers
    error: str = ""  # why it fails
    skipped: str = ""  # why it is left out


def is_hidden(name: str) -> bool:
    """Return whether a path has a hidden part; `__MACOSX` is a folder of macOS's metadata in zips."""
    return any(part.startswith((".", "__MACOSX")) and part != ".." for part in PurePosixPath(name).parts)


def is_called_picture(name: str) -> bool:
    """Return whether a name has the suffix of a picture."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def reason_to_skip(name: str, read: Callable[[int], bytes]) -> Message | None:
    """Return why a file of a folder or zip is left out, None if it is taken for a picture.

    Args:
        read: returns so many bytes from the file's start; it is called only if the name does not say a picture.
    Raises:
        OSError, ValueError: as `read`.
    """
    if is_hidden(name):
        return Message("hidden")
    if is_called_picture(name):
        return None
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".zip":
        return Message("a zip within; name it as an input of its own")
    beginning = read(SIGNATURE_BYTES)
    format = recognise(beginning)
    if re.match(RAW, beginning) or (format == "tif" and suffix in RAW_SUFFIXES):
        return Message("a raw photograph; develop it to a TIFF or JPEG first")
    if format:
        return None
    kind = refusal(name, beginning).args[0].parameters.get("kind")
    if kind in PICTURES:
        return Message("{kind}, which cannot be read here; export it as a PNG, JPEG or TIFF", kind=kind)
    return Message("not a picture") if beginning else Message("empty")
