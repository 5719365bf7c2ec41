"""Training runs: rates, cool-down, stopping, resuming and continuing, and the history in the checkpoint."""

import json
import os
import signal
from csv import DictReader
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from caesr import CAEResNet
from caesr.training.initial_weights import initialise_as_identity
from caesr.training.pictures import Pictures
from caesr.training.recipe import read_recipe
from caesr.training.run import Run, TrainingError
from caesr.training.schedule import Phase, Span
from caesr.training.train import train
from tests.conftest import ROOT
from tests.training.conftest import RECIPE
from zoo import history
from zoo.checkpoint_files import read_facts

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
FEATURES = Path(os.environ.get("CAESR_DATA", ROOT / "../shared/data")).resolve() / "features"
FIDELITY = "loss = {charbonnier = 1.0, fft = 0.05}"
TEXTURE = "loss = {even = 1.0, perceptual = 1.0, adversarial = 0.5}\nbalance = true\ndegrade = 'photo'\nwindow = 32"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def are_close(folder: Path, other: Path) -> bool:
    ours, theirs = weights(folder), weights(other)
    return all(torch.allclose(tensor, theirs[name], atol=1e-6) for name, tensor in ours.items())


def count_steps(folder: Path) -> int:
    return history.count_steps(read_facts(folder))


@pytest.mark.slow
def test_a_recipe_trains_into_a_checkpoint_that_beats_its_start(photos, recipe, tmp_path, capsys):
    out = train(read_recipe(recipe), tmp_path / "out", CPU, length=Span(steps=160), cool_down=Span(steps=40))
    assert out == tmp_path / "out/cooled"
    net = CAEResNet.from_pretrained(out)
    untrained = CAEResNet(**vars(net.config))
    initialise_as_identity(untrained)
    low_res, high_res = Pictures.read(photos, 2, 24, CPU).sample(64, torch.Generator().manual_seed(5))
    with torch.inference_mode():
        error, untrained_error = ((model(low_res) - high_res).square().mean() for model in (net, untrained))
    assert error < 0.98 * untrained_error
    assert count_steps(out) == 200
    assert (out / "log.csv").read_text().startswith("step,seconds,pixels,loss,psnr_y")
    assert "step 200" in capsys.readouterr().out


def test_the_rates_are_a_trapezoid(photos, recipe):
    run = Run(read_recipe(recipe), CPU)
    rates = []
    for step in range(12):
        if step == 6:
            run.cool_down = Phase(run.step, run.seconds, Span(steps=4))
        rates.append(run.rate_factor)
        run.advance()
    assert rates == [0.5, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]


def test_a_cool_down_keeps_the_constant_rate_weights_to_resume_from(photos, recipe, tmp_path):
    settings, out = read_recipe(recipe), tmp_path / "out"
    train(settings, out, CPU, length=Span(steps=6))
    before = weights(out)
    cooled = train(settings, out, CPU, resume=True, cool_down=Span(steps=4))
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(out).items())
    assert any(not torch.equal(before[name], tensor) for name, tensor in weights(cooled).items())
    train(settings, out, CPU, resume=True, length=Span(steps=5))
    assert are_close(out, train(settings, tmp_path / "straight", CPU, length=Span(steps=11)))
    assert count_steps(out) == 11
    assert count_steps(cooled) == 10


def test_continuing_a_checkpoint_uses_its_optimizer_state_or_else_a_warm_up(photos, recipe, tmp_path):
    settings = read_recipe(recipe)
    first = train(settings, tmp_path / "first", CPU, length=Span(steps=8))
    straight = train(settings, tmp_path / "straight", CPU, length=Span(steps=14))
    second = train(settings, tmp_path / "second", CPU, source=first, length=Span(steps=6))
    assert are_close(second, straight)
    (first / "resume.safetensors").unlink()  # as in the zoo
    assert Run(settings, CPU, source=first).rate_factor == 0.5
    third = train(settings, tmp_path / "third", CPU, source=first, length=Span(steps=6))
    assert not are_close(third, second)
    for folder in (second, third):
        (stage,) = history.read_stages(read_facts(folder))
        assert (stage.steps, stage.pixels) == (14, 14 * 4 * 16 * 16)


def test_the_running_mean_of_a_continuation_remembers_the_weights_that_it_began_with(photos, recipe, tmp_path):
    first = train(read_recipe(recipe), tmp_path / "first", CPU, length=Span(steps=2))
    (first / "resume.safetensors").unlink()  # as in the zoo
    run = Run(read_recipe(recipe), CPU, first)
    run.step = run.optimizer_step = 9000  # of a long history
    before = load_file(first / "model.safetensors")
    run.advance()
    for name, p in run.model.named_parameters():
        mean = dict(run.ema_model.named_parameters())[name]
        assert torch.allclose(mean, before[name] + 0.001 * (p - before[name]), atol=1e-7), name
    assert any((p - before[name]).abs().max() > 1e-5 for name, p in run.model.named_parameters())


@pytest.mark.parametrize(("name", "stages"), [("tiny-x2", [3, 2]), ("other-x2", [2])])
def test_only_a_later_stage_of_the_same_checkpoint_adds_to_its_history(photos, recipe, tmp_path, name, stages):
    train(read_recipe(recipe), tmp_path / "stages/first", CPU, length=Span(steps=3))
    text = f'start = "stages/first"\nname = "{name}"\n' + RECIPE.replace("charbonnier = 1.0", "l1 = 1.0")
    (tmp_path / "second-x2.toml").write_text(text)
    out = train(read_recipe(tmp_path / "second-x2.toml"), tmp_path / name, CPU, length=Span(steps=2))
    facts = read_facts(out)
    assert [stage.steps for stage in history.read_stages(facts)] == stages
    assert facts["base_model"] == ("tiny-x2" if name == "other-x2" else "")


def test_headers_of_older_checkpoints_are_read_as_stages():
    facts = {"batch": 8, "patch": 64, "device": "one CPU thread", "steps": 5, "seconds": 7, "name": "a"}
    facts["before"] = {**facts, "batch": 16}
    assert [(stage.batch, stage.steps) for stage in history.read_stages(facts)] == [(16, 5), (8, 5)]
    assert history.count_steps({}) == 0


def test_another_network_is_not_continued(photos, recipe, tmp_path):
    first = train(read_recipe(recipe), tmp_path / "first", CPU, length=Span(steps=2))
    recipe.write_text(RECIPE.replace("[8, 16]", "[8, 24]"))
    with pytest.raises(TrainingError, match="another network"):
        train(read_recipe(recipe), tmp_path / "other", CPU, source=first, length=Span(steps=2))
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "losses", [FIDELITY, pytest.param(TEXTURE, marks=pytest.mark.data)], ids=["fidelity", "texture"]
)
def test_a_stopped_and_resumed_run_ends_with_the_weights_of_an_unstopped_one(
    photos, recipe, tmp_path, monkeypatch, losses
):
    if losses is TEXTURE:
        if not FEATURES.is_dir():
            pytest.skip("LEFT OUT: no features here; CAESR_DATA names the folder that holds them.")
        (tmp_path / "data/features").symlink_to(FEATURES)
    recipe.write_text(RECIPE.replace(FIDELITY, losses).replace("warmup", "drawings = 0.4\nwarmup"))
    settings, length, cool_down = read_recipe(recipe), Span(steps=6), Span(steps=4)
    straight = train(settings, tmp_path / "straight", CPU, length=length, cool_down=cool_down)
    with (straight / "log.csv").open() as log:
        rows = list(DictReader(log))
    assert all(("lpips" in row) == (losses is TEXTURE) and float(row.get("lpips", 1)) > 0 for row in rows)
    assert int(rows[-1]["pixels"]) == int(rows[-1]["step"]) * 4 * 16 * 16
    assert history.read_stages(read_facts(straight))[-1].features == ("squeezenet" if losses is TEXTURE else "")
    advance = Run.advance
    for interrupt, left in ((4, {"length": Span(steps=2)}), (8, {})):  # at constant rates; in the cool-down
        calls: list[int] = []

        def interrupted(self, calls=calls, interrupt=interrupt):
            calls.append(1)
            if len(calls) == interrupt:
                os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
            return advance(self)

        monkeypatch.setattr(Run, "advance", interrupted)
        out = tmp_path / f"stopped-{interrupt}"
        train(settings, out, CPU, length=length, cool_down=cool_down)
        assert len(calls) == interrupt
        stopped = train(settings, out, CPU, resume=True, cool_down=cool_down, **left)
        assert len(calls) == 10
        assert are_close(stopped, straight)


def test_the_names_in_a_resume_file_stay_so_that_older_runs_can_be_resumed(photos, recipe, tmp_path):
    out = train(read_recipe(recipe), tmp_path / "out", CPU, length=Span(steps=2))
    with safe_open(out / "resume.safetensors", "pt") as file:
        names, metadata = set(file.keys()), file.metadata()
    assert metadata.keys() == {"step", "began", "seconds", "fresh", "past", "base_model", "recipe", "cool_down"}
    assert {name.split(".")[0] for name in names} == {"model", "mean", "state", "centre", "objective"}
    hidden, head = "encoder.2.conv1.weight", "decoder.3.weight"
    expected = {f"state.{hidden}.momentum", *(f"state.{head}.{key}" for key in ("step", "mean", "square"))}
    assert {f"model.{hidden}", f"mean.{hidden}", "objective.scales"} | expected <= names


def test_a_run_is_not_resumed_with_another_recipe_or_from_nothing(photos, recipe, tmp_path):
    out = train(read_recipe(recipe), tmp_path / "out", CPU, length=Span(steps=2))
    recipe.write_text(RECIPE.replace("batch = 4", "batch = 5"))
    with pytest.raises(TrainingError, match="another recipe"):
        train(read_recipe(recipe), out, CPU, resume=True, length=Span(steps=2))
    with pytest.raises(TrainingError, match="nothing to resume"):
        train(read_recipe(recipe), tmp_path / "new", CPU, resume=True)
    with pytest.raises(TrainingError, match="not both"):
        train(read_recipe(recipe), out, CPU, resume=True, source=out)


def test_a_run_is_resumed_with_another_share_of_drawings_and_from_before_there_were_any(photos, recipe, tmp_path):
    out = train(read_recipe(recipe), tmp_path / "out", CPU, length=Span(steps=2))
    file = out / "resume.safetensors"
    with safe_open(file, "pt") as stored:
        metadata = stored.metadata()
    old = json.loads(metadata["recipe"])
    del old["drawings"]
    save_file(load_file(file), file, metadata | {"recipe": json.dumps(old)})
    for share, steps in (("0.5", 4), ("0", 6)):
        recipe.write_text(RECIPE.replace("warmup", f"drawings = {share}\nwarmup"))
        train(read_recipe(recipe), out, CPU, resume=True, length=Span(steps=2))
        assert count_steps(out) == steps
    assert history.read_stages(read_facts(out))[-1].drawings == 0


def test_a_loss_of_nan_stops_the_run_and_keeps_the_last_good_state(photos, recipe, tmp_path, monkeypatch):
    settings, out = read_recipe(recipe), tmp_path / "out"
    train(settings, out, CPU, length=Span(steps=3))
    before = (out / "resume.safetensors").read_bytes()
    advance = Run.advance
    monkeypatch.setattr(Run, "advance", lambda self: advance(self) * float("nan"))
    with pytest.raises(TrainingError, match=r"nan at step 4\b.*lower rates"):
        train(settings, out, CPU, resume=True, length=Span(steps=3))
    assert (out / "resume.safetensors").read_bytes() == before
