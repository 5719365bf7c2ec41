"""The peers are the papers' networks, everything is measured in one way, and where ours stand is computed."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import compact
import comparison
import networks
import peers
import quality
import speed

PEERS = {network.name: network for network in networks.PEERS}
PUBLISHED = {  # parameters at ×4, in thousands
    "FSRCNN": 12.8,  # the paper's 12,464 weights, and biases and PReLU
    "EDSR-baseline": 1518,
    "IMDN": 715,
    "RLFN": 544,
    "SPAN": 426,
    "SPAN-28": 151,
    "SAFMN": 240,
    "ECBSR-M16C64": 602,
    "SwinIR-light": 930,
    "ESRGAN (RRDB)": 16698,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_peer_has_the_published_number_of_parameters(name):
    own = getattr(PEERS[name].build, "__module__", "") == "peers"
    if not own and importlib.util.find_spec("spandrel") is None:
        pytest.skip("LEFT OUT: spandrel is not installed (make bench installs it).")
    parameters = sum(p.numel() for p in PEERS[name].model().parameters())
    assert parameters == pytest.approx(1e3 * PUBLISHED[name], rel=3e-3)


@pytest.mark.parametrize("name", ["FSRCNN", "EDSR-baseline", "IMDN", "RLFN"])
def test_a_peer_of_our_own_writing_enlarges_by_four(name):
    network = PEERS[name]
    with torch.inference_mode():
        assert network.model()(network.picture(33)).shape == (1, network.channels, 132, 132)


def test_fsrcnn_counts_as_its_paper_does():
    assert sum(p.numel() for p in peers.FSRCNN().parameters() if p.dim() > 1) == 12464


@pytest.mark.data
@pytest.mark.parametrize("name", compact.PEERS)
def test_a_released_peer_has_the_network_licence_and_source_of_its_file(name, data):
    file = data / "peers" / f"{name}.safetensors"
    with safe_open(file, "pt") as stored:
        facts = stored.metadata()
    peer, model = compact.PEERS[name], compact.load_peer(file)
    assert (peer.licence, peer.source) == (facts["licence"], facts["source"])
    assert f"Compact 64×{(len(model.body) - 3) // 2}" == peer.network
    flat = np.full((9, 7, 3), 128, np.uint8)
    assert compact.enlarger(model)(flat).shape == (36, 28, 3)
    assert not model.training


def test_a_missing_folder_of_peers_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist\. Put the peers' weights into"):
        compact.load_peer(tmp_path / "nowhere" / "peer.safetensors")


def test_figures_that_another_process_has_written_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(quality, "RESULTS", tmp_path / "quality.json")
    for name, group in (("a", "checkpoints"), ("b", "peers"), ("c", "checkpoints")):
        quality.save({group: {name: 1}})
    found = json.loads(quality.RESULTS.read_text())
    assert (found["checkpoints"], found["peers"]) == ({"a": 1, "c": 1}, {"b": 1})
    assert [file.name for file in tmp_path.iterdir()] == ["quality.json"]


def test_every_checkpoint_of_the_zoo_is_measured():
    assert {network.name for network in networks.ours()} == set(networks.zoo.names())
    assert len({network.name for network in networks.everything()}) == len(networks.everything())


def test_the_comparison_has_the_figures_of_the_catalogue():
    known = {network.name: speed.figures(network) for network in networks.everything()}
    for row in json.loads(speed.RESULTS.read_text())["networks"]:
        figures = {key: row[key] for key in ("psnr", "source")}
        assert figures == known[row["name"]], "run: python benchmarks/speed.py --figures"


def test_multiplications_are_counted_for_an_input_pixel():
    model, x = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 1, 2, 2)), torch.rand(1, 3, 16, 16)
    assert speed.kmac(model, x) == pytest.approx((3 * 8 * 9 + 8 * 1 * 4) / 1e3)


def test_slow_networks_have_fewer_turns(monkeypatch):
    assert {len(times) for times in speed.by_turns({"fast": lambda: None}).values()} == {speed.ROUNDS}
    monkeypatch.setattr(speed, "SECONDS", 0)
    assert {len(times) for times in speed.by_turns({"slow": lambda: None}).values()} == {speed.FEWEST}


on_linux = pytest.mark.skipif(not (speed.KERNEL / "clear_refs").exists(), reason="LEFT OUT: this is asked of Linux.")


@on_linux
def test_the_cores_that_others_use_are_counted():
    assert 0 <= speed.busy(0.2) <= (os.cpu_count() or 1)


@on_linux
def test_peak_memory_holds_at_least_the_output():
    output = 4 * PEERS["FSRCNN"].megapixels(speed.SIDES["cpu"])  # one channel of float32, in MB
    assert output < speed.alone("FSRCNN") < 50 * output


def row(name: str, kind: str, ms: float, psnr: float | None, scale: int = 4) -> dict:
    figures = {} if psnr is None else {"Set5": psnr}
    return {"name": name, "kind": kind, "scale": scale, "ms_per_mp": ms, "psnr": figures}


def test_where_ours_stand_is_computed():
    ours = [row("quick", "ours", 20, 31), row("good", "ours", 100, 32), row("double", "ours", 1, 38, scale=2)]
    peer, late, best, mute = (
        row("peer", "peer", 10, 31.5),
        row("late", "peer", 400, 31.9),
        row("best", "peer", 500, 33),
        row("mute", "peer", 1, None),
    )
    rows = [*ours, peer, late, best, mute]
    assert comparison.answer(peer, rows) == "`good`: 10.00 of its time"
    assert comparison.answer(late, rows) == "`good`: 0.25 of its time"
    assert comparison.answer(best, rows) == "none yet"
    assert comparison.answer(mute, rows) == ""
    assert comparison.better(ours[0], rows) == [peer]
    assert comparison.better(ours[1], rows) == []
    assert "Of the 3 peers with a published figure, ours reach 2 (peer, late)." in comparison.standing(
        {"networks": rows}
    )


def test_what_a_gpu_will_be_measured_with_runs(tmp_path):
    command = [
        sys.executable,
        "benchmarks/gpu.py",
        "caesr-lite-x4",
        "--device",
        "cpu",
        "--side",
        "40",
        "--out",
        tmp_path / "gpu.json",
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    found = json.loads((tmp_path / "gpu.json").read_text())["networks"]
    assert len(found) == 2
    assert all(row["tflops"] > 0 and row["ceiling_tflops"] > 0 for row in found)
