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
import fidelity

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


def measured(found: dict[str, Any]) -> str:
    """With what, when and on what something was measured; and whether the machine was idle."""
    where = f"`{found['command']}`, {found['date']}: {found['cpu']}, torch {found['torch']}."
    return where + comparison.disturbed(found)


def engine() -> str:
    """Arithmetic beside the machine's matrix products."""
    found = results("engine")["speed"]
    rows: list[list[object]] = [
        [
            f"`{row['checkpoint']}`", row["precision"], row["ms_per_mp"], row["whole_ms_per_mp"],
            f"{row['gflops']} of {row['ceiling_gflops']}", f"{100 * row['gflops'] / row['ceiling_gflops']:.0f} %",
        ]
        for row in found["found"]
    ]  # fmt: skip
    head = ["checkpoint", "precision", "ms/MP", "at once: ms/MP", "GFLOP/s of a matrix product's", "share"]
    note = (
        "A megapixel of the result, from array to array, tiles and bytes included; at once: the network alone, on the "
        f"whole picture as PyTorch has it. {measured(found)}"
    )
    return table(head, rows, note)


def load() -> str:
    """What many programs at the page got, and those who came after one had left in mid-run."""
    found = results("load")
    together, leaving = found["together"], found["leaving"]
    trials = {
        f"{together['clients']} at once for {together['minutes']:g} minutes": together,
        f"one after each of {leaving['left']} that left in mid-run": leaving,
    }
    rows: list[list[object]] = []
    for trial, seen in trials.items():
        answers, memory = dict(seen["answers"]), seen["resident_mib"]
        known = [answers.pop(answer, 0) for answer in ("right", "wrong", "busy")]
        of_memory = " / ".join(f"{memory[at]:.0f}" for at in (0, len(memory) // 2, -1))
        seconds = seen["seconds"]
        rows.append([trial, *known, sum(answers.values()), seconds["median"], seconds["longest"], of_memory])
    head = ["programs", "right", "wrong", "busy", "other", "median (s)", "longest (s)", "memory (MiB)"]
    note = (
        "Seconds: until the right answer. Memory: the server's, first, "
        f"half-way, last. Left behind: {len(found['folders_left'])} folders, {found['tracebacks']} tracebacks in the "
        f"log. `{found['command']}`, {found['date']}, on {found['machine']} that {found['others']:g} other processes "
        "wanted, too."
    )
    return table(head, rows, note)


def precision() -> str:
    """What bfloat16 costs."""
    found = results("engine")["precision"]
    rows: list[list[object]] = [
        [f"`{row['checkpoint']}`", f"{row['float32']:.3f}", f"{row['bfloat16']:.3f}", f"{row['lost']:.3f}"]
        for row in found["found"]
    ]
    return table(["Set5 (dB)", "float32", "bfloat16", "lost"], rows, measured(found))


def tiles() -> str:
    """What tiles cost."""
    found = results("engine")["tiles"]
    rows: list[list[object]] = [[row["tile"], f"{row['work']:.3f}", row["seconds"]] for row in found["found"]]
    head = ["tile", "arithmetic, of the whole picture's", "seconds"]
    return table(head, rows, f"12 megapixels ×2 by `caesr-lite-x2`; counted. {measured(found)}")


def profile() -> str:
    """Which operators take the time."""
    found = results("engine")["profile"]
    names = list(dict.fromkeys(name for row in found["found"] for name in row["shares"]))
    rows: list[list[object]] = [
        [
            f"`{name}`",
            *(f"{100 * row['shares'][name]:.0f} %" if name in row["shares"] else "" for row in found["found"]),
        ]
        for name in names
    ]
    head = ["operator", *(f"`{row['checkpoint']}`, {row['precision']}" for row in found["found"])]
    return table(head, rows, measured(found))


def trials() -> str:
    """Start and memory."""
    begun, files = results("engine")["start"], results("engine")["memory"]
    found = begun["found"]
    rows: list[list[object]] = [
        ["`import torch`, `import caesr`", f"{found['import_torch']:.2f} s, {found['import_caesr']:.2f} s"],
        ["`python app.py` until the page answers", f"{found['page']:.1f} s"],
        ["then the first picture, 256×256 ×4 by lite", f"{found['first_picture']:.1f} s"],
    ]
    for row in files["found"]:
        what = f"{row['megapixels']:.3g} megapixels ×4 by {row['model']} into {row['format']}"
        rows.append([what, f"{row['mebibytes']} MiB at most, {row['seconds']:.0f} s"])
    return table(["what", "takes"], rows, f"{measured(begun)} {measured(files)}")


def reading() -> str:
    """What reading takes of memory, by kind of file."""
    found = results("reading")
    rows: list[list[object]] = []
    for kind, bytes_ in found["kinds"].items():
        name = f"{kind.rpartition('.')[2]}, {kind.rpartition('.')[0]}"
        rows.append([name, *(f"{bytes_[key] / bytes_['pixels']:.1f}" for key in ("result", "taken", "said"))])
    note = f"Bytes a pixel. `{found['command']}`, {found['date']}, libvips {found['libvips']}."
    return table(["file", "pixels themselves", "taken at most", "said beforehand"], rows, note)


def page() -> str:
    """What the page holds on to over many jobs."""
    found = results("page")
    memory, each = found["resident_mib"], found["jobs"] // len(found["resident_mib"])
    head = ["jobs", *(str(each * n) for n in range(1, len(memory) + 1))]
    note = f"Memory of the page's process. `{found['command']}`, {found['date']}."
    return table(head, [["MiB", *(f"{mib:.0f}" for mib in memory)]], note)


def large() -> str:
    """A large photograph through the page."""
    found = results("large")
    (width, height), (wide, high) = found["picture"], found["result"]
    head = ["JPEG of", "becomes", "seconds", "memory before (MiB)", "at most (MiB)"]
    row = [f"{width}×{height}", f"{wide}×{high}", found["seconds"], found["peak_mib_before"], found["peak_mib"]]
    return table(head, [row], f"`{found['command']}`, {found['date']}.")


def backends() -> str:
    """Other runtimes beside the engine."""
    found = results("backends")
    ways = list(dict.fromkeys(row["way"] for row in found["rows"]))
    ms = {(row["checkpoint"], row["height"], row["width"], row["way"]): row["ms"] for row in found["rows"]}
    rows: list[list[object]] = [
        [f"`{name}`, {width}×{height}", *(f"{ms[name, height, width, way]:.0f}" for way in ways)]
        for name, height, width in dict.fromkeys(key[:3] for key in ms)
    ]
    return table(["ms", *ways], rows, measured(found))


TABLES: dict[str, Callable[[], str]] = {
    "engine": engine,
    "precision": precision,
    "tiles": tiles,
    "profile": profile,
    "trials": trials,
    "fuzz": fuzz,
    "load": load,
    "reading": reading,
    "page": page,
    "large": large,
    "backends": backends,
    "models": lambda: table(*fidelity.models(results("quality"), results("speed"))),
    "degraded": lambda: table(*fidelity.degraded(results("quality"))),
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
