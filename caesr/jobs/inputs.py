"""The pictures of inputs: files, folders with all below them, zips, folders of object stores."""

import glob
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from caesr.files import store
from caesr.files.listed import ListedPicture
from caesr.files.names import first_free, numbered
from caesr.files.store import StoreError
from caesr.files.zips.archive import ArchiveError, is_zip, unpack
from zoo.messages import Message, message_of

MAX_PICTURES = 1_000_000  # of a zip that people unpack on a machine of their own
PATTERN = re.compile(r"[*?[]")

Source = tuple[ListedPicture, str]  # a picture by the name it has among all inputs, and its address


def absolute(address: str) -> str:
    """Return an address that means the same in every process; one that cannot be a path stays as it is."""
    path = store.local_path(address)
    if path is None:
        return address.rstrip("/")
    try:
        return os.fspath(path.resolve()) if address.strip() else address
    except (OSError, ValueError, RuntimeError):  # a NUL, a link to itself
        return address


def expand_patterns(inputs: Sequence[str]) -> list[str]:
    """Return inputs with the files that patterns such as *.jpg match, which the shells of Windows leave to programs.

    What is there by its own name, and a pattern that matches nothing, stay as they are.
    """
    expanded: list[str] = []
    for address in inputs:
        is_pattern = PATTERN.search(address) and "://" not in address and not os.path.lexists(address)
        expanded += (sorted(glob.glob(address, recursive=True)) if is_pattern else []) or [address]  # noqa: PTH207
    return expanded


def input_problem(address: str) -> Message | None:
    """Return why an input on this machine cannot be read, None if it can be tried."""
    if not address.strip():
        return Message("An input is an empty text; name a picture, a folder or a zip.")
    path = store.local_path(address)
    if path is None or not (problem := store.file_problem(path)):
        return None
    return Message("{address}: {why}.", address=address, why=problem)


def list_sources(roots: Sequence[str], output: str, stack: ExitStack) -> Iterator[list[Source]]:
    """List the files of all inputs lazily, a list a folder; single files make up the first list.

    Names are those in the folder or zip if there is one input; of several inputs, each begins with its input's own.
    Before them come, as pictures with an error, inputs that cannot be read.

    Args:
        roots: absolute addresses.
        output: the folder of results: where it lies within an input, it is left out.
        stack: removes the folders into which zips are unpacked.
    """
    problems = {root: problem for root in roots if (problem := input_problem(root))}
    if problems:
        own = Counter(root.rpartition("/")[2] for root in roots)
        names = {root: name if own[name := root.rpartition("/")[2]] == 1 < len(roots) else root for root in problems}
        yield [(ListedPicture(names[root], error=problem), root) for root, problem in problems.items()]
    files = [root for root in roots if is_file(root) and not is_zip(root)]
    if files:
        yield single_files(files)
    for root in roots:
        if root not in files and root not in problems:
            prefix = "" if len(roots) == 1 else input_name(root)
            yield from below(root, prefix, output, stack)


def input_name(root: str) -> str:
    """Return the name under which the pictures of a folder or a zip go into the output."""
    name = root.rpartition("/")[2]
    return name[: -len(".zip")] if is_zip(root) and is_file(root) else name


def is_file(root: str) -> bool:
    """Return whether an input is a file on this machine."""
    path = store.local_path(root)
    return path is not None and os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for names that are too long


def single_files(files: Sequence[str]) -> list[Source]:
    """Return files by their own names, with a number where two have the same."""
    taken: set[str] = set()
    paths = [Path(store.local_path(file) or file) for file in files]
    return [(ListedPicture(first_free(numbered(path.name), taken), store.stamp(path)), str(path)) for path in paths]


def below(root: str, prefix: str, output: str, stack: ExitStack) -> Iterator[list[Source]]:
    """List the files of a folder or a zip; what cannot be listed is one picture with an error."""
    name, is_empty = root.rpartition("/")[2] if prefix else root, True
    try:
        if is_zip(root) and is_file(root):
            folder, listed = unpacked(root, stack)
        elif store.exists(root):
            folder, listed = root, store.walk_pictures(root, exclude=output if output != root else "")
        else:
            raise StoreError(Message("{address}: there is no such file.", address=root))
        for files in listed:
            is_empty = is_empty and all(found.skipped for found in files)
            yield [
                (replace(found, name=f"{prefix}/{found.name}".strip("/")), store.join(folder, found.name))
                for found in files
            ]
        if is_empty:
            is_archive = is_zip(root) and is_file(root)
            message = "{address}: there is no picture in this " + ("zip." if is_archive else "folder.")
            raise StoreError(Message(message, address=root))
    except (ArchiveError, StoreError) as error:
        yield [(ListedPicture(name, error=message_of(error)), root)]


def unpacked(archive: str, stack: ExitStack) -> tuple[str, Iterator[list[ListedPicture]]]:
    """Unpack a zip into a folder that `stack` removes; returns the folder, and its files in a list for each folder."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="caesr-"))
    listed = unpack(Path(store.local_path(archive) or archive), Path(folder), MAX_PICTURES, max_bytes=None)

    def folder_of(found: ListedPicture) -> str:
        return found.name.rpartition("/")[0]

    listed.sort(key=lambda found: (folder_of(found), found.name))
    return folder, (list(files) for _, files in groupby(listed, folder_of))
