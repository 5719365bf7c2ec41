"""Save and load the weights of a checkpoint folder: config.json and model.safetensors.

No code from a file is ever run: JSON and safetensors only, and every tensor is checked by name, shape and dtype against
the network that config.json describes before one byte of it is loaded.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import zoo
from caesr.files.atomic import atomic_write
from zoo.checkpoint_files import (
    ARCHITECTURE,
    CONFIG,
    SCHEMA,
    WEIGHTS,
    CheckpointError,
    no_network,
    one_line,
    read_config,
    read_header,
)
from zoo.messages import Message

Network = TypeVar("Network", bound=nn.Module)


def save(folder: Path, config: dict[str, Any], weights: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a checkpoint folder, each file atomically.

    Args:
        config: the fields of the network's Config.
        facts: what else is worth knowing, such as how it was trained, JSON-able; kept in the header of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"architecture": ARCHITECTURE, "schema": SCHEMA, **config}, indent=2) + "\n"
    with atomic_write(folder / CONFIG) as part:
        part.write_text(text)
    metadata = {"format": "pt", "architecture": ARCHITECTURE, "schema": SCHEMA}
    metadata |= {"scale": str(config["scale"]), "facts": json.dumps(facts)}
    tensors = {name: t.detach().cpu().float().contiguous() for name, t in weights.items()}
    save_tensors(folder / WEIGHTS, tensors, metadata)


def save_tensors(file: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically."""
    with atomic_write(file) as part:
        save_file(tensors, part, metadata=metadata)


def load(source: str | Path, build: Callable[..., Network]) -> Network:
    """Load a checkpoint strictly, in eval mode on the CPU.

    Args:
        source: a folder; anything else is asked of the zoo (`zoo.fetch`).
        build: makes the network of config.json's fields, such as `CAEResNet`.
    Raises:
        CheckpointError: files missing, unreadable, or not matching each other.
        ZooError: the zoo does not have it.
    """
    folder = zoo.fetch(str(source))
    file, fields = folder / WEIGHTS, read_config(folder / CONFIG)
    try:
        with torch.device("meta"):  # allocates nothing: the file has not shown yet that it holds as much
            described = build(**fields)
    except (ValueError, TypeError) as error:
        raise no_network(folder / CONFIG, error) from error
    check_header(file, described.state_dict())
    model = build(**fields)
    try:
        model.load_state_dict(load_file(file))
    except (OSError, RuntimeError, safetensors.SafetensorError) as error:  # RuntimeError: a name occurs twice
        message = Message("{file} is damaged ({why}). Fetch it again.", file=file, why=one_line(error))
        raise CheckpointError(message) from error
    return model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it


def check_header(file: Path, weights: dict[str, Tensor]) -> None:
    """Compare names, shapes and dtypes of the tensors in a file with a network's.

    Raises:
        CheckpointError: they differ, or the file is shorter than they need.
    """
    header = read_header(file)
    header.pop("__metadata__", None)
    missing, extra = weights.keys() - header.keys(), header.keys() - weights.keys()
    if missing:
        raise CheckpointError(
            Message("{file} lacks {tensor}: it does not belong to its {config}.", file=file, tensor=min(missing),
                    config=CONFIG)
        )  # fmt: skip
    if extra:
        raise CheckpointError(
            Message("{file} has an unknown tensor {tensor}: it does not belong to its {config}.", file=file,
                    tensor=min(extra), config=CONFIG)
        )  # fmt: skip
    for name, tensor in weights.items():
        found, shape = header[name], list(tensor.shape)
        if not isinstance(found, dict) or found.get("shape") != shape:
            raise CheckpointError(
                Message("{file}: {tensor} does not have the shape {shape} that {config} asks for.", file=file,
                        tensor=name, shape=shape, config=CONFIG)
            )  # fmt: skip
        if found.get("dtype") not in ("F32", "F16", "BF16"):
            raise CheckpointError(
                Message("{file}: {tensor} is {dtype}, not a floating-point tensor.", file=file, tensor=name,
                        dtype=found.get("dtype"))
            )  # fmt: skip
    if file.stat().st_size < 2 * sum(t.numel() for t in weights.values()):  # two bytes a weight at least
        raise CheckpointError(
            Message("{file} is damaged: it is too short for its {config}. Fetch it again.", file=file, config=CONFIG)
        )
