"""The tables of docs/decisions.md: training sweeps, the engine's efficiency, precision, tiles, other runtimes."""

from benchmarks import results
from benchmarks.tables.markdown import dated, measured, table


def sweep(group: str) -> str:
    """Render a group of benchmarks/measure/sweep.py; of speed only where the networks differ in it."""
    found = results.read(f"sweep-{group}")
    note = f"{dated(found)}: {found['minutes']:g} minutes of a thread each."
    differ = len({row["parameters"] for row in found["rows"]}) > 1
    if differ:
        note += f" ms: median for a 256×256 input on {found['threads']} CPU threads."
    rows = []
    for row in found["rows"]:
        speed = [f"{row['parameters']:,}", row["milliseconds"]] if differ else []
        rows.append([row["name"], *speed, row["steps"], f"{row['Set5']:.2f}", f"{row['Set14']:.2f}"])
    head = ["network", *(["parameters", "ms"] if differ else []), "steps", "Set5 (dB)", "Set14 (dB)"]
    return table(head, rows, note)


def engine() -> str:
    """Render the engine's arithmetic beside the machine's matrix products."""
    found = results.read("engine")
    rows = []
    for row in found["found"]:
        reached, ceiling = row["gflops"], row["ceiling_gflops"]
        times = [f"{row['ms_per_mp']:.1f}", f"{row['whole_ms_per_mp']:.1f}"]
        share = f"{100 * reached / ceiling:.0f} %"
        rows.append([f"`{row['checkpoint']}`", row["precision"], *times, f"{reached:.0f} of {ceiling:.0f}", share])
    head = ["checkpoint", "precision", "ms/MP", "at once: ms/MP", "GFLOP/s of a matrix product's", "share"]
    note = (
        "A megapixel of the result, from array to array, tiles and bytes included; at once: the network alone, on the "
        f"whole picture as PyTorch has it. {measured(found)}"
    )
    return table(head, rows, note)


def encoding() -> str:
    """Render the processor time of writing results by format, before and now."""
    content = results.read("encoding")
    ways: dict[str, dict[str, str]] = {}
    for row in content["found"]:
        if "way" in row:
            ways.setdefault(row["format"], {})[row["way"]] = f"{row['ms_per_mp']} ({row['mb_per_mp']} MB)"
    rows = [[name, way["row by row, before"], way["row by row, as in use"]] for name, way in ways.items()]
    note = f"Milliseconds of a processor for a megapixel of *lite*'s results, and its file. {measured(content)}"
    return table(["format", "before", "now"], rows, note)


def launches() -> str:
    """Render what small pictures could save by sharing a launch, beside what their files take."""
    found = results.read("launches")
    rows = [
        [
            f"{row['side']}×{row['side']} into {row['format']}",
            f"{row['ms_of_files']:.1f}",
            f"{found['ms_to_issue']:.1f}",
        ]
        for row in found["found"]
    ]
    note = (
        f"Processor time. {found['pictures']} pictures one by one are {found['operators_alone']} operators, stacked "
        f"{found['operators_stacked']}. {measured(found)}"
    )
    return table(["a picture ×4 by lite", "its files (ms)", "to issue its operators (ms)"], rows, note)


def precision() -> str:
    """Render what bfloat16 costs."""
    found = results.read("precision")
    rows = []
    for row in found["found"]:
        figures = [f"{row[name]:.3f}" for name in ("float32", "bfloat16", "lost")]
        rows.append([f"`{row['checkpoint']}`", *figures])
    return table(["Set5 (dB)", "float32", "bfloat16", "lost"], rows, measured(found))


def tiles() -> str:
    """Render what tiles cost."""
    found = results.read("tiles")
    rows = [[row["tile"], f"{row['work']:.3f}", row["seconds"]] for row in found["found"]]
    head = ["tile", "arithmetic, of the whole picture's", "seconds"]
    return table(head, rows, f"12 megapixels ×2 by `caesr-lite-x2`; counted. {measured(found)}")


def backends() -> str:
    """Render other runtimes beside the engine."""
    found = results.read("backends")
    backends = list(dict.fromkeys(row["way"] for row in found["rows"]))
    ms = {(row["checkpoint"], row["height"], row["width"], row["way"]): row["ms"] for row in found["rows"]}
    rows = []
    for name, height, width in dict.fromkeys(key[:3] for key in ms):
        rows.append([f"`{name}`, {width}×{height}", *(f"{ms[name, height, width, one]:.0f}" for one in backends)])
    return table(["ms", *backends], rows, measured(found))


def blends() -> str:
    """Render how good the networks between base and texture, and between base and photo, are."""
    content = results.read("blends")

    def cell(found: dict[str, float]) -> str:
        return f"{found['psnr_y']:.2f} / {found['lpips']:.3f} / {found['dists']:.3f}"

    rows = [
        [f"{share} % {family}", cell(found["clean"]), cell(found["medium"])]
        for family in ("texture", "photo")
        for share, found in content[family].items()
    ]
    note = f"dB / LPIPS / DISTS, the first ten of B100 at ×4. {dated(content)}."
    return table(["the rest base", "clean", "medium"], rows, note)
