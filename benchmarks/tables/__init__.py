"""The tables of README.md and docs/, rendered from benchmarks/results, so that no figure is typed.

    python -m benchmarks.tables

A table stands between `<!-- table: NAME -->` and `<!-- end -->`; the rest of the page is left alone.
"""

import re
from collections.abc import Callable
from functools import partial

from benchmarks import ROOT
from benchmarks.tables import auto_model, decisions, edges, readme, reliability, scale, speed, training

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARKED = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
TABLES: dict[str, Callable[[], str]] = {
    "families": readme.families,
    "models": readme.models,
    "degraded": readme.degraded,
    "auto": auto_model.auto_model,
    "overshoot": edges.overshoot,
    "peers": speed.peers,
    "scales": speed.scales,
    "standing": speed.standing,
    "sources": speed.sources,
    "profile": speed.profile,
    "trials": speed.trials,
    "gpu": speed.gpu,
    "site": speed.site,
    "curves": training.curves,
    "hours": training.hours,
    "colours": training.colours,
    "sweep-split": partial(decisions.sweep, "split"),
    "sweep-optimiser": partial(decisions.sweep, "optimiser"),
    "sweep-join": partial(decisions.sweep, "join"),
    "blends": decisions.blends,
    "engine": decisions.engine,
    "encoding": decisions.encoding,
    "launches": decisions.launches,
    "precision": decisions.precision,
    "tiles": decisions.tiles,
    "backends": decisions.backends,
    "fuzz": reliability.fuzz,
    "reading": reliability.reading,
    "load": reliability.load,
    "page": reliability.page,
    "large": reliability.large,
    "assumed": scale.assumed,
    "plan": scale.plan,
    "bottleneck": scale.bottleneck,
    "graphics": scale.graphics,
}


def render(page: str) -> str:
    """Return the text of a page with every table as the results have it now."""
    return MARKED.sub(lambda match: match[1] + TABLES[match[2]]() + match[3], page)
