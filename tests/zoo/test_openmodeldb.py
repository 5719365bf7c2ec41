"""`zoo openmodeldb`: entries that meet the rules of OpenModelDB's own check (its src/lib/model-props.ts)."""

import json
import re

import pytest

import zoo
from zoo import publish
from zoo.checkpoint_files import WEIGHTS
from zoo.cli import main

MODEL_ID = r"\d+x-[a-zA-Z0-9]+(?:-[a-zA-Z0-9]+)*"
INTEGERS = {"scale": 16, "inputChannels": 4, "outputChannels": 4}  # from 1 to this
TEXTS = ("name", "description", "license", "date", "architecture", "dataset")
KNOWN = {*INTEGERS, *TEXTS, "author", "tags", "size", "resources", "images", "trainingIterations",
         "trainingBatchSize", "trainingHRSize", "trainingOTF", "pretrainedModelG"}  # fmt: skip
# the tags of its data/tags.json that say what a model is for
TAGS = {"compression-removal", "deblur", "denoise", "general-upscaler", "jpeg", "photo", "research", "restoration"}
PLATFORMS = {"safetensors": "pytorch", "onnx": "onnx"}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The folder `data` of a database with an author and an architecture, and our entries added."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "users.json").write_text(json.dumps({"someone": {"name": "Someone"}, "caesr": {"name": "Kept"}}))
    (folder / "architectures.json").write_text(json.dumps({"compact": {"name": "Compact"}}))
    arguments = ["--namespace", "owner", "--out", str(folder), "--date", "2026-12-01"]
    assert main(["openmodeldb", *arguments]) == 0
    return folder


def read(file):
    """Return the values of a JSON file, which is laid out as the database demands."""
    text = file.read_text(encoding="utf-8")
    values = json.loads(text)
    assert text == json.dumps(values, indent=4, ensure_ascii=False)
    return values


@pytest.mark.parametrize("name", zoo.names())
def test_an_entry_meets_the_rules(database, name):
    entry = zoo.info(name)
    ident = f"{entry.scale}x-CAESR-{entry.family.capitalize()}"
    model = read(database / "models" / f"{ident}.json")
    assert re.fullmatch(MODEL_ID, ident)
    assert model.keys() <= KNOWN
    for field, most in INTEGERS.items():
        assert type(model[field]) is int
        assert 1 <= model[field] <= most
    for field in ("trainingIterations", "trainingBatchSize", "trainingHRSize"):
        assert type(model[field]) is int
        assert model[field] >= 1
    assert all(isinstance(model[field], str) and model[field] == model[field].strip() for field in TEXTS)
    assert re.fullmatch(r"\d{4}-(?:0[1-9]|1[012])-(?:0[1-9]|[12][0-9]|3[01])", model["date"])
    assert model["architecture"] in read(database / "architectures.json")
    assert f"arch:{model['architecture']}" in read(database / "tags.json")
    assert model["author"] in read(database / "users.json")
    assert model["tags"]
    assert set(model["tags"]) <= TAGS
    assert all(model["size"])
    if "pretrainedModelG" in model:
        assert (database / "models" / f"{model['pretrainedModelG']}.json").exists()
    assert [resource["type"] for resource in model["resources"]] == list(PLATFORMS)
    for resource in model["resources"]:
        assert resource["platform"] == PLATFORMS[resource["type"]]
        assert type(resource["size"]) is int
        assert resource["size"] >= 1
        assert re.fullmatch("[0-9a-f]{64}", resource["sha256"])
        (url,) = resource["urls"]
        assert url == f"https://huggingface.co/owner/{name}/resolve/{publish.TAG}/model.{resource['type']}"
    assert model["resources"][0]["sha256"] == entry.sha256[WEIGHTS]
    assert not model.keys() & {"thumbnail"}  # the database makes them


def test_what_the_database_has_is_kept(database):
    assert read(database / "users.json") == {"someone": {"name": "Someone"}, "caesr": {"name": "Kept"}}
    assert set(read(database / "architectures.json")) == {"compact", "caeresnet"}


def test_of_photographs_with_traces_it_says_what_is_removed(database):
    photo = read(database / "models" / "4x-CAESR-Photo.json")
    assert {"jpeg", "denoise", "deblur"} <= set(photo["tags"])
    assert photo["trainingOTF"] is True
    assert read(database / "models" / "2x-CAESR-Lite.json")["trainingOTF"] is False


def test_the_hash_is_that_of_the_file_to_be_published(hub, shipped, token, tmp_path):
    assert main(["openmodeldb", "caesr-lite-x2", "--namespace", "someone", "--out", str(tmp_path)]) == 0
    before = read(tmp_path / "models" / "2x-CAESR-Lite.json")
    assert main(["publish", "caesr-lite-x2", "--namespace", "someone"]) == 0
    assert before["resources"][1]["sha256"] == zoo.info("caesr-lite-x2").onnx_sha256
    assert main(["openmodeldb", "caesr-lite-x2", "--namespace", "another", "--out", str(tmp_path)]) == 0
    (url,) = read(tmp_path / "models" / "2x-CAESR-Lite.json")["resources"][1]["urls"]
    commit = zoo.info("caesr-lite-x2").revision
    assert url == f"https://huggingface.co/someone/caesr-lite-x2/resolve/{commit}/model.onnx"
