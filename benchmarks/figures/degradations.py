"""Draw docs/degradations.png: histograms of noise, blocks and blur; called by `benchmarks.measure.degradations`.

The values themselves are not kept in benchmarks/results, so the figure is drawn when they are measured.
"""

from torch import Tensor

from benchmarks import ROOT

FIGURE = ROOT / "docs" / "degradations.png"
ROWS = {  # set: its label and colour in the figure
    "clean": ("clean\n(bicubic ×4)", "#94a3b8"),
    "chain": ("training\nchain", "#c2410c"),
    "real": ("real\nphotographs", "#0f766e"),
    "bsds400": ("BSDS400\nJPEGs", "#4d7c0f"),
    "light": ("test,\nlight", "#60a5fa"),
    "medium": ("test,\nmedium", "#2563eb"),
    "heavy": ("test,\nheavy", "#1e3a8a"),
}
AXES = {  # measure: label and ticks of its axis
    "noise": ("noise in smooth places\n(standard deviation, grey levels)", (0, 3, 6, 9, 12)),
    "blockiness": ("steps at an 8-pixel grid\n(ratio to those elsewhere; none: 1.2)", (1, 2, 3, 4)),
    "edge_width": ("width of the steepest edges\n(pixels; sharp: 1 to 1.5)", (1, 2, 3, 4, 5, 6)),
}


def draw(values: dict[str, dict[str, Tensor]]) -> None:
    """Draw the histograms of each measure, a row for each set; a line marks the median."""
    from matplotlib import pyplot as plt  # in the extra `bench` only

    figure, grid = plt.subplots(len(values), len(AXES), figsize=(9, 6.6), sharex="col", layout="constrained")
    for row, (name, by_measure) in zip(grid, values.items(), strict=True):
        label, colour = ROWS[name]
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", color=colour, fontweight="bold")
        for axes, (key, (_, ticks)) in zip(row, AXES.items(), strict=True):
            limits = ticks[0], ticks[-1]
            axes.hist(by_measure[key].clamp(*limits).numpy(), bins=30, range=limits, color=colour)
            median = by_measure[key].median().item()
            axes.axvline(median, color="black", linewidth=1)
            axes.annotate(f"{median:.1f}", (median, 0.97), (3, 0), ("data", "axes fraction"), "offset points", va="top")
            axes.set(xlim=limits, xticks=ticks, yticks=[], ymargin=0.3)
            axes.spines[["top", "right", "left"]].set_visible(False)
    for axes, (label, ticks) in zip(grid[-1], AXES.values(), strict=True):
        axes.set(xlabel=label, xticklabels=[*map(str, ticks[:-1]), f"≥ {ticks[-1]}"])
    figure.savefig(FIGURE, dpi=100, metadata={"Software": None})
