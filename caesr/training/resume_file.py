"""The file from which a stopped run is resumed: named tensors and metadata, as safetensors."""

import json
from pathlib import Path

from torch import Tensor

from caesr.training.schedule import Phase, Span
from zoo.checkpoint_files import read_header

RESUME = "resume.safetensors"


def read_metadata(folder: Path) -> dict[str, str]:
    """Return the metadata of a folder's resume file.

    Raises:
        CheckpointError: the file is missing or damaged.
    """
    return read_header(folder / RESUME)["__metadata__"]


def read_cool_down(folder: Path) -> Phase | None:
    """Return the cool-down in which a folder's resume file was saved; None at constant rates or without a file."""
    if not (folder / RESUME).exists():
        return None
    fields = json.loads(read_metadata(folder)["cool_down"])
    return Phase(fields["step"], fields["seconds"], Span(**fields["span"])) if fields else None


def add_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with a prefix before every name."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def strip_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
