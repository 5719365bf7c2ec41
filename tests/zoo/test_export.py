"""`zoo export`: ONNX files with what the catalogue says of them, and `model.onnx` in what is published."""

import hashlib

import onnx
import pytest

import zoo
from tests.hub_server import OWNER
from tests.small_zoo import NAME, REPO
from zoo import catalogue
from zoo.checkpoint_files import WEIGHTS
from zoo.cli import main


def facts(content: bytes) -> dict[str, str]:
    return {row.key: row.value for row in onnx.load_from_string(content).metadata_props}


def test_every_checkpoint_gives_the_file_of_the_catalogue(tmp_path, capsys):
    assert main(["export", *zoo.names(), "--out", str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for (digest, file), entry in zip(lines, map(zoo.info, zoo.names()), strict=True):
        content = (tmp_path / f"{entry.name}.onnx").read_bytes()
        assert file == str(tmp_path / f"{entry.name}.onnx")
        assert digest == hashlib.sha256(content).hexdigest() == entry.onnx_sha256
        assert len(content) == entry.onnx_size
        said = facts(content)
        assert (said["name"], said["license"], said["scale"]) == (entry.name, entry.licence, str(entry.scale))
        assert said["weights_sha256"] == entry.sha256[WEIGHTS]


def test_a_folder_that_only_has_the_name_of_a_checkpoint_gets_no_licence(nets, shipped, tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    for file in (nets / "caesr-lite-x4").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    out = tmp_path / "out"
    assert main(["export", str(folder), "--precision", "float16", "--out", str(out)]) == 0
    said = facts((out / f"{NAME}-float16.onnx").read_bytes())
    assert said["precision"] == "float16"
    assert not {"license", "name", "link"} & said.keys()


def test_what_is_published_has_the_onnx_file_that_card_and_catalogue_name(hub, shipped, token):
    assert main(["publish", "--namespace", OWNER, NAME]) == 0
    published = hub.repositories[REPO].commits[catalogue.info(NAME).revision]
    content = published["model.onnx"]
    assert hashlib.sha256(content).hexdigest() == catalogue.info(NAME).onnx_sha256
    assert catalogue.info(NAME).onnx_sha256 in published["README.md"].decode()
    assert facts(content)["link"] == f"https://huggingface.co/{REPO}"
    assert published["example.png"].startswith(b"\x89PNG")


def test_the_onnx_file_is_verified_where_there_is_one(shipped, capsys):
    assert main(["add", NAME]) == 0
    assert main(["export", NAME, "--out", str(shipped)]) == 0
    file = shipped / NAME / "model.onnx"
    (shipped / f"{NAME}.onnx").rename(file)
    assert main(["verify"]) == 0
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert main(["verify"]) == 2
    assert f"{file} is not the one of the catalogue" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["onnx", "torch", "caesr"])
def test_without_its_packages_the_command_says_which_to_install(shipped, monkeypatch, tmp_path, capsys, missing):
    def fail(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("zoo.export.import_module", fail)
    assert main(["export", NAME, "--out", str(tmp_path)]) == 2
    assert f"needs the package {missing}: pip install 'caesr[onnx]'" in capsys.readouterr().err
