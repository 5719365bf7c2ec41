"""The tables of README.md and docs/models.md: fidelity, texture and robustness of checkpoints and peers."""

import zoo
from benchmarks import results
from benchmarks.pictures import TEST_SETS
from benchmarks.tables.markdown import dated, disturbed, table
from caesr.evaluation.degrade import STRENGTHS

Figures = dict[str, dict[str, float]]  # test set -> measure -> mean


def psnr_ssim(figures: Figures, data: str) -> str:
    """Return PSNR and SSIM on a test set as a cell; empty if not measured."""
    found = figures.get(data)
    return f"{found['psnr_y']:.2f} / {found['ssim_y']:.4f}" if found else ""


def texture(figures: Figures, data: str) -> str:
    """Return PSNR, LPIPS and DISTS on a test set as a cell; empty if not measured."""
    found = figures.get(data)
    return f"{found['psnr_y']:.2f} / {found['lpips']:.3f} / {found['dists']:.3f}" if found else ""


def figure(figures: Figures, measure: str, digits: int) -> str:
    """Return one measure on B100-10 as a cell; empty if not measured."""
    found = figures.get("B100-10", {})
    return f"{found[measure]:.{digits}f}" if measure in found else ""


def peers_named() -> str:
    """Return a sentence with the licence and source of every peer that was measured; empty if none was."""
    peers = results.read("quality").get("peers", {})
    named = [f"{name} ({peer['licence']}; {peer['source']})" for name, peer in peers.items()]
    return f" Peers, their released weights measured in the same way: {'; '.join(named)}." if named else ""


def families() -> str:
    """Render what each family is for and a few of its figures at scale 4, beside bicubic and the peers."""
    quality, speed = results.read("quality"), results.read("speed")
    ms = {row["name"]: f"{row['ms']:.0f}" for row in speed["networks"]}

    def line(name: str, purpose: str, network: str, figures: Figures) -> list[str]:
        lpips = [f"{figures[data]['lpips']:.3f}" for data in ("B100-10", "B100-10-medium")]
        return [name, purpose, ms.get(network, ""), f"{figures['Set5']['psnr_y']:.2f}", *lpips]

    rows = [line("bicubic", "", "", quality["bicubic"]["4"])]
    for entry in map(zoo.info, zoo.names()):
        if entry.scale == 4:
            rows.append(line(f"*{entry.family}*", entry.purpose, entry.name, entry.figures))
    for name, peer in quality.get("peers", {}).items():
        rows.append(line(name, "a peer", peer["network"], peer["figures"]))
    head = ["×4", "for", "ms", "Set5 (dB)", "clean: LPIPS ↓", "noisy JPEGs: LPIPS ↓"]
    side = speed["side"]
    note = f"ms: the network alone, {side}×{side} pixels, {speed['cpu']}. LPIPS: ten of B100; degraded: medium."
    return table(head, rows, note)


def models() -> str:
    """Render every checkpoint, with bicubic as the first line of its scale and peers as the last lines of theirs."""
    quality, speed = results.read("quality"), results.read("speed")
    ms = {row["name"]: f"{row['ms']:.0f}" for row in speed["networks"]}

    def line(name: str, parameters: str, network: str, figures: Figures) -> list[str]:
        cells = [name, parameters, ms.get(network, "")]  # empty: not measured yet
        cells += [psnr_ssim(figures, data) for data in TEST_SETS]
        return [*cells, figure(figures, "lpips", 3), figure(figures, "dists", 3)]

    rows = []
    for scale in (2, 3, 4):
        rows.append(line(f"bicubic ×{scale}", "", "", quality["bicubic"][str(scale)]))
        for entry in map(zoo.info, zoo.names()):
            if entry.scale == scale:
                rows.append(line(f"`{entry.name}`", f"{entry.parameters:,}", entry.name, entry.figures))
    for name, peer in quality.get("peers", {}).items():
        rows.append(line(name, f"{peer['parameters']:,}", peer["network"], peer["figures"]))
    head = ["checkpoint", "parameters", "ms", *(f"{data} (dB / SSIM)" for data in TEST_SETS), "LPIPS ↓", "DISTS ↓"]
    note = (
        f"PSNR and SSIM on Y, LPIPS and DISTS on the first ten of B100: {dated(quality['measured'])}. "
        "ms: the network alone as PyTorch has it in float32, median for a "
        f"{speed['side']}×{speed['side']} input on {speed['cpu']}: {dated(speed)}, torch {speed['torch']}."
        f"{disturbed(speed)}{peers_named()}"
    )
    return table(head, rows, note)


def degraded() -> str:
    """Render texture at scale 4, on clean inputs and on degraded ones of three strengths."""
    quality = results.read("quality")
    measured: dict[str, Figures] = {"bicubic": quality["bicubic"]["4"]}
    for entry in map(zoo.info, zoo.names()):
        if entry.scale == 4:
            measured[f"`{entry.name}`"] = entry.figures
    measured |= {name: peer["figures"] for name, peer in quality.get("peers", {}).items()}
    rows = []
    for name, figures in measured.items():
        cells = [texture(figures, "B100-10"), figure(figures, "consistency", 1), figure(figures, "weave", 2)]
        rows.append([name, *cells, *(texture(figures, f"B100-10-{strength}") for strength in STRENGTHS)])
    head = ["×4", "clean: dB / LPIPS ↓ / DISTS ↓", "consistency (dB)", "weave ↓"]
    head += [f"{strength}: dB / LPIPS ↓ / DISTS ↓" for strength in STRENGTHS]
    settings = [f"{name} {s.blur:g}, {s.noise:g} and {s.quality}" for name, s in STRENGTHS.items()]
    note = (
        "The first ten of B100. Consistency: PSNR of the result, reduced again, against the clean input. Weave: the "
        "energy of fine patterns where the truth is flat, in squared grey levels (`caesr.imaging.metrics.weave`). "
        "Degraded inputs are blurred, reduced, made noisy and compressed as JPEG "
        "(`caesr.evaluation.degrade`); "
        f"standard deviation of blur and noise, and quality: {'; '.join(settings)}. "
        f"{dated(quality['measured'])}.{peers_named()}"
    )
    return table(head, rows, note)
