"""Training: pairs that fit together, optimizers that do what they say, runs that stop and go on."""

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

from caesr import CAEResNet
from caesr.imaging.resize import resize
from caesr.training import start
from caesr.training.losses import LOSSES
from caesr.training.optimiser import make_optimiser, orthogonalise
from caesr.training.parcels import pack
from caesr.training.pictures import DegradedPictures, Pictures, find, hold_out
from caesr.training.recipe import read_recipe
from caesr.training.train import CoolDown, Run, Span, TrainingError, train
from tests.conftest import ROOT, small
from zoo import history
from zoo.checkpoint_files import read_facts

CPU = torch.device("cpu")
FEATURES = Path(os.environ.get("CAESR_DATA", ROOT / "../shared/data")).resolve() / "features"
RECIPE = """
data = ["train/photos"]
batch = 4
patch = 16
warmup = 2
loss = {charbonnier = 1.0, fft = 0.05}
cool_down_loss = "psnr"
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
        pictures = Pictures.read(photos[:4], scale, 16, CPU)
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
    lr, _ = Pictures.read([tmp_path / "0.png"], 1, 32, CPU).sample(200, torch.Generator().manual_seed(0))
    assert len({crop.numpy().tobytes() for crop in lr}) == 8


def test_crops_reach_every_corner_and_stay_inside(photos):
    pictures = Pictures.read(photos[:1], 1, 79, CPU)
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
        Pictures.read(photos, 4, 100, CPU)


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


def state(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_a_recipe_trains_into_a_checkpoint_that_beats_its_start(photos, recipe, tmp_path, capsys):
    out = train(read_recipe(recipe), tmp_path / "out", CPU, length=Span(steps=160), cool_down=Span(steps=40))
    assert out == tmp_path / "out/cooled"
    net = CAEResNet.from_pretrained(out)
    untrained = CAEResNet(**vars(net.config))
    start.identity(untrained)
    lr, hr = Pictures.read(photos, 2, 24, CPU).sample(64, torch.Generator().manual_seed(5))
    with torch.inference_mode():
        assert (net(lr) - hr).square().mean() < 0.98 * (untrained(lr) - hr).square().mean()
    assert history.steps(read_facts(out)) == 200
    assert (out / "log.csv").read_text().startswith("step,seconds,loss,psnr_y")
    assert "step 200" in capsys.readouterr().out


def test_the_rates_are_a_trapezoid(photos, recipe):
    run = Run(read_recipe(recipe), CPU)
    rates = []
    for step in range(12):
        if step == 6:
            run.cool_down = CoolDown(run.step, run.seconds, Span(steps=4))
        rates.append(run.rate)
        run.advance()
    assert rates == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]


def test_a_cool_down_leaves_the_constant_rate_weights_to_go_on_from(photos, recipe, tmp_path):
    settings, out = read_recipe(recipe), tmp_path / "out"
    train(settings, out, CPU, length=Span(steps=6))
    before = state(out)
    cooled = train(settings, out, CPU, resume=True, cool_down=Span(steps=4))
    assert all(torch.equal(before[name], t) for name, t in state(out).items())
    assert any(not torch.equal(before[name], t) for name, t in state(cooled).items())
    train(settings, out, CPU, resume=True, length=Span(steps=5))
    straight = train(settings, tmp_path / "straight", CPU, length=Span(steps=11))
    assert all(torch.allclose(state(straight)[name], t, atol=1e-6) for name, t in state(out).items())
    assert history.steps(read_facts(out)) == 11
    assert history.steps(read_facts(cooled)) == 10


def test_a_checkpoint_is_continued_with_its_optimizer_where_it_is_there_and_a_warm_up_where_not(
    photos, recipe, tmp_path
):
    settings = read_recipe(recipe)
    first = train(settings, tmp_path / "first", CPU, length=Span(steps=8))
    straight = train(settings, tmp_path / "straight", CPU, length=Span(steps=14))
    second = train(settings, tmp_path / "second", CPU, source=first, length=Span(steps=6))
    assert all(torch.allclose(state(straight)[name], t, atol=1e-6) for name, t in state(second).items())
    (first / "resume.safetensors").unlink()  # as in the zoo
    assert Run(settings, CPU, source=first).rate == 0.5
    third = train(settings, tmp_path / "third", CPU, source=first, length=Span(steps=6))
    assert any(not torch.equal(state(second)[name], t) for name, t in state(third).items())
    for folder in (second, third):
        (stage,) = history.stages(read_facts(folder))
        assert (stage.steps, stage.pixels) == (14, 14 * 4 * 16 * 16)


def test_a_later_stage_of_a_checkpoint_adds_to_its_history_and_another_checkpoint_does_not(photos, recipe, tmp_path):
    train(read_recipe(recipe), tmp_path / "stages/first", CPU, length=Span(steps=3))
    for name, stages in (("tiny-x2", [3, 2]), ("other-x2", [2])):
        text = f'start = "stages/first"\nname = "{name}"\n' + RECIPE.replace("charbonnier = 1.0", "l1 = 1.0")
        (tmp_path / "second-x2.toml").write_text(text)
        out = train(read_recipe(tmp_path / "second-x2.toml"), tmp_path / name, CPU, length=Span(steps=2))
        facts = read_facts(out)
        assert [stage.steps for stage in history.stages(facts)] == stages
        assert facts["base_model"] == ("tiny-x2" if name == "other-x2" else "")


def test_an_average_lies_between_its_checkpoints_and_keeps_the_history_of_the_later(photos, recipe, tmp_path):
    settings = read_recipe(recipe)
    first = train(settings, tmp_path / "first", CPU, length=Span(steps=3))
    later = train(settings, tmp_path / "later", CPU, source=first, length=Span(steps=2))
    command = [sys.executable, "-m", "caesr.training.average", str(first), str(later), "--out", str(tmp_path / "mean")]
    subprocess.run(command, check=True, cwd=ROOT)
    one, other, mean = (state(tmp_path / name) for name in ("first", "later", "mean"))
    assert all(torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-7) for name in mean)
    assert history.steps(read_facts(tmp_path / "mean")) == 5
    missing = subprocess.run([*command[:-1], str(tmp_path / "x"), "--share", "2"], capture_output=True, text=True)
    assert missing.returncode == 2
    assert "Traceback" not in missing.stderr


def test_headers_of_older_checkpoints_are_read_as_stages():
    facts = {"batch": 8, "patch": 64, "device": "one CPU thread", "steps": 5, "seconds": 7, "name": "a"}
    facts["before"] = {**facts, "batch": 16}
    assert [(stage.batch, stage.steps) for stage in history.stages(facts)] == [(16, 5), (8, 5)]
    assert history.steps({}) == 0


def test_another_network_is_not_continued(photos, recipe, tmp_path):
    first = train(read_recipe(recipe), tmp_path / "first", CPU, length=Span(steps=2))
    recipe.write_text(RECIPE.replace("[8, 16]", "[8, 24]"))
    with pytest.raises(TrainingError, match="another network"):
        train(read_recipe(recipe), tmp_path / "other", CPU, source=first, length=Span(steps=2))
    assert not list((tmp_path / "other").iterdir())


TEXTURE = "loss = {even = 1.0, perceptual = 1.0, adversarial = 0.5}\nbalance = true\ndegrade = 'photo'\nwindow = 32"


@pytest.mark.parametrize(
    "losses",
    [
        "loss = {charbonnier = 1.0, fft = 0.05}",
        pytest.param(TEXTURE, marks=pytest.mark.data),
    ],
    ids=["fidelity", "texture"],
)
@pytest.mark.parametrize("interrupt", [7, 15], ids=["at constant rates", "in the cool-down"])
def test_stopping_and_resuming_gives_the_same_weights_as_going_straight_through(
    photos, recipe, tmp_path, monkeypatch, losses, interrupt
):
    if losses is TEXTURE:
        if not FEATURES.is_dir():
            pytest.skip("LEFT OUT: no features here; CAESR_DATA names the folder that holds them.")
        (tmp_path / "data/features").symlink_to(FEATURES)
    recipe.write_text(RECIPE.replace("loss = {charbonnier = 1.0, fft = 0.05}", losses))
    settings, spans = read_recipe(recipe), {"length": Span(steps=12), "cool_down": Span(steps=6)}
    straight = train(settings, tmp_path / "straight", CPU, **spans)
    advance, calls = Run.advance, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == interrupt:
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
        return advance(self)

    monkeypatch.setattr(Run, "advance", interrupted)
    train(settings, tmp_path / "stopped", CPU, **spans)
    assert len(calls) == interrupt
    if interrupt < 12:
        spans["length"] = Span(steps=12 - interrupt)
    else:
        del spans["length"]
    stopped = train(settings, tmp_path / "stopped", CPU, resume=True, **spans)
    assert len(calls) == 18
    for name, tensor in state(straight).items():
        assert torch.allclose(state(stopped)[name], tensor, atol=1e-6), name


def test_another_recipe_is_not_resumed(photos, recipe, tmp_path):
    out = train(read_recipe(recipe), tmp_path / "out", CPU, length=Span(steps=2))
    recipe.write_text(RECIPE.replace("batch = 4", "batch = 5"))
    with pytest.raises(TrainingError, match="another recipe"):
        train(read_recipe(recipe), out, CPU, resume=True, length=Span(steps=2))
    with pytest.raises(TrainingError, match="nothing to resume"):
        train(read_recipe(recipe), tmp_path / "new", CPU, resume=True)
    with pytest.raises(TrainingError, match="not both"):
        train(read_recipe(recipe), out, CPU, resume=True, source=out)


def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_last_good_state(photos, recipe, tmp_path, monkeypatch):
    settings, out = read_recipe(recipe), tmp_path / "out"
    train(settings, out, CPU, length=Span(steps=3))
    before = (out / "resume.safetensors").read_bytes()
    advance = Run.advance
    monkeypatch.setattr(Run, "advance", lambda self: advance(self) * float("nan"))
    with pytest.raises(TrainingError, match=r"nan at step 4\b.*lower rates"):
        train(settings, out, CPU, resume=True, length=Span(steps=3))
    assert (out / "resume.safetensors").read_bytes() == before


def test_degraded_crops_depend_on_seed_and_step_alone(photos):
    pictures = Pictures.read(photos[:4], 2, 16, CPU)
    pairs = [DegradedPictures(pictures, 4, seed) for seed in (1, 1, 2)]
    for _ in range(3):
        pairs[0].sample(70)  # the second has not come this way
    (lr, hr), (same, _), (other, _) = (p.sample(130) for p in pairs)
    assert torch.equal(lr, same)
    assert not torch.equal(lr, other)
    assert (lr.shape, hr.shape) == ((4, 3, 16, 16), (4, 3, 32, 32))
    assert not torch.equal(pairs[0].sample(131)[0], lr)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("batch = 4", "bach = 4", "bach"),
        ("fft", "gan", "gan"),
        ("scale = 2", "scale = 7", "scale"),
        ('"psnr"', '"perceptual"', "a loss on pixels"),
        ("batch = 4", "features = 'resnet'", "neither squeezenet nor vgg16"),
        ("batch = 4", "degrade = 'rain'", "neither bicubic nor photo"),
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
        assert recipe.name.endswith(f"-x{recipe.model.scale}")
        assert file.stem.startswith(recipe.name)


def run_train(recipe: Path, out: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "caesr", "train", str(recipe), "--out", str(out), "--device", "cpu", *more]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment)


def test_training_by_the_clock_on_the_command_line_ends_by_itself(photos, recipe, tmp_path):
    done = run_train(recipe, tmp_path / "out", "--minutes", "0.03", "--cool-down", "0.02")
    assert done.returncode == 0, done.stderr
    assert "rate 0.00" in done.stdout
    again = run_train(recipe, tmp_path / "again", "--continue", str(tmp_path / "out/cooled"), "--minutes", "0.02")
    assert again.returncode == 0, again.stderr
    steps = [history.steps(read_facts(tmp_path / name)) for name in ("out/cooled", "again")]
    assert 0 < steps[0] < steps[1]


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

    def window(minutes: str, cool_down: str) -> str:
        command = ["sh", ROOT / "zoo/recipes/window.sh", "tiny-x2", minutes, cool_down]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    window("0.03", "0")
    assert not list((tmp_path / "parcels").iterdir())
    home = tmp_path / "home/tiny-x2"
    steps = history.steps(read_facts(home))
    shutil.rmtree(tmp_path / "runs")  # the machine is gone; what went home comes back
    assert "rate 0.00" in window("0.03", "0.02")
    assert history.steps(read_facts(home)) > steps
    logged = [int(line.split(",")[0]) for line in (home / "log.csv").read_text().splitlines()[1:]]
    assert logged == sorted(set(logged))
    assert logged[0] <= steps < logged[-1]
    assert (home / "cool-down.csv").exists()
