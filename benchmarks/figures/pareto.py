"""Draw docs/pareto.png: PSNR on Set5 at ×4 against milliseconds for a megapixel of output, from results/speed.json.

    python -m benchmarks.figures.pareto

Up and left is better. A line joins the networks that no other of their kind beats in both.
"""

from itertools import product
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from benchmarks import ROOT, results

FIGURE = ROOT / "docs" / "pareto.png"
LOOKS = {"ours": ("#c2410c", "o", "CAESR, the shipped checkpoints"), "peer": ("#475569", "s", "peers, as published")}
# where a label may stand, best first: in points from its dot, with the corner of the label that is there
PLACES = [(7, 0, "left", "center"), (-7, 0, "right", "center"), (0, 7, "center", "bottom"), (0, -7, "center", "top")]
PLACES += [(dx, dy, "left" if dx > 0 else "right", "center") for dy, dx in product((10, -10, 20, -20), (5, -5))]


def pareto_front(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the networks that are better than everything faster, fastest first."""
    best: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: row["ms_per_mp"]):
        if not best or row["psnr"]["Set5"] > best[-1]["psnr"]["Set5"]:
            best.append(row)
    return best


def write_label(axes: Axes, row: dict[str, Any], colour: str, taken: list[Bbox]) -> None:
    """Write a network's name beside its dot, where it covers nothing if there is such a place."""
    name = row["name"].removeprefix("caesr-").removesuffix("-x4")
    for dx, dy, side, height in PLACES:
        text = axes.annotate(
            name, (row["ms_per_mp"], row["psnr"]["Set5"]), (dx, dy), textcoords="offset points", ha=side, va=height
        )
        text.set(color=colour, fontsize=9, fontweight="bold" if row["kind"] == "ours" else "normal")
        text.set_path_effects([withStroke(linewidth=3, foreground="white")])  # readable where the line runs through it
        box = text.get_window_extent()
        inside = axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1
        if (inside and not any(box.overlaps(other) for other in taken)) or (dx, dy) == PLACES[-1][:2]:
            break
        text.remove()
    taken.append(box)


def main() -> None:
    speed = results.read("speed")
    rows = [row for row in speed["networks"] if row["scale"] == 4 and "Set5" in row["psnr"]]
    figure, axes = plt.subplots(figsize=(8.4, 5.2), dpi=130, facecolor="white", layout="constrained")
    axes.set(xscale="log", xlabel=f"ms per output megapixel ({speed['cpu']}; less is better)")
    axes.set(ylabel="PSNR-Y on Set5, ×4 (dB; more is better)", facecolor="white")
    axes.grid(True, which="major", color="#e2e8f0")
    axes.spines[["top", "right"]].set_visible(False)
    for kind, (colour, marker, meaning) in LOOKS.items():
        own = [row for row in rows if row["kind"] == kind]
        line = pareto_front(own)
        axes.plot([r["ms_per_mp"] for r in line], [r["psnr"]["Set5"] for r in line], color=colour, alpha=0.35)
        axes.scatter(
            [r["ms_per_mp"] for r in own], [r["psnr"]["Set5"] for r in own], 40, colour, marker=marker, label=meaning
        )
    axes.margins(0.09)
    axes.xaxis.set_major_formatter("{x:g}")
    legend = axes.legend(loc="upper left", frameon=False)  # where no network is: fastest and best
    figure.canvas.draw()  # so that positions are known
    dots = axes.transData.transform([(row["ms_per_mp"], row["psnr"]["Set5"]) for row in rows])
    taken = [legend.get_window_extent(), *(Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in dots)]
    for row in sorted(rows, key=lambda row: row["kind"]):  # ours first: they get the best places
        write_label(axes, row, LOOKS[row["kind"]][0], taken)
    figure.savefig(FIGURE, metadata={"Software": None})


if __name__ == "__main__":
    main()
