"""The tables of README.md and docs/, rendered from benchmarks/results, so that nobody types a figure.

    python benchmarks/tables.py

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; the rest of the page is left alone.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comparison
from quality import SETS

import zoo

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("decisions", "speed", "reliability")))
SLOT = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def results(name: str) -> Any:
    """A file of benchmarks/results."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


def table(head: list[str], rows: list[list[object]], note: str) -> str:
    """A Markdown table with a line below it."""
    lines: list[list[object]] = [[*head], ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + f"\n\n{note}\n"


def models() -> str:
    """Every checkpoint, with bicubic as the first line of its scale."""
    quality, speed = results("quality"), results("speed")
    ms = {row["name"]: f"{row['ms']:.0f}" for row in speed["networks"]}

    def figures(measured: dict[str, dict[str, float]]) -> list[str]:
        each = [f"{measured[data]['psnr_y']:.2f} / {measured[data]['ssim_y']:.4f}" for data in SETS]
        return [*each, f"{measured['B100-10']['lpips']:.3f}", f"{measured['B100-10']['dists']:.3f}"]

    rows: list[list[object]] = []
    for scale in (2, 3, 4):
        rows.append([f"bicubic ×{scale}", "", "", *figures(quality["bicubic"][str(scale)])])
        for entry in [zoo.info(name) for name in zoo.names()]:
            if entry.scale == scale:
                own = [f"`{entry.name}`", f"{entry.parameters:,}", ms.get(entry.name, "")]  # empty: not measured yet
                rows.append([*own, *figures(entry.figures)])
    head = ["checkpoint", "parameters", "ms", *(f"{data} (dB / SSIM)" for data in SETS)]
    head += ["LPIPS ↓", "DISTS ↓"]
    note = (
        "PSNR and SSIM on Y, LPIPS and DISTS on the first ten of B100: "
        f"`{quality['measured']['command']}`, {quality['measured']['date']}. "
        f"ms: median for a {speed['side']}×{speed['side']} input on {speed['cpu']}: "
        f"`{speed['command']}`, {speed['date']}, torch {speed['torch']}."
        f"{comparison.disturbed(speed)}"
    )
    return table(head, rows, note)


def worn() -> str:
    """Texture and pictures that life has been at, at scale 4."""
    quality = results("quality")
    measured = {"bicubic": quality["bicubic"]["4"]}
    measured |= {f"`{name}`": zoo.info(name).figures for name in zoo.names() if zoo.info(name).scale == 4}
    rows: list[list[object]] = []
    for name, figures in measured.items():
        clean, bad = figures["B100-10"], figures["B100-10-worn"]
        cells = [f"{data['psnr_y']:.2f} / {data['lpips']:.3f} / {data['dists']:.3f}" for data in (clean, bad)]
        rows.append([name, cells[0], f"{clean['consistency']:.1f}", cells[1]])
    head = ["×4", "clean: dB / LPIPS ↓ / DISTS ↓", "consistency (dB)", "worn: dB / LPIPS ↓ / DISTS ↓"]
    note = (
        "The first ten of B100. Worn: blurred, reduced, made noisy, JPEG of quality 40 (`caesr.evaluate.worn`). "
        "Consistency: PSNR of the result, reduced again, against the clean input. "
        f"`{quality['measured']['command']}`, {quality['measured']['date']}."
    )
    return table(head, rows, note)


def sweep(group: str) -> Callable[[], str]:
    """The table of one group of benchmarks/sweep.py; of speed only where the networks differ in it."""

    def render() -> str:
        result = results(f"sweep-{group}")
        rows = [
            [r["name"], f"{r['parameters']:,}", r["milliseconds"], r["steps"], f"{r['Set5']:.2f}", f"{r['Set14']:.2f}"]
            for r in result["rows"]
        ]
        head, note = ["network", "parameters", "ms", "steps", "Set5 (dB)", "Set14 (dB)"], ""
        if len({r["parameters"] for r in result["rows"]}) == 1:
            head, rows = [head[0], *head[3:]], [[row[0], *row[3:]] for row in rows]
        else:
            note = f" ms: median for a 256×256 input on {result['threads']} CPU threads."
        return table(
            head,
            rows,
            f"`{result['command']}`, {result['date']}: {result['minutes']:g} minutes of a thread each.{note}",
        )

    return render


def fuzz() -> str:
    """What became of damaged files, by format."""
    found = results("fuzz")
    formats: dict[str, int] = {}
    for kind, cases in found["kinds"].items():
        name = kind.split()[0]
        formats[name] = formats.get(name, 0) + cases
    rows: list[list[object]] = [[name, f"{cases:,}"] for name, cases in formats.items()]
    outcomes = ", ".join(f"{cases:,} {outcome}" for outcome, cases in found["outcomes"].items())
    slowest, largest = found["slowest"], found["largest"]
    note = (
        f"{found['cases']:,} cases: {outcomes}. Slowest: {slowest['seconds']} s ({slowest['kind']}). "
        f"Most memory: {largest['mebibytes']} MiB ({largest['kind']}). "
        f"`{found['command']}`, {found['date']}, libvips {found['libvips']}."
    )
    return table(["damaged", "cases"], rows, note)


def page() -> str:
    """What the page holds on to over many jobs, and what one very large picture takes."""
    found, large = results("page"), results("large")
    memory, each = found["resident_mib"], found["jobs"] // len(found["resident_mib"])
    size, megapixels = " × ".join(map(str, large["picture"])), large["picture"][0] * large["picture"][1] / 1e6
    note = (
        f"Memory of the page's process. `{found['command']}`, {found['date']}. A JPEG of {size}, {megapixels:.1f} "
        f"megapixels, becomes {' × '.join(map(str, large['result']))} in {large['seconds']:.0f} s and takes "
        f"{large['peak_mib']:,} MiB at most: `{large['command']}`, {large['date']}."
    )
    head = ["jobs", *(str(each * n) for n in range(1, len(memory) + 1))]
    return table(head, [["MiB", *(f"{mib:.0f}" for mib in memory)]], note)


TABLES: dict[str, Callable[[], str]] = {
    "fuzz": fuzz,
    "page": page,
    "models": models,
    "worn": worn,
    "peers": lambda: table(*comparison.peers(results("speed"))),
    "scales": lambda: table(*comparison.scales(results("speed"))),
    "standing": lambda: comparison.standing(results("speed")),
    "sources": lambda: comparison.sources(results("speed")),
} | {f"sweep-{group}": sweep(group) for group in ("split", "optimiser", "join")}


def rendered(page: str) -> str:
    """A page with every table as the results have it now."""
    return SLOT.sub(lambda m: m[1] + TABLES[m[2]]() + m[3], page)


def main() -> None:
    for page in PAGES:
        page.write_text(rendered(page.read_text()))


if __name__ == "__main__":
    main()
