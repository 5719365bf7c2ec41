"""The files of a checkpoint folder, read without a tensor library: config.json and the header of model.safetensors.

Nothing here can run code from a file: JSON of bounded length is parsed, and no byte of a tensor is read.
"""

import hashlib
import json
import math
import os
import struct
import textwrap
from pathlib import Path
from typing import Any

from zoo.messages import Message, message_of

CONFIG, WEIGHTS = "config.json", "model.safetensors"
FILES = (CONFIG, WEIGHTS)  # nothing else is ever fetched: no .bin, no .pt, no .pth
ARCHITECTURE, SCHEMA = "CAEResNet", "1"
MAX_HEADER_BYTES = 1 << 20  # ours take a few kilobytes


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says which file, what is wrong and what to do."""


def read_config(file: Path) -> dict[str, Any]:
    """Return the fields of config.json that describe the network; their bounds are checked where it is built.

    Raises:
        CheckpointError: the file is missing, is not JSON, or describes another architecture or schema.
    """
    try:
        if file.stat().st_size > MAX_HEADER_BYTES:
            raise ValueError(Message("it is far too long"))
        values = json.loads(file.read_text())
        if not isinstance(values, dict) or values.pop("architecture", None) != ARCHITECTURE:
            raise ValueError(Message("its architecture is not CAEResNet"))
        schema = values.pop("schema", None)
        if schema != SCHEMA:
            raise ValueError(Message("its schema is {found!r}; this CAESR reads {known!r}", found=schema, known=SCHEMA))
        return values
    except FileNotFoundError as error:
        raise missing(file) from error
    except (OSError, ValueError, RecursionError) as error:  # RecursionError: lists nested without end
        raise no_network(file, error) from error


def no_network(file: Path, error: Exception) -> CheckpointError:
    """Return the error for a config.json that does not describe a CAE-ResNet."""
    return CheckpointError(Message("{file} does not describe a CAE-ResNet: {why}.", file=file, why=one_line(error)))


def missing(file: Path) -> CheckpointError:
    """Return the error for a folder that lacks one of its files."""
    return CheckpointError(Message("{folder} is no checkpoint: it has no {file}.", folder=file.parent, file=file.name))


def read_header(file: Path) -> dict[str, Any]:
    """Return the header of a safetensors file: tensor names with dtype and shape, and `__metadata__`.

    Raises:
        CheckpointError: the file is missing or is not safetensors (a pickle, a web page, cut short …).
    """
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if not 2 <= length <= MAX_HEADER_BYTES:
                raise ValueError(Message("its first bytes are not a safetensors header"))
            header = json.loads(stream.read(length))
        if not isinstance(header, dict):
            raise ValueError(Message("its header is not a table"))
        return header
    except FileNotFoundError as error:
        raise missing(file) from error
    except (OSError, ValueError, RecursionError, struct.error) as error:
        message = Message("{file} is not a safetensors file: {why}.", file=file, why=one_line(error))
        raise CheckpointError(message) from error


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what the header of the weights says about their training; empty if nothing.

    Raises:
        CheckpointError: the header is damaged.
    """
    file = folder / WEIGHTS
    header = read_header(file)
    try:
        return dict(json.loads(header.get("__metadata__", {}).get("facts", "{}")))
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        message = Message("{file}: what it says about its training cannot be read. Fetch it again.", file=file)
        raise CheckpointError(message) from error


def count_parameters(folder: Path) -> int:
    """Return the number of weights, from the header alone."""
    header = read_header(folder / WEIGHTS)
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def one_line(error: Exception) -> str:
    """Return an error's text as part of a sentence: one line of at most 200 characters, a Message as it is."""
    message = message_of(error)
    if isinstance(message, Message) and len(message) <= 200:
        return message
    return textwrap.shorten(message, 200, placeholder=" …").rstrip(".")


def write_atomically(file: Path, text: str) -> None:
    """Write a small text file so that readers see either the old one or the new one."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
