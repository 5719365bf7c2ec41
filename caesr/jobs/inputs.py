"""The pictures of inputs: files, folders with all below them, zips, folders of object stores."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from caesr.files import store
from caesr.files.archive import ArchiveError, is_zip, unpack
from caesr.files.store import ListedPicture, StoreError
from caesr.jobs.naming import first_free, numbered
from zoo.messages import Message, message_of

MAX_PICTURES = 1_000_000  # of a zip that people unpack on a machine of their own

Source = tuple[ListedPicture, str]  # a picture by the name it has among all inputs, and its address


def absolute(address: str) -> str:
    """Return an address that means the same in every process."""
    path = store.local_path(address)
    return address.rstrip("/") if path is None else os.fspath(path.resolve())


def list_sources(roots: Sequence[str], output: str, stack: ExitStack) -> Iterator[list[Source]]:
    """List the pictures of all inputs lazily, a list a folder; single files make up the first list.

    Names are those in the folder or zip if there is one input; of several inputs, each begins with its input's own.

    Args:
        roots: absolute addresses.
        output: the folder of results: where it lies within an input, it is left out.
        stack: removes the folders into which zips are unpacked.
    """
    files = [root for root in roots if is_file(root) and not is_zip(root)]
    if files:
        yield single_files(files)
    for root in roots:
        if root not in files:
            prefix = "" if len(roots) == 1 else input_name(root)
            yield from below(root, prefix, output, stack)


def input_name(root: str) -> str:
    """Return the name under which the pictures of a folder or a zip go into the output."""
    name = root.rpartition("/")[2]
    return name[: -len(".zip")] if is_zip(root) and is_file(root) else name


def is_file(root: str) -> bool:
    """Return whether an input is a file on this machine."""
    path = store.local_path(root)
    return path is not None and path.is_file()


def single_files(files: Sequence[str]) -> list[Source]:
    """Return files by their own names, with a number where two have the same."""
    taken: set[str] = set()
    paths = [Path(store.local_path(file) or file) for file in files]
    return [(ListedPicture(first_free(numbered(path.name), taken), store.stamp(path)), str(path)) for path in paths]


def below(root: str, prefix: str, output: str, stack: ExitStack) -> Iterator[list[Source]]:
    """List the pictures of a folder or a zip; what cannot be listed is one picture with an error."""
    name = root.rpartition("/")[2] if prefix else root
    try:
        if is_zip(root) and is_file(root):
            root = unpacked(root, stack)
        elif not store.exists(root):
            raise StoreError(Message("{address}: there is no such file.", address=root))
        is_empty = True
        for folder in store.walk_pictures(root, exclude=output if output != root else ""):
            is_empty = False
            yield [
                (replace(found, name=f"{prefix}/{found.name}".strip("/")), store.join(root, found.name))
                for found in folder
            ]
        if is_empty:
            raise StoreError(Message("{address}: there is no picture in this folder.", address=root))
    except (ArchiveError, StoreError) as error:
        yield [(ListedPicture(name, error=message_of(error)), root)]


def unpacked(archive: str, stack: ExitStack) -> str:
    """Unpack a zip into a folder that `stack` removes; returns the folder."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="caesr-"))
    unpack(Path(store.local_path(archive) or archive), Path(folder), max_files=MAX_PICTURES, max_bytes=None)
    return folder
