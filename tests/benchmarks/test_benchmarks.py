"""The peers are the papers' networks, everything is measured in one way, and where ours stand is computed."""

import json
import time

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

import zoo
from benchmarks import costs, networks, released, results
from benchmarks.architectures import FSRCNN
from benchmarks.measure import engine, quality, speed
from benchmarks.pictures import tiled_photograph
from benchmarks.tables import speed as speed_tables
from benchmarks.tables.markdown import current_command
from benchmarks.upscaling import network_upscale

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
OUR_WRITING = ["FSRCNN", "EDSR-baseline", "IMDN", "RLFN", "ECBSR-M16C64", "Compact 64×16"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_peer_has_the_published_number_of_parameters(name):
    try:
        model = PEERS[name].model()
    except SystemExit as error:
        assert name not in OUR_WRITING
        pytest.skip(f"LEFT OUT: {error}")
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(1e3 * PUBLISHED[name], rel=3e-3)


@pytest.mark.parametrize("name", OUR_WRITING)
def test_a_peer_of_our_own_writing_upscales_by_four(name):
    network = PEERS[name]
    with torch.inference_mode():
        assert network.model()(network.picture(33)).shape == (1, network.channels, 132, 132)


def test_fsrcnn_counts_as_its_paper_does():
    assert sum(p.numel() for p in FSRCNN().parameters() if p.dim() > 1) == 12464


@pytest.mark.data
@pytest.mark.parametrize("name", released.RELEASED)
def test_a_released_peer_has_the_network_licence_and_source_of_its_file(name, data):
    file = data / "peers" / f"{name}.safetensors"
    with safe_open(file, "pt") as stored:
        metadata = stored.metadata()
    peer, model = released.RELEASED[name], released.load_peer(file)
    assert (peer.licence, peer.source) == (metadata["licence"], metadata["source"])
    assert f"Compact 64×{(len(model.body) - 3) // 2}" == peer.network
    flat = np.full((9, 7, 3), 128, np.uint8)
    assert network_upscale(model)(flat).shape == (36, 28, 3)
    assert not model.training


def test_a_missing_folder_of_peers_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist\. Put the peers' weights into"):
        released.load_peer(tmp_path / "nowhere" / "peer.safetensors")


def test_figures_that_another_process_has_written_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    for name, group in (("a", "checkpoints"), ("b", "peers"), ("c", "checkpoints")):
        quality.save({group: {name: 1}})
    found = results.read("quality")
    assert (found["checkpoints"], found["peers"]) == ({"a": 1, "c": 1}, {"b": 1})
    assert [file.name for file in tmp_path.iterdir()] == ["quality.json"]


def test_a_result_that_cannot_be_written_leaves_the_old_one(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    results.write("x", {"a": 1})
    with pytest.raises(TypeError):
        results.write("x", {"a": object()})
    with pytest.raises(TypeError), results.update("x") as content:
        content["a"] = object()
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}


def test_commands_recorded_before_benchmarks_was_a_package_are_those_of_today():
    old = {
        "python benchmarks/quality.py": "quality",
        "python benchmarks/engine.py --parts speed": "engine",
        "python benchmarks/engine.py --parts memory": "memory",
        "python -m benchmarks.load --minutes 5": "load --minutes 5",
        "python -m benchmarks.measure.load --minutes 5": "load --minutes 5",
    }
    for recorded, today in old.items():
        assert current_command(recorded) == f"python -m benchmarks.measure.{today}"
    assert current_command("python tests/fuzz.py --seed 1") == "python tests/fuzz.py --seed 1"


def test_every_checkpoint_of_the_zoo_is_measured():
    assert {network.name for network in networks.our_networks()} == set(zoo.names())
    assert len({network.name for network in networks.all_networks()}) == len(networks.all_networks())


def test_the_comparison_has_the_figures_of_the_catalogue():
    known = {network.name: speed.figures(network) for network in networks.all_networks()}
    for row in results.read("speed")["networks"]:
        figures = {key: row[key] for key in ("psnr", "source")}
        assert figures == known[row["name"]], "run: python -m benchmarks.measure.speed --figures"


def test_multiplications_are_counted_for_an_input_pixel():
    model, x = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ConvTranspose2d(8, 1, 2, 2)), torch.rand(1, 3, 16, 16)
    assert costs.kmac(model, x) == pytest.approx((3 * 8 * 9 + 8 * 1 * 4) / 1e3)


def test_calls_take_turns_after_a_warm_up():
    seen: list[str] = []
    times = costs.time_in_turns({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, rounds=2)
    assert seen == ["a", "b"] * 3
    assert [len(spent) for spent in times.values()] == [2, 2]


def test_slow_calls_have_fewer_rounds():
    calls = {"fast": lambda: None, "slow": lambda: time.sleep(0.01)}
    rounds = {name: len(spent) for name, spent in costs.time_in_turns(calls, seconds=0.01).items()}
    assert rounds == {"fast": costs.ROUNDS, "slow": costs.MIN_ROUNDS}


on_linux = pytest.mark.skipif(not (costs.KERNEL / "clear_refs").exists(), reason="LEFT OUT: Linux only.")


@on_linux
def test_the_cores_that_others_use_are_counted():
    assert results.busy(0.2) >= 0


@on_linux
def test_peak_memory_holds_at_least_the_output():
    output = 4 * PEERS["FSRCNN"].megapixels(speed.SIDES["cpu"])  # one channel of float32, in MB
    assert output < speed.peak_mb_alone("FSRCNN") < 50 * output


def row(name: str, kind: str, ms: float, psnr: float | None, scale: int = 4) -> dict:
    figures = {} if psnr is None else {"Set5": psnr}
    return {"name": name, "kind": kind, "scale": scale, "ms_per_mp": ms, "psnr": figures}


def test_where_ours_stand_is_computed():
    ours = [row("quick", "ours", 20, 31), row("good", "ours", 100, 32), row("double", "ours", 1, 38, scale=2)]
    peer, late = row("peer", "peer", 10, 31.5), row("late", "peer", 400, 31.9)
    best, unpublished = row("best", "peer", 500, 33), row("unpublished", "peer", 1, None)
    rows = [*ours, peer, late, best, unpublished]
    assert speed_tables.answer(peer, rows) == "`good`: 10.00 of its time"
    assert speed_tables.answer(late, rows) == "`good`: 0.25 of its time"
    assert speed_tables.answer(best, rows) == "none yet"
    assert speed_tables.answer(unpublished, rows) == ""
    assert speed_tables.better(ours[0], rows) == [peer]
    assert speed_tables.better(ours[1], rows) == []
    assert "Of the 3 peers with a published figure, ours reach 2 (peer, late)." in speed_tables.summary(rows)


@pytest.mark.parametrize("precision", engine.PRECISIONS["cpu"])
def test_the_engine_is_measured_beside_a_matrix_product(precision, monkeypatch):
    monkeypatch.setitem(engine.PRODUCTS, "cpu", 256)
    found = engine.measure("caesr-lite-x4", precision, "cpu", tiled_photograph(40, 40))
    assert found["gflops"] > 0
    assert found["ceiling_gflops"] > 0


def test_a_network_without_a_checkpoint_is_built_from_its_recipe():
    assert engine.network("caesr-large-x4").config.scale == 4
