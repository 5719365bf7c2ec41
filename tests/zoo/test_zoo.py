"""The zoo: catalogue, folders and cards agree, and every name leads to a network."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

import zoo
from caesr import CAEResNet, load_family
from tests.conftest import ROOT
from zoo import card, catalogue, history, publish
from zoo.checkpoint_files import read_facts
from zoo.cli import main


def test_every_folder_is_in_the_catalogue_and_every_entry_has_its_folder():
    folders = sorted(folder.name for folder in catalogue.CHECKPOINTS.iterdir())
    assert sorted(zoo.names()) == folders


@pytest.mark.parametrize("name", zoo.names())
def test_an_entry_agrees_with_its_files_its_card_and_the_measured_results(name):
    entry, folder = zoo.info(name), catalogue.CHECKPOINTS / name
    unpublished = replace(entry, repo_id="", revision="", onnx_sha256="", onnx_size=0)  # tested with `zoo export`
    assert catalogue.describe(folder, entry.figures) == unpublished
    assert (folder / "README.md").read_text() == card.render(entry, read_facts(folder))
    results = json.loads((ROOT / "benchmarks/results/quality.json").read_text())
    assert entry.figures == results["checkpoints"][name]
    assert sorted(file.name for file in folder.iterdir()) == sorted(publish.SHIPPED)


@pytest.mark.parametrize("name", zoo.names())
def test_the_hub_reads_the_measured_results_from_a_card(name):
    data = ModelCard((catalogue.CHECKPOINTS / name / "README.md").read_text()).data
    assert (data.model_name, data.library_name, data.license) == (name, "caesr", "apache-2.0")
    assert data.pipeline_tag == "image-to-image"
    assert [example["src"] for example in data.widget] == ["example.png"]
    index = eval_results_to_model_index(name, data.eval_results)  # as the Hub holds it
    assert model_index_to_eval_results(index) == (name, data.eval_results)
    read = {(result.dataset_name, result.metric_type): result.metric_value for result in data.eval_results}
    figures = zoo.info(name).figures
    assert read["Set5", "psnr"] == round(figures["Set5"]["psnr_y"], 2)
    assert read["B100-10", "lpips"] == round(figures["B100-10"]["lpips"], 3)
    assert {test_set for test_set, _ in read} == set(figures)
    assert {measure for _, measure in read} == set(data.metrics) == {"psnr", "ssim", "lpips", "dists"}


def test_a_card_without_figures_claims_none():
    card_ = card.render(replace(zoo.info("caesr-lite-x2"), figures={}), {})
    assert ModelCard(card_).data.eval_results is None
    assert "Not measured yet." in card_


def test_a_card_lists_the_stages_in_order():
    first = {"steps": 2000, "batch": 16, "patch": 48, "seconds": 600, "device": "2 CPU threads"}
    then = {"steps": 70, "batch": 8, "patch": 64, "seconds": 120, "device": "2 CPU threads", "before": first}
    card_ = card.render(zoo.info("caesr-lite-x2"), then)
    one = "2,000 steps of 16 crops of 48×48 low-resolution pixels in 10.0 minutes on 2 CPU threads"
    other = "70 steps of 8 crops of 64×64 low-resolution pixels in 2.0 minutes on 2 CPU threads"
    seen = round((2000 * 16 * 48**2 + 70 * 8 * 64**2) / 1e6)
    assert f"{one}; then {other}: in all 2,070 steps, which saw {seen} million low-resolution pixels" in card_
    stage = history.Stage(8, 48, "one CPU thread", 5, 30, "photo", {"even": 0.3, "perceptual": 1.0})
    later = card.render(zoo.info("caesr-lite-x2"), then | {"stages": history.append_stage(then, stage)})
    degraded = "5 steps of 8 degraded crops of 48×48 low-resolution pixels in 0.5 minutes on one CPU thread"
    assert f"{degraded} (even 0.3, perceptual 1): in all 2,075 steps" in later


@pytest.mark.parametrize("name", zoo.names())
def test_a_checkpoint_loads_and_upscales(name):
    net = CAEResNet.from_pretrained(name)
    x = torch.rand(1, 3, 12, 10)
    y = net(x)
    assert y.shape == (1, 3, 12 * net.config.scale, 10 * net.config.scale)
    assert (y.mean() - x.mean()).abs() < 0.1


def test_a_family_has_all_its_scales_and_a_checkpoint_its_own():
    assert [net.config.scale for net in load_family("lite")] == [2, 3, 4]
    assert [net.config.scale for net in load_family("caesr-lite-x3")] == [3]
    assert len(load_family(str(zoo.fetch("caesr-lite-x2")))) == 1


def test_an_error_about_an_unknown_name_lists_what_there_is():
    with pytest.raises(zoo.ZooError, match="caesr-lite-x4"):
        zoo.fetch("caesr-lite-x9")
    with pytest.raises(zoo.ZooError, match="lite"):
        load_family("esrgan")


def test_damaged_weights_are_detected(monkeypatch, tmp_path):
    copy = tmp_path / "caesr-lite-x2"
    copy.mkdir()
    for file in zoo.fetch("caesr-lite-x2").iterdir():
        (copy / file.name).write_bytes(file.read_bytes()[:-1] + b"?")
    monkeypatch.setattr(catalogue, "CHECKPOINTS", tmp_path)
    with pytest.raises(zoo.ZooError, match="damaged"):
        zoo.fetch("caesr-lite-x2")


def test_the_command_line_lists_informs_and_verifies(capsys):
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in zoo.names())
    assert main(["info", "caesr-lite-x4"]) == 0
    assert json.loads(capsys.readouterr().out)["scale"] == 4
    assert main(["fetch", "nothing"]) == 2
    assert "caesr-lite-x4" in capsys.readouterr().err
    assert main(["verify"]) == 0


def test_importing_the_library_needs_neither_gradio_nor_the_hub_nor_libvips():
    code = "import sys, caesr; print({'gradio', 'huggingface_hub', 'pyvips'} & sys.modules.keys())"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert output.stdout.strip() == "set()"
