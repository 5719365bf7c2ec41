"""Training loop: a recipe in, a checkpoint folder out; it can be stopped and resumed at any step."""

import csv
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from caesr.training.precision import mixed_precision
from caesr.training.recipe import Recipe
from caesr.training.resume_file import RESUME, read_cool_down
from caesr.training.run import Run, TrainingError
from caesr.training.schedule import Phase, Span
from zoo.messages import Message

LOG, COOLED = "log.csv", "cooled"
SAVE_SECONDS = 120  # between two saves
VALIDATIONS = 20  # in a phase of known length
VALIDATION_SECONDS = 300  # at most between two validations
READ_LOSS_STEPS = 20  # between two readings of the loss: each waits for the GPU


def train(
    recipe: Recipe,
    out: Path,
    device: torch.device,
    *,
    resume: bool = False,
    source: str | Path | None = None,
    length: Span | None = None,
    cool_down: Span | None = None,
) -> Path:
    """Train a recipe at constant rates, then cool down if asked to; Ctrl-C and SIGTERM finish the step and save.

    Args:
        out: becomes a checkpoint folder with log.csv and a resume file; after a cool-down out/cooled is one, too.
        resume: go on where `out` stopped, or where its cool-down stopped if that began at the step `out` is at.
        source: a checkpoint of the same network to continue.
        length: of the constant rates in this call; by default endless, or nothing if there is a `cool_down`.
    Returns:
        The folder of the checkpoint: `out`, or out/cooled.
    Raises:
        TrainingError: the loss is no longer a number, there is nothing to resume, or `source` is another network.
        FileNotFoundError: the training pictures or features are missing.
    """
    if resume and source:
        raise TrainingError(Message("Either resume what is in --out, or continue another checkpoint: not both."))
    if resume and not (out / RESUME).exists():  # before the pictures are read
        raise TrainingError(Message("{file} does not exist: there is nothing to resume.", file=out / RESUME))
    out.mkdir(parents=True, exist_ok=True)  # before the pictures are read, in case it cannot be
    run = Run(recipe, device, source)
    if resume:
        run.resume(out)
    if device.type == "cuda":
        compile_model(run)
    with stop_signals() as signals:
        if length or not cool_down:
            train_phase(run, out, Phase(run.step, run.seconds, length or Span()), signals, resumed=resume)
        if not cool_down or signals:
            return out
        cooled = out / COOLED
        stopped = read_cool_down(cooled) if resume else None
        resumed = stopped is not None and stopped.step == run.step
        if resumed:
            run.resume(cooled)
        elif not (out / RESUME).exists():
            run.save(out)  # the weights that the cool-down branches off from
        run.cool_down = run.cool_down or Phase(run.step, run.seconds, cool_down)
        train_phase(run, cooled, run.cool_down, signals, resumed)
    return cooled


def compile_model(run: Run) -> None:
    """Let a run use `torch.compile`; where that does not work, say so and leave the run as it is."""
    try:
        compiled = torch.compile(run.model)
        low_res, _ = run.sample()
        with mixed_precision(run.device):
            compiled(low_res).float().mean().backward()
        run.forward = compiled
    except Exception as error:  # a missing compiler raises many types
        print(f"torch.compile does not work here ({error}): training goes on without it.")


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM in a list, so that the loop can finish its step and save."""
    received: list[int] = []
    handlers = {n: signal.signal(n, lambda number, _: received.append(number)) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def train_phase(run: Run, out: Path, phase: Phase, signals: list[int], resumed: bool) -> None:
    """Step, validate, log and save until a phase is over or a signal has come; then save.

    Args:
        resumed: append to the log instead of starting a new one.
    Raises:
        TrainingError: the loss is no longer a number.
    """
    out.mkdir(parents=True, exist_ok=True)
    earlier_seconds = run.seconds
    began = saved = validated = time.monotonic()
    loss = math.nan

    def fraction_done() -> float:
        return phase.fraction_done(run.step, run.seconds)

    validations = int(VALIDATIONS * fraction_done())
    with (out / LOG).open("a" if resumed else "w", newline="") as stream:
        log = csv.writer(stream)
        if not resumed:
            log.writerow(["step", "seconds", "pixels", "loss", *run.measures])
        while fraction_done() < 1 and not signals:
            step_loss = run.advance()
            now = time.monotonic()
            run.seconds = earlier_seconds + now - began
            if run.step % READ_LOSS_STEPS == 0 or math.isnan(loss):
                value = step_loss.item()
                if not math.isfinite(value):
                    text = (
                        "The loss became {loss} at step {step}. {file} holds the last good state: "
                        "resume it with lower rates, or start again."
                    )
                    raise TrainingError(Message(text, loss=value, step=run.step, file=out / RESUME))
                loss = value if math.isnan(loss) else 0.95 * loss + 0.05 * value
            if int(VALIDATIONS * fraction_done()) > validations or now - validated > VALIDATION_SECONDS:
                validations, validated, found = int(VALIDATIONS * fraction_done()), now, run.validate()
                row = [run.step, round(run.seconds, 1), run.pixels, f"{loss:.6f}"]
                log.writerow([*row, *(f"{x:.4f}" for x in found.values())])
                stream.flush()
                line = f"step {run.step}  {run.seconds / 60:.1f} min  rate {run.rate_factor:.2f}  loss {loss:.5f}  "
                print(line + "  ".join(f"{name} {x:.4f}" for name, x in found.items()), flush=True)
            if now - saved > SAVE_SECONDS:
                run.save(out)
                saved = time.monotonic()
        run.save(out)
    print(f"{out}: step {run.step}, {run.seconds / 60:.1f} minutes of this run", flush=True)
