"""The tables of docs/training.md: how long each checkpoint was trained, what more would bring, luma and chroma."""

import zoo
from benchmarks import results
from benchmarks.pictures import TEST_SETS
from benchmarks.tables.markdown import table
from benchmarks.training_curves import HOURS, SETTLED_STEPS, read_curves
from zoo import history
from zoo.catalogue import CHECKPOINTS
from zoo.checkpoint_files import read_facts

WORDS = {"lpips": "LPIPS on VGG16 ↓", "psnr_y": "PSNR-Y (dB)", "set5": "PSNR-Y on Set5 (dB)"}


def hours() -> str:
    """Render the hours and pixels of each checkpoint on CPUs and on GPUs, as its header records them."""
    found = results.read("dead_units")
    units = {row["checkpoint"]: f"{row['dead']} of {row['units']}" for row in found["found"]}
    rows = []
    for name in zoo.names():
        stages = history.read_stages(read_facts(CHECKPOINTS / name))
        on_cpu, on_gpu = ([stage for stage in stages if ("CPU" in stage.device) == is_cpu] for is_cpu in (True, False))
        cells = [
            f"{sum(stage.seconds for stage in part) / 3600:.1f} / {sum(stage.pixels for stage in part) / 1e6:,.0f}"
            if part
            else ""
            for part in (on_cpu, on_gpu)
        ]
        steps = f"{history.count_steps(read_facts(CHECKPOINTS / name)):,}"
        rows.append([f"`{name}`", steps, *cells, units.get(name, "")])
    head = ["checkpoint", "steps", "hours on CPUs / million low-res pixels", "hours on a GPU / million low-res pixels"]
    note = (
        "What is in the weights; runs that were not kept are not counted. From the headers. Dead units: "
        f"`{found['command']}`, {found['date']}."
    )
    return table([*head, "dead units"], rows, note)


def curves() -> str:
    """Render for each curve where it ends, and what its fit says of twelve more hours."""
    stages, rows = results.read("stages"), []
    for curve in read_curves():
        digits = 4 if curve.measure == "lpips" else 3
        gain, error = curve.gain()
        ahead = f"{gain:+.{digits}f} ± {error:.{digits}f}"
        hours = f"{curve.seconds / 3600:.1f}"
        millions = round(curve.pixels[-1] / 1e6)
        rows.append([f"`{curve.name}`", WORDS[curve.measure], hours, millions, f"{curve.values[-1]:.{digits}f}", ahead])
    if not rows:
        return f"No log is long enough yet to look {HOURS:g} hours ahead.\n"
    head = ["checkpoint", "measure", "hours", "million low-res pixels", "at the end", f"{HOURS:g} more hours"]
    note = (
        f"Logs at constant rates, of one thread, from {SETTLED_STEPS} steps after their start on "
        "(`benchmarks/results/training`), on held-out photographs; on Set5, the weights in `zoo/stages` at each commit "
        f"that changed them (`{stages['command']}`, {stages['date']}). The line of least squares against the "
        "logarithm of all pixels seen, with its standard error."
    )
    return table(head, rows, note)


def colours() -> str:
    """Render PSNR in luma, chroma and RGB of each faithful network and of bicubic upscaling."""
    measured = results.read("colours")
    rows = []
    for row in sorted(measured["found"], key=lambda row: row["scale"]):
        name = f"`{row['upscaling']}`" if row["upscaling"] in zoo.names() else f"{row['upscaling']} ×{row['scale']}"
        rows.append([name, *(" / ".join(f"{row[s][part]:.2f}" for part in ("y", "chroma", "rgb")) for s in TEST_SETS)])
    note = (
        "PSNR in dB in Y / in Cb and Cr / in RGB, all planes from 0 to 255 (elsewhere Y is from 16 to 235, as in the "
        f"papers, which adds 1.3 dB). `{measured['command']}`, {measured['date']}."
    )
    return table(["upscaling", *TEST_SETS], rows, note)
