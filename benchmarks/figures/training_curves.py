"""Draw docs/training-curves.png: logs and stages at constant rates, the line through each, and where it leads.

python -m benchmarks.figures.training_curves
"""

import sys

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks import ROOT
from benchmarks.tables.training import WORDS
from benchmarks.training_curves import Curve, read_curves

FIGURE = ROOT / "docs" / "training-curves.png"


def draw(axes: Axes, curve: Curve) -> None:
    """Draw a curve, its fit, and the fit's continuation."""
    a, b, _ = curve.fit()
    gain, _ = curve.gain()
    end = curve.pixels[-1]
    ahead = end * np.exp(gain / b)
    for pixels, style in ((curve.pixels[[0, -1]], "-"), (np.array([end, ahead]), ":")):
        axes.plot(pixels / 1e6, a + b * np.log(pixels), style, color="#c2410c")
    axes.scatter(curve.pixels / 1e6, curve.values, 10, color="#475569")
    axes.set(title=curve.name, xlabel="million low-res pixels", ylabel=WORDS[curve.measure].removesuffix(" ↓"))
    axes.set(xscale="log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="both", labelsize=8)
    axes.grid(True, color="#e2e8f0")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    curves = read_curves()
    if not curves:
        sys.exit("No log in benchmarks/results/training is long enough yet.")
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 3.2 * rows), dpi=120, layout="constrained")
    places = np.ravel(axes)
    for place, curve in zip(places, curves, strict=False):
        draw(place, curve)
    for place in places[len(curves) :]:
        place.remove()
    figure.savefig(FIGURE, metadata={"Software": None})


if __name__ == "__main__":
    main()
