"""The catalogue: one entry per checkpoint, what its family is for, and where its files are.

catalogue.json is written by `zoo add`, from the checkpoint folders and the measured results, and by `zoo publish`:
hashes, revisions and figures are never typed by hand.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from zoo.checkpoint_files import (
    CONFIG,
    FILES,
    WEIGHTS,
    count_parameters,
    read_config,
    read_facts,
    sha256,
    write_atomically,
)
from zoo.messages import Message

HERE = Path(__file__).parent
CATALOGUE, CHECKPOINTS = HERE / "catalogue.json", HERE / "checkpoints"

FAMILIES = {  # in the order in which they are offered
    "lite": "Clean pictures, at once on any CPU.",
    "base": "Clean pictures, faithful; slower than lite, and hardly better so far.",
    "large": "Clean pictures, the highest fidelity; wants a GPU.",
    "texture": "Fine texture: fabric, foliage, hair. Invents detail.",
    "photo": "Pictures as they come: JPEG traces, noise, blur.",
    "seed": "The founding article's network: the point of reference.",
}


class ZooError(LookupError):
    """A checkpoint that does not exist or cannot be fetched; the message says what there is or what to do."""


@dataclass(frozen=True)
class Entry:
    """One checkpoint of the catalogue."""

    name: str  # caesr-FAMILY-xSCALE
    family: str
    scale: int  # native
    parameters: int
    size: int  # of model.safetensors, in bytes
    sha256: dict[str, str]  # of config.json and model.safetensors
    onnx_sha256: str = ""  # of model.onnx, which is published beside them and written by `zoo export`
    onnx_size: int = 0  # of model.onnx, in bytes
    licence: str = "Apache-2.0"
    base_model: str = ""  # the checkpoint it was trained from
    repo_id: str = ""  # on the Hub, once published
    revision: str = ""  # the commit there that holds exactly these files
    figures: dict[str, dict[str, float]] = field(default_factory=dict)  # test set -> measure -> mean

    def __post_init__(self) -> None:
        if self.family not in FAMILIES or self.name != f"caesr-{self.family}-x{self.scale}":
            raise ValueError(f"{self.name} is not caesr-FAMILY-x{self.scale}, of a family of {', '.join(FAMILIES)}.")
        if not re.fullmatch("([0-9a-f]{40})?", self.revision) or (self.revision and not self.repo_id):
            raise ValueError(f"catalogue.json: the revision of {self.name} is not a commit of a repository.")

    @property
    def purpose(self) -> str:
        """What its family is for, in one line."""
        return FAMILIES[self.family]


def read() -> dict[str, Entry]:
    """Return every entry by name: families in their order, each from its smallest scale up."""
    entries = [Entry(**values) for values in json.loads(CATALOGUE.read_text())]
    order = list(FAMILIES)
    entries.sort(key=lambda entry: (order.index(entry.family), entry.scale))
    return {entry.name: entry for entry in entries}


def write(entries: dict[str, Entry]) -> None:
    """Replace catalogue.json."""
    values = [asdict(entry) for entry in entries.values()]
    write_atomically(CATALOGUE, json.dumps(values, indent=1) + "\n")


def describe(folder: Path, figures: dict[str, dict[str, float]]) -> Entry:
    """Return the entry of a checkpoint folder named caesr-FAMILY-xSCALE.

    Raises:
        CheckpointError: the folder does not hold a sound checkpoint.
        ValueError: its name has another form, or contradicts its config.
    """
    return Entry(
        name=folder.name,
        family=folder.name.removeprefix("caesr-").rpartition("-")[0],
        scale=read_config(folder / CONFIG).get("scale", 1),
        parameters=count_parameters(folder),
        size=(folder / WEIGHTS).stat().st_size,
        sha256={name: sha256(folder / name) for name in FILES},
        base_model=read_facts(folder).get("base_model", ""),
        figures=figures,
    )


def names() -> list[str]:
    """Return the names of all checkpoints."""
    return list(read())


def members(family: str) -> list[str]:
    """Return the names of a family's checkpoints, from the smallest scale up; empty if there is no such family."""
    return [entry.name for entry in read().values() if entry.family == family]


def info(name: str) -> Entry:
    """Return what the catalogue knows of a checkpoint.

    Raises:
        ZooError: there is none of that name.
    """
    entries = read()
    if name in entries:
        return entries[name]
    if family := ", ".join(members(name)):
        raise ZooError(Message("{name} is a family; name one of its checkpoints: {names}.", name=name, names=family))
    known = ", ".join(entries)
    raise ZooError(Message("There is no checkpoint {name!r}. There is: {names}.", name=name, names=known))
