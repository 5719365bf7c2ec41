"""Training: pairs that fit together, optimizers that do what they say, runs that stop and go on."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from caesr import CAEResNet, checkpoint
from caesr.resize import resize
from caesr.training import start
from caesr.training.losses import LOSSES
from caesr.training.optimiser import make_optimiser, orthogonalise
from caesr.training.parcels import pack
from caesr.training.pictures import Pictures, find, hold_out
from caesr.training.recipe import read_recipe
from caesr.training.train import TrainingError, train
from tests.conftest import ROOT, small

CPU = torch.device("cpu")
RECIPE = """
data = ["train/photos"]
steps = 24
batch = 4
patch = 16
warmup = 2
finish = 0.2
loss = {charbonnier = 1.0, fft = 0.05}
[model]
scale = 2
widths = [8, 16]
skips = "fuse"
global_residual = true
"""


@pytest.fixture
def photos(tmp_path, monkeypatch) -> list[Path]:
    """A folder of training tiles, as the examples' four photographs and one to validate with."""
    folder = tmp_path / "data/train/photos"
    folder.mkdir(parents=True)
    for n, example in enumerate(sorted((ROOT / "examples").glob("*.png")) * 13):
        Image.open(example).convert("RGB").crop((0, 0, 96, 80)).save(folder / f"{n:04}_0_0.png")
    monkeypatch.setenv("CAESR_DATA", str(tmp_path / "data"))
    return find([folder])


@pytest.fixture
def recipe(tmp_path) -> Path:
    (tmp_path / "tiny-x2.toml").write_text(RECIPE)
    return tmp_path / "tiny-x2.toml"


def test_a_low_res_crop_is_the_reduction_of_the_high_res_one_beside_it(photos):
    for scale in (2, 3, 4):
        pictures = Pictures(photos[:4], scale, 16, CPU)
        lr, hr = pictures.sample(32, torch.Generator().manual_seed(scale))
        assert lr.shape == (32, 3, 16, 16)
        assert hr.shape == (32, 3, 16 * scale, 16 * scale)
        again = resize(hr.double(), 1 / scale)
        inner = (..., slice(3, -3), slice(3, -3))  # at a crop's border the reduction knows too little
        assert (again - lr)[inner].abs().mean() < 0.5 / 255  # bytes are rounded, and clipped at white
        assert (again[..., 1:] - lr[..., :-1])[..., 3:-3, 3:-3].abs().mean() > 2 / 255  # one pixel off would show


def test_all_eight_symmetries_of_a_crop_occur(tmp_path):
    image = np.zeros((32, 32, 3), np.uint8)
    image[:16, :8] = 255
    image[:8, 8:16] = 120
    Image.fromarray(image).save(tmp_path / "0.png")
    lr, _ = Pictures([tmp_path / "0.png"], 1, 32, CPU).sample(200, torch.Generator().manual_seed(0))
    assert len({crop.numpy().tobytes() for crop in lr}) == 8


def test_crops_reach_every_corner_and_stay_inside(photos):
    pictures = Pictures(photos[:1], 1, 79, CPU)
    lr, _ = pictures.sample(300, torch.Generator().manual_seed(0))
    whole = np.array(Image.open(photos[0]).convert("RGB"))
    corners = {tuple(whole[y, x]) for y in (0, 79) for x in (0, 95)}
    seen = {
        tuple(c)
        for c in lr[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
        .permute(0, 2, 1)
        .mul(255)
        .round()
        .byte()
        .reshape(-1, 3)
        .tolist()
    }
    assert corners <= seen


def test_no_photograph_is_both_trained_on_and_validated_with():
    files = [Path(f"{photo:04}_{tile}_0.webp") for photo in range(120) for tile in range(3)]
    train_files, held_out = hold_out(files)
    assert {f.stem[:4] for f in train_files}.isdisjoint({f.stem[:4] for f in held_out})
    assert len(held_out) == 6
    assert len(train_files) + len(held_out) == 360


def test_pictures_smaller_than_a_patch_are_said(photos):
    with pytest.raises(ValueError, match="400x400 or larger"):
        Pictures(photos, 4, 100, CPU)


def test_orthogonalising_makes_all_singular_values_alike():
    matrices = torch.randn(3, 20, 50, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.3
    tall = torch.linalg.svdvals(orthogonalise(matrices.mT))
    assert tall.min() > 0.5


def test_muon_takes_the_hidden_convolutions_and_adam_the_rest():
    net = small(2)
    rest, hidden = make_optimiser(net, 0.01, 0.001).param_groups
    assert all(p.ndim == 4 for p in hidden["params"])
    ends = [net.encoder[0].weight, net.decoder[-1].weight]
    assert all(any(p is end for p in rest["params"]) for end in ends)
    assert len(rest["params"]) + len(hidden["params"]) == len(list(net.parameters()))


def test_adamw_agrees_with_torchs_own():
    torch.manual_seed(0)
    ours, theirs = small(2), small(2)
    mine = make_optimiser(ours, 0, 1e-3)
    mine.param_groups[0]["lr"] = 1e-3
    reference = torch.optim.Adam(theirs.parameters(), lr=1e-3, betas=(0.9, 0.99))
    x = torch.rand(1, 3, 12, 12)
    for _ in range(3):
        for net, optimiser in ((ours, mine), (theirs, reference)):
            optimiser.zero_grad()
            net(x).square().mean().backward()
            optimiser.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_zero_for_equal_pictures_and_its_gradient_flows(name):
    x = torch.rand(2, 3, 16, 16, requires_grad=True)
    assert LOSSES[name](x, x.detach()).item() == pytest.approx(0, abs=1e-6)
    LOSSES[name](x, torch.rand(2, 3, 16, 16)).backward()
    assert x.grad.abs().sum() > 0


def test_losses_have_the_values_of_their_formulas():
    a, b = torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 8, 8), 0.7)
    assert LOSSES["l1"](a, b).item() == pytest.approx(0.2)
    assert LOSSES["mse"](a, b).item() == pytest.approx(0.04)
    halves = torch.cat((a, a)), torch.cat((a, b))  # of two pictures each counts by itself
    assert LOSSES["psnr"](*halves).item() == pytest.approx(math.log(0.04 * 12 * 255**2 + 1) / 2, rel=1e-5)
    assert LOSSES["charbonnier"](a, b).item() == pytest.approx((0.04 + 1e-6) ** 0.5 - 1e-3)
    # a constant has one coefficient, 0.2·8, among 8·5 complex numbers
    assert LOSSES["fft"](a, b).item() == pytest.approx(1.6 / 80, abs=1e-6)


@pytest.mark.parametrize("config", [{}, {"scale": 3, "upsampling": "pre"}, {"scale": 2, "global_residual": True}])
def test_an_identity_start_gives_back_the_bicubic_enlargement(config):
    net = CAEResNet(**config)
    start.identity(net)
    x = torch.rand(1, 3, 17, 22)
    expected = net.bicubic(x).clamp(min=0) if net.config.scale > 1 else x
    if config.get("upsampling") == "pre":  # through the ReLUs of the article, what is below black is lost
        assert torch.allclose(net(x).clamp(min=0), expected, atol=1e-5)
    else:
        assert torch.allclose(net(x), net.bicubic(x) if net.config.scale > 1 else x, atol=1e-5)


def test_a_warm_start_takes_every_tensor_but_the_head():
    source, target = small(2), CAEResNet(**{**vars(small(4).config)})
    new = start.warm(target, source)
    assert new == ["decoder.3.bias", "decoder.3.weight"]
    assert torch.equal(target.encoder[0].weight, source.encoder[0].weight)


def test_a_recipe_trains_into_a_checkpoint_that_beats_its_start(photos, recipe, tmp_path, capsys):
    recipe.write_text(RECIPE.replace("steps = 24", "steps = 200"))
    out = train(read_recipe(recipe), tmp_path / "out", CPU)
    net = checkpoint.load(out)
    untrained = CAEResNet(**vars(net.config))
    start.identity(untrained)
    lr, hr = Pictures(photos, 2, 24, CPU).sample(64, torch.Generator().manual_seed(5))
    with torch.inference_mode():
        assert (net(lr) - hr).square().mean() < 0.98 * (untrained(lr) - hr).square().mean()
    assert checkpoint.read_facts(out)["steps"] == 200
    assert (out / "log.csv").read_text().startswith("step,seconds,loss,psnr_y")
    assert "100 %" in capsys.readouterr().out


def test_a_finished_checkpoint_is_trained_again_from_its_weights_on_and_says_so(photos, recipe, tmp_path):
    first = train(read_recipe(recipe), tmp_path / "first", CPU)
    text = recipe.read_text().replace("[model]", "[again]\nsteps = 8\nmuon_rate = 0.0\nadam_rate = 0.0\n[model]")
    recipe.write_text(text)
    assert read_recipe(recipe).steps == 24
    once_more = read_recipe(recipe, again=True)
    again = train(once_more, tmp_path / "again", CPU, again=first)
    one, other = (checkpoint.load(folder).state_dict() for folder in (first, again))
    assert all(torch.equal(weights, other[name]) for name, weights in one.items())  # its rates are zero
    facts = [checkpoint.read_facts(folder) for folder in (first, again)]
    assert [each["steps"] for each in facts] == [24, 8]
    assert facts[1]["before"] == facts[0]
    train(once_more, again, CPU, resume=True)
    assert checkpoint.read_facts(again)["before"] == facts[0]
    recipe.write_text(text.replace("[8, 16]", "[8, 24]"))
    with pytest.raises(TrainingError, match="another network"):
        train(read_recipe(recipe, again=True), tmp_path / "other", CPU, again=first)


TEXTURE = "loss = {l1 = 1.0, ldl = 0.1, adversarial = 0.5}\nbalance = true\ndegrade = 'photo'\npixel_first = 0.2"


@pytest.mark.parametrize("losses", ["loss = {charbonnier = 1.0, fft = 0.05}", TEXTURE], ids=["fidelity", "texture"])
def test_stopping_and_resuming_gives_the_same_weights_as_going_straight_through(
    photos, recipe, tmp_path, monkeypatch, losses
):
    recipe.write_text(RECIPE.replace("loss = {charbonnier = 1.0, fft = 0.05}", losses))
    straight = train(read_recipe(recipe), tmp_path / "straight", CPU)
    from caesr.training.train import Run

    advance, calls = Run.advance, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 11:
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
        return advance(self)

    monkeypatch.setattr(Run, "advance", interrupted)
    stopped = train(read_recipe(recipe), tmp_path / "stopped", CPU)
    assert checkpoint.read_facts(stopped)["steps"] == 11
    train(read_recipe(recipe), tmp_path / "stopped", CPU, resume=True)
    ours, theirs = checkpoint.load(stopped).state_dict(), checkpoint.load(straight).state_dict()
    for name, tensor in theirs.items():
        assert torch.allclose(ours[name], tensor, atol=1e-6), name


def test_before_pixel_first_is_over_the_first_loss_alone_counts(photos, recipe, tmp_path):
    weights = []
    for n, losses in enumerate(("{l1 = 1.0}", "{l1 = 1.0, adversarial = 0.5}\npixel_first = 0.8", "{mse = 1.0}")):
        recipe.write_text(RECIPE.replace("{charbonnier = 1.0, fft = 0.05}", losses))
        weights.append(checkpoint.load(train(read_recipe(recipe), tmp_path / str(n), CPU)).encoder[0].weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_another_recipe_is_not_resumed(photos, recipe, tmp_path):
    out = train(read_recipe(recipe), tmp_path / "out", CPU)
    recipe.write_text(RECIPE.replace("batch = 4", "batch = 5"))
    with pytest.raises(TrainingError, match="another recipe"):
        train(read_recipe(recipe), out, CPU, resume=True)
    with pytest.raises(TrainingError, match="nothing to resume"):
        train(read_recipe(recipe), tmp_path / "new", CPU, resume=True)


def test_a_run_older_than_a_field_of_the_recipe_goes_on(photos, recipe, tmp_path):
    out = train(read_recipe(recipe), tmp_path / "out", CPU)
    file = out / "resume.safetensors"
    metadata = checkpoint.read_header(file)["__metadata__"]
    before = json.loads(metadata["recipe"])
    del before["pixel_first"]
    checkpoint.save_tensors(file, load_file(file), metadata | {"recipe": json.dumps(before)})
    recipe.write_text(RECIPE.replace("steps = 24", "steps = 30"))
    assert checkpoint.read_facts(train(read_recipe(recipe), out, CPU, resume=True))["steps"] == 30
    recipe.write_text("pixel_first = 0.1\n" + RECIPE)
    with pytest.raises(TrainingError, match="another recipe"):
        train(read_recipe(recipe), out, CPU, resume=True)
    before["pixel_first"] = 0.1
    checkpoint.save_tensors(file, load_file(file), metadata | {"recipe": json.dumps(before)})
    assert train(read_recipe(recipe), out, CPU, resume=True)


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_last_good_state(photos, recipe, tmp_path, monkeypatch):
    from caesr.training.train import Run

    advance = Run.advance
    monkeypatch.setattr(Run, "advance", lambda self: advance(self) * float("nan"))
    with pytest.raises(TrainingError, match=r"nan at step 1\b.*lower rates"):
        train(read_recipe(recipe), tmp_path / "out", CPU)
    assert not (tmp_path / "out/model.safetensors").exists()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("steps = 24", "", "either minutes or steps"),
        ("batch = 4", "bach = 4", "bach"),
        ("fft", "gan", "gan"),
        ("scale = 2", "scale = 7", "scale"),
        ("finish = 0.2\nloss = {charbonnier", "pixel_first = 0.2\nloss = {adversarial", "pixels as the first"),
        ("data =", "data", "TOML|Expected|recipe"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_reason(recipe, old, new, why):
    recipe.write_text(RECIPE.replace(old, new))
    with pytest.raises(ValueError, match=why):
        read_recipe(recipe)


def test_a_recipe_may_want_other_batches_on_a_gpu(recipe):
    recipe.write_text(RECIPE.replace("[model]", "[on_cuda]\nbatch = 64\n[model]"))
    assert read_recipe(recipe).batch == 4
    assert read_recipe(recipe, device="cuda").batch == 64


def test_every_recipe_of_the_zoo_is_sound_and_bears_its_checkpoints_name():
    recipes = sorted((ROOT / "zoo/recipes").glob("*.toml"))
    assert recipes
    for file in recipes:
        recipe = read_recipe(file)
        read_recipe(file, device="cuda")
        assert file.stem.endswith(f"-x{recipe.model.scale}")


def run_train(recipe: Path, out: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "caesr", "train", str(recipe), "--out", str(out), "--device", "cpu", *more]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment)


def test_training_by_the_clock_on_the_command_line_ends_by_itself(photos, recipe, tmp_path):
    done = run_train(recipe, tmp_path / "out", "--minutes", "0.03")
    assert done.returncode == 0, done.stderr
    assert "100 % of the recipe" in done.stdout
    assert (tmp_path / "out/model.safetensors").exists()


def test_without_training_pictures_the_command_says_where_they_are_looked_for(recipe, tmp_path):
    done = run_train(recipe, tmp_path / "out", CAESR_DATA=str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "CAESR_DATA" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_goes_home_in_pieces_and_goes_on_in_the_next_window(photos, tmp_path, monkeypatch):
    pack(tmp_path / "data", ["train/photos"], tmp_path / "parcels", 1 << 24)
    (tmp_path / "zoo/recipes").mkdir(parents=True)
    (tmp_path / "zoo/recipes/tiny-x2.toml").write_text(RECIPE)
    environment = {"PYTHONPATH": str(ROOT), "PYTHON": sys.executable, "DEVICE": "cpu", "CAESR_DATA": "there"}

    def window(minutes: str) -> str:
        command = ["sh", ROOT / "zoo/recipes/window.sh", "tiny-x2", "0.12", minutes]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "100 % of the recipe" not in window("0.03")
    assert not list((tmp_path / "parcels").iterdir())
    home = tmp_path / "home/tiny-x2"
    steps = checkpoint.read_facts(home)["steps"]
    shutil.rmtree(tmp_path / "runs")  # the machine is gone; what went home comes back
    assert "100 % of the recipe" in window("5")
    assert checkpoint.read_facts(home)["steps"] > steps
    logged = [int(line.split(",")[0]) for line in (home / "log.csv").read_text().splitlines()[1:]]
    assert logged == sorted(set(logged))
    assert logged[0] <= steps < logged[-1]
