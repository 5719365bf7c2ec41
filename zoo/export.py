"""Checkpoints as ONNX files. The graph is written by `caesr.integrations.onnx`, which needs torch and onnx."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo import client
from zoo.catalogue import Entry, ZooError
from zoo.checkpoint_files import WEIGHTS, sha256
from zoo.messages import Message

MODEL = "model.onnx"
PRECISIONS = ("float32", "float16")


def export_onnx(folder: Path, file: Path, precision: str = "float32", entry: Entry | None = None) -> str:
    """Write the ONNX file of a checkpoint folder, always as the same bytes; returns its SHA-256.

    Args:
        file: its folder is made if there is none.
        entry: names the checkpoint, its licence and its repository in the file's metadata.
    Raises:
        ZooError: torch, onnx or caesr is not installed.
        CheckpointError: the folder does not hold a sound checkpoint.
    """
    try:  # by name: all else of the zoo needs none of these packages
        exporter, model = import_module("caesr.integrations.onnx"), import_module("caesr.model.caeresnet")
    except ImportError as error:
        command = "pip install 'caesr[onnx]'"
        raise ZooError(
            Message("Writing ONNX needs the package {package}: {command}", package=error.name, command=command)
        ) from error
    properties = {"weights_sha256": sha256(folder / WEIGHTS)}
    if entry:
        properties |= {"name": entry.name, "license": entry.licence}
    if entry and entry.repo_id:
        properties["link"] = f"{client.HUB}/{entry.repo_id}"
    file.parent.mkdir(parents=True, exist_ok=True)
    exporter.write_onnx(model.CAEResNet.from_pretrained(folder), file, precision, properties)
    return sha256(file)


def describe_onnx(entry: Entry, folder: Path, file: Path | None = None) -> Entry:
    """Return an entry with the size and hash of its ONNX file, which is written to `file`, by default nowhere.

    Raises:
        ZooError, CheckpointError: as `export_onnx`.
    """
    with TemporaryDirectory() as temporary:
        file = file or Path(temporary) / MODEL
        digest = export_onnx(folder, file, entry=entry)
        return replace(entry, onnx_sha256=digest, onnx_size=file.stat().st_size)


def check_onnx(entry: Entry, file: Path) -> None:
    """Compare the ONNX file of a checkpoint with the catalogue; one that is not there, or not in it, passes.

    Raises:
        ZooError: it is another.
    """
    if file.exists() and entry.onnx_sha256 and sha256(file) != entry.onnx_sha256:
        raise ZooError(
            Message("{file} is not the one of the catalogue. Remove it, or write it by `zoo export`.", file=file)
        )


def file_name(name: str, precision: str) -> str:
    """Return the name of an exported file: caesr-lite-x2.onnx, or caesr-lite-x2-float16.onnx."""
    return f"{name}.onnx" if precision == "float32" else f"{name}-{precision}.onnx"
