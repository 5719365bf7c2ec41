"""`--model auto`: each picture by the network that suits it, however it comes, and the reason is told."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caesr import UpscaleOptions, Upscaler, load_family
from caesr.engine import upscaler
from caesr.jobs import upscale_file
from caesr.jobs.batch import weights_digest
from tests.jobs.command import caesr, contents, picture, report

pytestmark = pytest.mark.slow

REASONS = {"clean.png": "A clean picture: using Faithful.",
           "compressed.jpg": "JPEG artefacts found (quality about 40): using Photo."}  # fmt: skip
FAMILIES = {"clean.png": "lite", "compressed.jpg": "photo"}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Return a folder of a clean picture and of a compressed one."""
    clean = picture(tmp_path / "in/clean.png", 200, 132)
    Image.open(clean).save(tmp_path / "in/compressed.jpg", quality=40)
    return tmp_path / "in"


def test_every_picture_of_a_folder_is_upscaled_by_the_network_that_suits_it_and_the_reason_is_told(mixed, out, capsys):
    assert caesr(mixed, "-o", out, "-s", 2, "-f", "png") == 0
    said = capsys.readouterr().err
    for name, family in FAMILIES.items():
        result = out / f"{Path(name).stem}_x2.png"
        expected = Upscaler(load_family(family), "cpu")(np.array(Image.open(mixed / name)), 2)
        assert np.array_equal(np.array(Image.open(result)), expected)
        assert report(out)[name]["notes"] == REASONS[name]
        assert f"{name} -> {result} · {REASONS[name]}\n" in said
    assert len(said.splitlines()) == len(FAMILIES) + 1


def test_the_choice_is_the_same_alone_in_a_zip_in_other_tiles_and_from_python(mixed, out, tmp_path):
    """In other tiles a processor may add in another order, so that a value differs by a level."""
    assert caesr("batch", mixed, out, "-s", 2) == 0
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in FAMILIES:
            archive.write(mixed / name, name)
    assert caesr(tmp_path / "in.zip", "-o", tmp_path / "zip", "-s", 2, "--tile", 32) == 0
    for folder in (out, tmp_path / "zip"):
        assert sorted(row["notes"] for row in report(folder).values()) == sorted(REASONS.values())
    for name, made in contents(out).items():
        tiled = np.array(Image.open(tmp_path / "zip" / name), np.int16)
        assert np.abs(tiled - np.array(Image.open(out / name))).max() <= (1 if name.endswith("png") else 4)
        source = mixed / name.replace("_x2", "")
        assert caesr(source, "-s", 2) == 0
        assert (mixed / name).read_bytes() == made
        assert upscale_file(source, tmp_path / name, UpscaleOptions(scale=2, device="cpu")).read_bytes() == made


def test_each_network_is_loaded_once_and_both_are_in_the_manifest(mixed, out, monkeypatch):
    loaded: list[str] = []

    def load(name: str) -> list:
        loaded.append(name)
        return load_family(name)

    monkeypatch.setattr(upscaler, "load_family", load)
    assert caesr(mixed, mixed / "compressed.jpg", "-o", out, "-s", 2) == 0
    assert sorted(loaded) == ["lite", "photo"]
    run = json.loads((out / "manifest.jsonl").read_text().splitlines()[0])
    assert run["settings"]["weights"] == "+".join(weights_digest(load_family(name)) for name in ("lite", "photo"))
    assert run["settings"]["model"] == "auto"


def test_a_picture_that_was_compressed_since_is_no_longer_done(mixed, out, capsys):
    assert caesr(mixed, "-o", out, "-s", 2) == 0
    Image.open(mixed / "clean.png").quantize(4).save(mixed / "clean.png")
    capsys.readouterr()
    assert caesr(mixed, "-o", out, "-s", 2) == 2
    assert "1 done already, 1 failed" in capsys.readouterr().err


def test_what_auto_cannot_look_at_fails_as_any_picture_does(mixed, out):
    (mixed / "broken.jpg").write_bytes((mixed / "compressed.jpg").read_bytes()[:200])
    (mixed / "text.png").write_text("no picture")
    assert caesr(mixed, "-o", out, "-s", 2) == 2
    by_auto = {name: row["error"] for name, row in report(out).items()}
    assert caesr(mixed, "-o", out.with_name("lite"), "-s", 2, "-m", "lite") == 2
    assert {name: row["error"] for name, row in report(out.with_name("lite")).items()} == by_auto
    assert sorted(name for name, error in by_auto.items() if error) == ["broken.jpg", "text.png"]
