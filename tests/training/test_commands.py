"""Training on the command line: `caesr train`, averages, and a run over two windows on a borrowed machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from caesr.cli import main
from caesr.training import average
from caesr.training.parcels import pack
from caesr.training.recipe import read_recipe
from caesr.training.schedule import Span
from caesr.training.train import train
from tests.conftest import ROOT
from tests.training.conftest import RECIPE
from zoo import history
from zoo.checkpoint_files import read_facts

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def count_steps(folder: Path) -> int:
    return history.count_steps(read_facts(folder))


def run_train(recipe: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "caesr", "train", str(recipe), "--out", str(out), "--device", "cpu", *more]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_training_by_the_clock_ends_by_itself(photos, recipe, tmp_path):
    done = run_train(recipe, tmp_path / "out", "--minutes", "0.03", "--cool-down", "0.02")
    assert done.returncode == 0, done.stderr
    assert "rate 0.00" in done.stdout
    again = run_train(recipe, tmp_path / "again", "--continue", str(tmp_path / "out/cooled"), "--minutes", "0.02")
    assert again.returncode == 0, again.stderr
    assert 0 < count_steps(tmp_path / "out/cooled") < count_steps(tmp_path / "again")


def test_a_machine_with_little_installed_can_train(photos, recipe, tmp_path):
    missing = ["pyvips", "gradio", "huggingface_hub", "pillow_heif", "mcp"]
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({missing})); sys.argv[1:] = {[str(recipe)]} + "
        f"['--out', {str(tmp_path / 'out')!r}, '--minutes', '0.02', '--device', 'cpu']; "
        "runpy.run_module('caesr.training', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert count_steps(tmp_path / "out") > 0


def test_without_training_pictures_the_command_says_where_they_are_expected(recipe, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CAESR_DATA", str(tmp_path / "nowhere"))
    assert main(["train", str(recipe), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "CAESR_DATA" in capsys.readouterr().err


def test_an_average_lies_between_its_checkpoints_and_keeps_the_history_of_the_later(
    photos, recipe, tmp_path, monkeypatch, capsys
):
    settings = read_recipe(recipe)
    earlier = train(settings, tmp_path / "earlier", CPU, length=Span(steps=3))
    later = train(settings, tmp_path / "later", CPU, source=earlier, length=Span(steps=2))
    command = ["average", str(earlier), str(later), "--out", str(tmp_path / "mean")]
    monkeypatch.setattr(sys, "argv", command)
    assert average.main() == 0
    one, other, mean = (load_file(tmp_path / name / "model.safetensors") for name in ("earlier", "later", "mean"))
    assert all(torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-7) for name in mean)
    assert count_steps(tmp_path / "mean") == 5
    monkeypatch.setattr(sys, "argv", [*command, "--share", "2"])
    assert average.main() == 2
    assert "2" in capsys.readouterr().err


def test_a_run_on_a_borrowed_machine_is_resumed_in_the_next_window(photos, tmp_path):
    pack(tmp_path / "data", ["train/photos"], tmp_path / "parcels", 1 << 24)
    (tmp_path / "zoo/recipes").mkdir(parents=True)
    (tmp_path / "zoo/recipes/tiny-x2.toml").write_text(RECIPE)
    environment = {"PYTHONPATH": str(ROOT), "PYTHON": sys.executable, "DEVICE": "cpu", "CAESR_DATA": "unpacked"}

    def window(minutes: str, cool_down: str) -> str:
        command = ["sh", ROOT / "zoo/recipes/window.sh", "tiny-x2", minutes, cool_down]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    window("0.03", "0")
    assert not list((tmp_path / "parcels").iterdir())
    home = tmp_path / "home/tiny-x2"
    steps = count_steps(home)
    shutil.rmtree(tmp_path / "runs")  # the machine is gone; what was carried home comes back
    assert "rate 0.00" in window("0.03", "0.02")
    assert count_steps(home) > steps
    logged = [int(line.split(",")[0]) for line in (home / "log.csv").read_text().splitlines()[1:]]
    assert logged == sorted(set(logged))
    assert logged[0] <= steps < logged[-1]
    assert (home / "cool-down.csv").exists()
