"""Entries of the zoo's checkpoints for OpenModelDB (openmodeldb.info), the database of upscaling models.

`write` adds to the folder `data` of a checkout of OpenModelDB/open-model-database: a file for every checkpoint, our
architecture with its tag, and the author. What is there already is kept. The form is that of its `src/lib/schema.ts`
and `src/lib/model-props.ts`, the layout that of JavaScript's JSON.stringify, which its checks demand.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo import catalogue, client, export, history, hub
from zoo.catalogue import Entry
from zoo.checkpoint_files import CONFIG, WEIGHTS, read_config, read_facts, write_atomically

AUTHOR, ARCHITECTURE = "caesr", "caeresnet"
ADDITIONS: dict[str, dict[str, Any]] = {  # by file
    "users.json": {AUTHOR: {"name": "CAESR"}},
    "architectures.json": {
        ARCHITECTURE: {"name": "CAEResNet", "input": "image", "compatiblePlatforms": ["pytorch", "onnx"]}
    },
    "tags.json": {f"arch:{ARCHITECTURE}": {"name": "CAEResNet", "description": ""}},
}
TAGS = {  # of a family
    "lite": ["general-upscaler", "photo"],
    "base": ["general-upscaler", "photo"],
    "large": ["general-upscaler", "photo"],
    "texture": ["general-upscaler", "photo"],
    "photo": ["compression-removal", "deblur", "denoise", "general-upscaler", "jpeg", "photo", "restoration"],
    "seed": ["general-upscaler", "photo", "research"],
}
DATASET = "Freely licensed photographs, and BSDS500's training and test pictures"


def write(folder: Path, names: list[str], namespace: str, revision: str, date: str) -> list[Path]:
    """Write the entries of checkpoints, and what they refer to; returns the files.

    Args:
        folder: `data` of a checkout, or an empty one.
        namespace: user or organisation on the Hub, for what is not published yet.
        revision: a tag or commit there, likewise.
        date: of publication, as yyyy-mm-dd.
    Raises:
        ZooError, CheckpointError: there is no such checkpoint, it is damaged, or onnx is not installed.
    """
    (folder / "models").mkdir(parents=True, exist_ok=True)
    files = {folder / name: more for name, more in ADDITIONS.items()}
    for file, more in files.items():
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        write_json(file, known | {key: value for key, value in more.items() if key not in known})
    models = []
    for entry in map(catalogue.info, names):
        if not entry.repo_id:  # described as it will be published
            shipped = hub.shipped_folder(entry)
            entry = export.describe_onnx(replace(entry, repo_id=f"{namespace}/{entry.name}"), shipped)
        models.append(folder / "models" / f"{model_id(entry.name)}.json")
        write_json(models[-1], describe(entry, entry.revision or revision, date))
    return [*files, *models]


def describe(entry: Entry, revision: str, date: str) -> dict[str, Any]:
    """Return the entry of a checkpoint whose files are at a revision of its repository."""
    folder = catalogue.CHECKPOINTS / entry.name
    facts, widths = read_facts(folder), read_config(folder / CONFIG)["widths"]
    place = f"{client.HUB}/{entry.repo_id}/resolve/{revision}"
    resources = [
        {"platform": "pytorch", "type": "safetensors", "size": entry.size, "sha256": entry.sha256[WEIGHTS],
         "urls": [f"{place}/{WEIGHTS}"]},
        {"platform": "onnx", "type": "onnx", "size": entry.onnx_size, "sha256": entry.onnx_sha256,
         "urls": [f"{place}/{export.MODEL}"]},
    ]  # fmt: skip
    values = {
        "name": f"CAESR {entry.family.capitalize()}",
        "author": AUTHOR,
        "license": entry.licence,
        "tags": TAGS[entry.family],
        "description": f"{entry.purpose}\n\nMeasured, with its limits, on [its card]({client.HUB}/{entry.repo_id}).",
        "date": date,
        "architecture": ARCHITECTURE,
        "size": [f"{'-'.join(map(str, widths))}nf"],
        "scale": entry.scale,
        "inputChannels": 3,
        "outputChannels": 3,
        "resources": resources,
        **describe_training(entry, facts),
    }
    if entry.base_model:
        values["pretrainedModelG"] = model_id(entry.base_model)
    images = [{"type": "standalone", "caption": "Limits", "url": f"{place}/limits.jpg"}]
    return values | {"images": images}


def describe_training(entry: Entry, facts: dict) -> dict[str, Any]:
    """Return what an entry says of training; batch and crops are those of the last stage."""
    stages = history.read_stages(facts)
    if not stages:
        return {}
    return {
        "trainingIterations": history.count_steps(facts),
        "trainingBatchSize": stages[-1].batch,
        "trainingHRSize": stages[-1].patch * entry.scale,
        "trainingOTF": any(stage.degrade != "bicubic" for stage in stages),
        "dataset": DATASET,
    }


def model_id(name: str) -> str:
    """Return OpenModelDB's id of a checkpoint: caesr-lite-x2 -> 2x-CAESR-Lite."""
    family, scale = name.removeprefix("caesr-").rsplit("-x", 1)
    return f"{scale}x-CAESR-{family.capitalize()}"


def write_json(file: Path, values: dict[str, Any]) -> None:
    """Write JSON as JavaScript's JSON.stringify(values, null, 4) does."""
    write_atomically(file, json.dumps(values, indent=4, ensure_ascii=False))
