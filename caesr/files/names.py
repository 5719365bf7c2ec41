"""Names of files: legal on this system, no longer than a disk takes, and no two alike."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import PurePosixPath

MAX_NAME_BYTES = 255  # of ext4, XFS and APFS; NTFS takes as many UTF-16 units
MAX_SUFFIX = 16  # characters
# Also of terminals; and halves of characters that stand for no byte of a name.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udc7f\udd00-\udfff]")
# What Windows does not take: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]|[. ]+$')
RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.IGNORECASE)


def inner_path(name: str) -> str | None:
    """Return a path of a zip or a store as one within a folder; None if it leads out of it, or nowhere.

    A leading slash, a drive, empty parts and "." are dropped; ".." leads out.
    """
    parts = re.sub(r"^[A-Za-z]:(?=/)", "", name).split("/")
    parts = [part for part in parts if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)


def legal_path(path: str, windows: bool = os.name == "nt") -> str:
    """Return a relative path that this system takes and that does not lead out; parts that are too long are cut."""
    return "/".join(_cut(legal_name(part, windows)) for part in path.split("/"))


def legal_name(name: str, windows: bool = os.name == "nt") -> str:
    """Return a name of characters that this system takes; the others become "_"."""
    name = "__" if name == ".." else CONTROLS.sub("_", name)
    if windows:
        name = NOT_ON_WINDOWS.sub("_", name.replace("\\", "_"))
        name = f"_{name}" if RESERVED_ON_WINDOWS.fullmatch(name) else name
    return name


def _cut(name: str, end: str = "") -> str:
    """Return a name with `end` before its suffix, its stem cut if a disk takes no more."""
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix) <= MAX_SUFFIX else ""  # a sentence with a dot in it has none
    return shortened(name.removesuffix(suffix), MAX_NAME_BYTES - size(end + suffix)) + end + suffix


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many bytes: a longer one is cut, and ends in a digest of the whole.

    Args:
        most: at least 16.
    """
    if size(text) <= most:
        return text
    end = "~" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    kept = text[:most]
    while kept and (size(kept) > most - len(end) or unicodedata.combining(text[len(kept)])):  # accents and letters
        kept = kept[:-1]
    return kept + end


def size(text: str) -> int:
    """Return how many bytes a name has on the disk."""
    return len(os.fsencode(CONTROLS.sub("_", text)))


def alike(name: str) -> str:
    """Return what two names have in common that some disk takes for one: capitals and composed accents do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def numbered(name: str) -> Iterator[str]:
    """Yield a name, then the same with numbers: photo.jpg, photo_2.jpg, photo_3.jpg, …"""
    yield name
    folder, slash, own = name.rpartition("/")
    for number in count(2):
        yield f"{folder}{slash}{_cut(own, f'_{number}')}"


def first_free(names: Iterable[str], taken: set[str]) -> str:
    """Return the first name that is like none of those taken; it is added to them, as `alike` has it."""
    name = next(name for name in names if alike(name) not in taken)
    taken.add(alike(name))
    return name
