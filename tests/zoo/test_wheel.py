"""The wheel: it holds all that an installation needs, and its commands work far from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import zoo
from tests.conftest import ROOT
from tests.zoo.environments import INSTALLED
from zoo import space

pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel, built from a copy of the project: a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    project = space.assemble(folder / "project")
    shutil.copy(ROOT / "pyproject.toml", project)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    run(sys.executable, "-m", "pip", "wheel", ".", *options, folder=project)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def commands(wheel, tmp_path_factory) -> Path:
    """The commands of an environment that has the wheel installed, and sees this environment's packages."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", folder=folder)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, folder=folder)
    # After the installation, or pip would find the editable one. That itself is not seen: Python reads no .pth files
    # in folders that a .pth file names.
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    (Path(run(python, "-c", code, folder=folder)) / "dependencies.pth").write_text(f"{INSTALLED}\n")
    return python.parent


def test_the_wheel_holds_the_packages_their_data_and_every_checkpoint(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = {"zoo/catalogue.json", "zoo/recipes/QUEUE.md"}
    expected |= {
        f"zoo/checkpoints/{name}/{file}" for name in zoo.names() for file in ("README.md", *zoo.info(name).sha256)
    }
    for pattern in (
        "caesr/**/*.py",
        "caesr/**/*.css",
        "caesr/**/*.js",
        "caesr/**/*.toml",
        "zoo/*.py",
        "zoo/recipes/*.toml",
    ):
        found = {file.relative_to(ROOT).as_posix() for file in ROOT.glob(pattern)}
        assert found, pattern
        expected |= found
    assert expected <= held, expected - held
    assert {name.split("/")[0] for name in held} == {"caesr", "zoo", f"caesr-{zoo.__version__}.dist-info"}


def test_the_installed_packages_are_those_of_the_wheel(commands, tmp_path):
    code = "from importlib.util import find_spec; print(find_spec('caesr').origin, find_spec('zoo').origin)"
    for file in run(commands / "python", "-c", code, folder=tmp_path).split():
        assert Path(file).is_relative_to(commands.parent)


def test_the_installed_zoo_is_whole(commands, tmp_path):
    lines = run(commands / "zoo", "verify", folder=tmp_path).splitlines()
    assert lines == [f"{name}: sound" for name in zoo.names()]


def test_the_installed_command_upscales_a_photograph(commands, tmp_path):
    Image.open(ROOT / "examples" / "cat.png").convert("RGB").resize((60, 40)).save(tmp_path / "photo.jpg")
    run(commands / "caesr", "photo.jpg", folder=tmp_path, CUDA_VISIBLE_DEVICES="")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["photo.jpg", "photo_x4.jpg"]
    assert Image.open(tmp_path / "photo_x4.jpg").size == (240, 160)


def test_an_error_of_the_installed_command_is_its_exit_code(commands, tmp_path):
    for command in (["zoo", "fetch", "nothing"], ["caesr", "train", "nothing.toml", "--out", "out"]):
        done = subprocess.run([commands / command[0], *command[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{command[0]}: ")
