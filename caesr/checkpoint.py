"""A checkpoint is a folder: config.json says what the network is, model.safetensors holds its weights.

Nothing here can run code from a file: JSON and safetensors only, and every tensor is checked by
name, shape and type against the network that config.json describes before one byte of it is loaded.
"""

import json
import struct
import textwrap
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save_file

from caesr.model import CAEResNet, Config
from caesr.unfinished import unfinished

SCHEMA = "1"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
LARGEST_HEADER = 1 << 20  # bytes; ours take a few kilobytes


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says which file, what is wrong and what to do."""


def save(model: CAEResNet, folder: Path, **facts: Any) -> None:
    """Write the folder, each file atomically.

    Args:
        facts: what else is worth knowing (how it was trained, …), JSON-able; kept in the weights' header.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"architecture": "CAEResNet", "schema": SCHEMA, **asdict(model.config)}
    replace(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    metadata = {"format": "pt", "architecture": "CAEResNet", "schema": SCHEMA}
    metadata |= {"scale": str(model.config.scale), "facts": json.dumps(facts)}
    tensors = {name: t.detach().cpu().float().contiguous() for name, t in model.state_dict().items()}
    save_tensors(folder / WEIGHTS, tensors, metadata)


def save_tensors(file: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file so that it is there whole or not at all."""
    with unfinished(file) as part:
        save_file(tensors, part, metadata=metadata)


def load(source: str | Path) -> CAEResNet:
    """Read a checkpoint strictly, in eval mode on the CPU.

    Args:
        source: a folder; anything else is asked of the zoo (`zoo.fetch`).
    Raises:
        CheckpointError: files missing, unreadable, or not matching each other.
    """
    folder = folder_of(source)
    config = asdict(read_config(folder / CONFIG))
    with torch.device("meta"):  # no memory is taken before the file has shown that it holds as much
        check_header(folder / WEIGHTS, CAEResNet(**config))
    model = CAEResNet(**config)
    try:
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:  # RuntimeError: it says a name twice
        raise CheckpointError(f"{folder / WEIGHTS} is damaged ({one_line(error)}). Fetch it again.") from error
    return model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it


def folder_of(source: str | Path) -> Path:
    """Where a checkpoint lies: a folder is itself, anything else is asked of the zoo (`zoo.fetch`)."""
    if Path(source).is_dir():
        return Path(source)
    from zoo import fetch  # the one door upwards: names and repositories are the zoo's business

    return fetch(str(source))


def read_config(file: Path) -> Config:
    """config.json, every field checked against its bounds."""
    try:
        if file.stat().st_size > LARGEST_HEADER:
            raise ValueError("it is far too long")
        values = json.loads(file.read_text())
        if not isinstance(values, dict) or values.get("architecture") != "CAEResNet":
            raise ValueError("its architecture is not CAEResNet")
        if values.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {values.get('schema')!r}; this CAESR reads {SCHEMA!r}")
        known = {field.name for field in fields(Config)}
        unknown = values.keys() - known - {"architecture", "schema"}
        if unknown:
            raise ValueError(f"unknown fields: {', '.join(sorted(map(str, unknown)))}")
        return Config(**{name: value for name, value in values.items() if name in known})
    except FileNotFoundError as error:
        raise CheckpointError(f"{file.parent} is no checkpoint: it has no {file.name}.") from error
    except (OSError, ValueError, TypeError, RecursionError) as error:  # the last: lists in lists in lists …
        raise CheckpointError(f"{file} does not describe a CAE-ResNet: {one_line(error)}.") from error


def read_header(file: Path) -> dict[str, Any]:
    """The header of a safetensors file: tensor names with dtype and shape, and `__metadata__`.

    Raises:
        CheckpointError: the file is missing or is not safetensors (a pickle, a web page, cut short …).
    """
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if not 2 <= length <= LARGEST_HEADER:
                raise ValueError("its first bytes are not a safetensors header")
            header = json.loads(stream.read(length))
        if not isinstance(header, dict):
            raise ValueError("its header is not a table")
        return header
    except FileNotFoundError as error:
        raise CheckpointError(f"{file.parent} is no checkpoint: it has no {file.name}.") from error
    except (OSError, ValueError, RecursionError, struct.error) as error:
        raise CheckpointError(f"{file} is not a safetensors file: {one_line(error)}.") from error


def read_facts(folder: Path) -> dict[str, Any]:
    """What `save` was told of how the checkpoint came to be; empty if nothing.

    Raises:
        CheckpointError: the header is broken, or says it in another way than `save` does.
    """
    try:
        return dict(json.loads(read_header(folder / WEIGHTS).get("__metadata__", {}).get("facts", "{}")))
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{folder / WEIGHTS} tells nothing legible of how it came to be. Fetch it again."
        ) from error


def check_header(file: Path, model: CAEResNet) -> None:
    """Compare names, shapes and types of the file's tensors with the network's."""
    header = read_header(file)
    header.pop("__metadata__", None)
    expected = {name: list(t.shape) for name, t in model.state_dict().items()}
    missing, extra = expected.keys() - header.keys(), header.keys() - expected.keys()
    if missing or extra:
        which = sorted(missing or extra)[0]
        kind = "lacks" if missing else "has an unknown tensor"
        raise CheckpointError(f"{file} {kind} {which}: it does not belong to its {CONFIG}.")
    for name, shape in expected.items():
        found = header[name]
        if not isinstance(found, dict) or found.get("shape") != shape:
            raise CheckpointError(f"{file}: {name} does not have the shape {shape} that {CONFIG} asks for.")
        if found.get("dtype") not in ("F32", "F16", "BF16"):
            raise CheckpointError(f"{file}: {name} is {found.get('dtype')}, not a floating-point tensor.")
    if file.stat().st_size < 2 * sum(t.numel() for t in model.state_dict().values()):  # two bytes a weight at least
        raise CheckpointError(f"{file} is damaged: it is too short for its {CONFIG}. Fetch it again.")


def one_line(error: Exception) -> str:
    """What a library says, or a value of the file itself, as the part of a sentence."""
    return textwrap.shorten(str(error), 200, placeholder=" …").rstrip(".")


def replace(file: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    with unfinished(file) as part:
        part.write_bytes(content)
