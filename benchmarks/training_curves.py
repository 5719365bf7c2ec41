"""Training curves: what logs and stages show at constant rates, and what twelve more hours would bring.

A log in results/training has many values on held-out photographs; results/stages.json has few, on Set5.
"""

import csv
import math
import re
from dataclasses import dataclass

import numpy as np

from benchmarks import results
from benchmarks.results import RESULTS

LOGS = RESULTS / "training"
NAME = re.compile(r"(caesr-[a-z]+-x\d)(?!.*-cooled)")  # of logs at constant rates
SETTLED_STEPS = 1000  # from the start of a log until the running mean of the weights has forgotten what was before
MIN_SECONDS = 7200  # of a log that is looked twelve hours ahead from
MIN_STAGES = 4  # of a checkpoint, for a line through what they have on Set5
HOURS = 12.0  # of one thread, that the fit looks ahead


@dataclass(frozen=True)
class Curve:
    """A measure by low-res pixels seen, and a line through it: y = a + b · ln pixels."""

    name: str  # of the checkpoint
    measure: str  # "lpips" or "psnr_y" on held-out photographs, or "set5"
    pixels: np.ndarray  # (N,), seen so far
    values: np.ndarray  # (N,)
    seconds: float  # of training, from the first value to the last

    def fit(self) -> tuple[float, float, float]:
        """Return a, b and the standard error of b, by least squares."""
        x = np.log(self.pixels)
        (b, a), covariance = np.polyfit(x, self.values, 1, cov=True)
        return a, b, math.sqrt(covariance[0, 0])

    def gain(self) -> tuple[float, float]:
        """Return by how much the line changes in `HOURS` more at the same pace, and the standard error of that."""
        _, b, error = self.fit()
        pace = (self.pixels[-1] - self.pixels[0]) / self.seconds
        growth = math.log1p(HOURS * 3600 * pace / self.pixels[-1])
        return b * growth, error * growth


def read_curves() -> list[Curve]:
    """Read all curves, of logs and of stages, by the names of their checkpoints."""
    return sorted(read_logs() + read_stages(), key=lambda curve: curve.name)


def read_logs() -> list[Curve]:
    """Read the newest log of each checkpoint at constant rates; the first rows and logs without pixels are left out."""
    curves = {}
    for file in sorted(LOGS.glob("*.csv")):
        name = NAME.match(file.stem)
        with file.open() as stream:
            rows = list(csv.DictReader(stream))
        if not name or not rows or "pixels" not in rows[0]:
            continue
        rows = [row for row in rows if int(row["step"]) >= int(rows[0]["step"]) + SETTLED_STEPS]
        if not rows or float(rows[-1]["seconds"]) - float(rows[0]["seconds"]) < MIN_SECONDS:
            continue
        curves[name[1]] = make_curve(name[1], "lpips" if "lpips" in rows[0] else "psnr_y", rows)
    return list(curves.values())


def read_stages() -> list[Curve]:
    """Read what the stages of each checkpoint have on Set5: those of one CPU thread, if there are `MIN_STAGES`.

    Losses on other colours begin another line, since to change them is a step; it replaces the first when it is long
    enough.
    """
    found: dict[tuple[str, str], list[dict]] = {}
    for row in results.read("stages")["found"]:
        if row["device"] == "one CPU thread":
            found.setdefault((row["name"], row["colours"]), []).append(row)
    enough = {name: rows for (name, _), rows in found.items() if len(rows) >= MIN_STAGES}
    return [make_curve(name, "set5", rows) for name, rows in enough.items()]


def make_curve(name: str, measure: str, rows: list[dict]) -> Curve:
    """Return the curve of rows with pixels, seconds and the measure."""
    pixels, values, seconds = (np.array([float(row[key]) for row in rows]) for key in ("pixels", measure, "seconds"))
    return Curve(name, measure, pixels, values, seconds[-1] - seconds[0])
