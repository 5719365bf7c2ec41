"""The tables of docs/speed.md: what each network costs, where ours stand among the peers, start, memory, operators.

All of the comparison is computed from the rows of results/speed.json, ours and the peers' alike.
"""

from typing import Any

from benchmarks import results
from benchmarks.pictures import TEST_SETS
from benchmarks.tables.markdown import bullets, dated, disturbed, measured, table

Row = dict[str, Any]  # a network of speed.json
GPU = {"ms_per_mp": "GPU ms/MP", "half_ms_per_mp": "GPU ms/MP, bf16", "mb_per_mp": "GPU MB/MP"}


def fastest_first(rows: list[Row]) -> list[Row]:
    """Return networks by their time on the CPU."""
    return sorted(rows, key=lambda row: row["ms_per_mp"])


def comparable(rows: list[Row], kind: str) -> list[Row]:
    """Return the networks of one kind, at ×4, whose PSNR on Set5 is known; fastest first."""
    return fastest_first([r for r in rows if r["kind"] == kind and r["scale"] == 4 and "Set5" in r["psnr"]])


def match(peer: Row, rows: list[Row]) -> Row | None:
    """Return the fastest of ours with at least the peer's PSNR on Set5."""
    return next((row for row in comparable(rows, "ours") if row["psnr"]["Set5"] >= peer["psnr"]["Set5"]), None)


def better(own: Row, rows: list[Row]) -> list[Row]:
    """Return the peers that are faster than one of ours and score more on Set5 at once."""
    faster = [peer for peer in comparable(rows, "peer") if peer["ms_per_mp"] < own["ms_per_mp"]]
    return [peer for peer in faster if peer["psnr"]["Set5"] > own["psnr"]["Set5"]]


def answer(row: Row, rows: list[Row]) -> str:
    """Return the last cell of a line of `peers`: which of ours does as well, and in what part of the time."""
    if row["kind"] == "ours" or "Set5" not in row["psnr"]:
        return ""
    found = match(row, rows)
    return f"`{found['name']}`: {found['ms_per_mp'] / row['ms_per_mp']:.2f} of its time" if found else "none yet"


def summary(rows: list[Row]) -> str:
    """Return what the table of peers says, in a few lines."""
    rivals = comparable(rows, "peer")
    matched = [peer["name"] for peer in rivals if match(peer, rows)]
    lines = [f"Of the {len(rivals)} peers with a published figure, ours reach {len(matched)} ({', '.join(matched)})."]
    for own in comparable(rows, "ours"):
        names = ", ".join(peer["name"] for peer in better(own, rows)) or "no peer"
        lines.append(f"Faster than `{own['name']}` and better at once: {names}.")
    return bullets(lines)


def standing() -> str:
    """Render where ours stand."""
    return summary(results.read("speed")["networks"])


def sources() -> str:
    """Render where each peer's PSNR comes from, or why it has none."""
    peers = [row for row in results.read("speed")["networks"] if row["kind"] == "peer"]
    return bullets([f"{row['name']}: {row['source']}." for row in peers])


def costs(row: Row, cuda: Row) -> list[str]:
    """Return name, parameters, kMAC an input pixel, time and memory an output megapixel, PSNR.

    Args:
        cuda: what speed.json has of a GPU; its time and memory follow the CPU's unless it is empty.
    """
    name = f"**`{row['name']}`**" if row["kind"] == "ours" else row["name"]
    cells = [name, f"{row['parameters']:,}", f"{row['kmac_per_pixel']:.0f}"]
    cells += [f"{row['ms_per_mp']:.0f}", f"{row['mb_per_mp']:.0f}"]
    if cuda:
        on_gpu = cuda["networks"].get(row["name"], {})
        cells += [f"{on_gpu[key]:.3g}" if on_gpu else "" for key in GPU]
    return cells + [f"{row['psnr'][data]:.2f}" if data in row["psnr"] else "" for data in TEST_SETS]


def cost_head(speed: Row) -> list[str]:
    """Return the heads of the columns that `costs` fills."""
    gpu = GPU.values() if "cuda" in speed else ()
    return ["network", "parameters", "kMAC/pixel", "ms/MP", "MB/MP", *gpu, *TEST_SETS]


def cost_note(speed: Row) -> str:
    """Return how costs were measured, on the CPU and, if so, on a GPU."""
    note = f"{dated(speed)}: {speed['cpu']}, torch {speed['torch']}, {speed['side']}×{speed['side']} input."
    note += disturbed(speed)
    if cuda := speed.get("cuda"):
        note += f" GPU: {cuda['device']}, {cuda['date']}, torch {cuda['torch']}, {cuda['side']}×{cuda['side']} input."
    return note


def peers() -> str:
    """Render everything at ×4, and which of ours answers each peer."""
    speed = results.read("speed")
    rows = fastest_first([row for row in speed["networks"] if row["scale"] == 4])
    lines = [[*costs(row, speed.get("cuda", {})), answer(row, speed["networks"])] for row in rows]
    return table([*cost_head(speed), "fastest of ours at least as good"], lines, cost_note(speed))


def scales() -> str:
    """Render ours at every scale, by name, as the zoo lists them."""
    speed = results.read("speed")
    ours = [row for row in speed["networks"] if row["kind"] == "ours"]
    return table(cost_head(speed), [costs(row, speed.get("cuda", {})) for row in ours], cost_note(speed))


def profile() -> str:
    """Render which operators take the time."""
    found = results.read("profile")
    names = list(dict.fromkeys(name for row in found["found"] for name in row["shares"]))
    rows = []
    for name in names:
        shares = [row["shares"].get(name) for row in found["found"]]
        rows.append([f"`{name}`", *("" if share is None else f"{100 * share:.0f} %" for share in shares)])
    head = ["operator", *(f"`{row['checkpoint']}`, {row['precision']}" for row in found["found"])]
    return table(head, rows, measured(found))


def trials() -> str:
    """Render start and memory."""
    start, memory = results.read("start"), results.read("memory")
    seconds = start["found"]
    rows = [
        ["`import torch`, `import caesr`", f"{seconds['import_torch']:.2f} s, {seconds['import_caesr']:.2f} s"],
        ["`python app.py` until the page answers", f"{seconds['page']:.1f} s"],
        ["then the first picture, 256×256 ×4 by lite", f"{seconds['first_picture']:.1f} s"],
    ]
    for row in memory["found"]:
        what = f"{row['megapixels']:.3g} megapixels ×4 by {row['model']} into {row['format']}"
        rows.append([what, f"{row['mebibytes']} MiB at most, {row['seconds']:.0f} s"])
    return table(["what", "takes"], rows, f"{measured(start)} {measured(memory)}")


def gpu() -> str:
    """Render what the engine reaches on a GPU, and which checks it passed there."""
    found = results.read("gpu")
    if not found:
        return (
            "*Empty: this engine has not run on a GPU yet.* "
            "`python -m benchmarks.measure.engine --device cuda` measures it and fills this table.\n"
        )
    rows = []
    for row in found["found"]:
        times = [f"{row[key]:.2f}" for key in ("ms_per_mp", "device_ms_per_mp")]
        share = f"{100 * row['gflops'] / row['ceiling_gflops']:.0f} %"
        rows.append([f"`{row['checkpoint']}`", row["precision"], *times, row["kernels"], row["device_mb"], share])
    head = ["checkpoint", "precision", "ms/MP", "device: ms/MP", "kernels", "device: MB", "of a matrix product"]
    judged = [(name, row["ok"]) for name, part in found.get("checks", {}).items() for row in part if "ok" in row]
    failed = sorted({name.replace("_", " ") for name, is_ok in judged if not is_ok})
    verdict = f"Not passed: {', '.join(failed)}." if failed else "All were passed."
    note = (
        f"{found['device']}; a picture of {found['width']}×{found['height']} pixels, from array to array. Checks of "
        f"fidelity, seams, host waits, cancelled runs and scarce memory: {len(judged)}. {verdict} {measured(found)}"
    )
    return table(head, rows, note)


def site() -> str:
    """Render the page of `zoo site` beside the engine."""
    found = results.read("site")
    rows = []
    for row in found["found"]:
        what = f"{row['megapixels']:.3g} megapixels ×{row['scale']} by {row['family']}"
        memory = " / ".join(f"{peak}" for peak in [row["tab_mib"], *row["tab_mib_saving"]])
        seconds = [f"{row[key]:.3g}" for key in ("page_seconds", "engine_seconds")]
        rows.append([what, *seconds, memory, row["levels"], f"{100 * row['share_equal']:.4f} %"])
    head = ["", "browser (s)", "engine, float32 (s)", "tab: PNG / JPEG / WebP (MiB)", "levels apart", "values equal"]
    return table(head, rows, f"Chromium, WebAssembly. {measured(found)}")
