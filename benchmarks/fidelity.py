"""The tables of README.md from results/quality.json: fidelity, texture and robustness of checkpoints and peers."""

from typing import Any

from comparison import Table, disturbed
from quality import SETS, Figures

import zoo
from caesr.evaluation.degrade import STRENGTHS

Results = dict[str, Any]  # a file of benchmarks/results


def psnr_ssim(figures: Figures, data: str) -> str:
    """Render PSNR and SSIM on a test set; empty if not measured."""
    found = figures.get(data)
    return f"{found['psnr_y']:.2f} / {found['ssim_y']:.4f}" if found else ""


def texture(figures: Figures, data: str) -> str:
    """Render PSNR, LPIPS and DISTS on a test set; empty if not measured."""
    found = figures.get(data)
    return f"{found['psnr_y']:.2f} / {found['lpips']:.3f} / {found['dists']:.3f}" if found else ""


def figure(figures: Figures, measure: str, digits: int) -> str:
    """Render one measure on B100-10; empty if not measured."""
    found = figures.get("B100-10", {})
    return f"{found[measure]:.{digits}f}" if measure in found else ""


def peers_named(quality: Results) -> str:
    """Name the licence and source of every peer that was measured, as a sentence; empty if none was."""
    peers = quality.get("peers", {})
    named = [f"{name} ({peer['licence']}; {peer['source']})" for name, peer in peers.items()]
    return f" Peers, their released weights measured in the same way: {'; '.join(named)}." if named else ""


def models(quality: Results, speed: Results) -> Table:
    """Every checkpoint, with bicubic as the first line of its scale and peers as the last lines of theirs."""
    ms = {row["name"]: f"{row['ms']:.0f}" for row in speed["networks"]}

    def row(name: str, parameters: str, network: str, measured: Figures) -> list[object]:
        cells = [name, parameters, ms.get(network, "")]  # empty: not measured yet
        cells += [psnr_ssim(measured, data) for data in SETS]
        return [*cells, figure(measured, "lpips", 3), figure(measured, "dists", 3)]

    rows: list[list[object]] = []
    for scale in (2, 3, 4):
        rows.append(row(f"bicubic ×{scale}", "", "", quality["bicubic"][str(scale)]))
        for entry in [zoo.info(name) for name in zoo.names()]:
            if entry.scale == scale:
                rows.append(row(f"`{entry.name}`", f"{entry.parameters:,}", entry.name, entry.figures))
    for name, peer in quality.get("peers", {}).items():
        rows.append(row(name, f"{peer['parameters']:,}", peer["network"], peer["figures"]))
    head = ["checkpoint", "parameters", "ms", *(f"{data} (dB / SSIM)" for data in SETS)]
    head += ["LPIPS ↓", "DISTS ↓"]
    note = (
        "PSNR and SSIM on Y, LPIPS and DISTS on the first ten of B100: "
        f"`{quality['measured']['command']}`, {quality['measured']['date']}. "
        "ms: the network alone as PyTorch has it in float32, median for a "
        f"{speed['side']}×{speed['side']} input on {speed['cpu']}: "
        f"`{speed['command']}`, {speed['date']}, torch {speed['torch']}."
        f"{disturbed(speed)}{peers_named(quality)}"
    )
    return head, rows, note


def degraded(quality: Results) -> Table:
    """Texture at scale 4, on clean inputs and on degraded ones of three strengths."""
    measured = {"bicubic": quality["bicubic"]["4"]}
    measured |= {f"`{name}`": zoo.info(name).figures for name in zoo.names() if zoo.info(name).scale == 4}
    measured |= {name: peer["figures"] for name, peer in quality.get("peers", {}).items()}
    rows: list[list[object]] = []
    for name, figures in measured.items():
        cells = [texture(figures, "B100-10"), figure(figures, "consistency", 1), figure(figures, "weave", 2)]
        rows.append([name, *cells, *(texture(figures, f"B100-10-{strength}") for strength in STRENGTHS)])
    head = ["×4", "clean: dB / LPIPS ↓ / DISTS ↓", "consistency (dB)", "weave ↓"]
    head += [f"{strength}: dB / LPIPS ↓ / DISTS ↓" for strength in STRENGTHS]
    settings = [f"{name} {s.blur:g}, {s.noise:g} and {s.quality}" for name, s in STRENGTHS.items()]
    note = (
        "The first ten of B100. Consistency: PSNR of the result, reduced again, against the clean input. "
        "Weave: the energy of fine patterns where the truth is flat, in squared grey levels (`caesr.imaging.metrics.weave`). "
        "Degraded inputs are blurred, reduced, made noisy and compressed as JPEG (`caesr.evaluation.evaluate.degraded`); "
        f"standard deviation of blur and noise, and quality: {'; '.join(settings)}. "
        f"`{quality['measured']['command']}`, {quality['measured']['date']}.{peers_named(quality)}"
    )
    return head, rows, note
