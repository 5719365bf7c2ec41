"""The tables of docs/speed.md, from results/speed.json: what each network costs, and where ours stand among the peers.

All is computed from the rows of that file, ours and the peers' alike.
"""

from typing import Any

from quality import SETS

Row = dict[str, Any]  # a network of speed.json
BUSY = 0.2  # with so many cores used by other programs, a measurement says that it was disturbed
Table = tuple[list[str], list[list[object]], str]  # head, lines, the note below
GPU = {"ms_per_mp": "GPU ms/MP", "half_ms_per_mp": "GPU ms/MP, bf16", "mb_per_mp": "GPU MB/MP"}


def fastest_first(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["ms_per_mp"])


def comparable(rows: list[Row], kind: str) -> list[Row]:
    """The networks of one kind, at ×4, whose PSNR on Set5 is known; fastest first."""
    return fastest_first([r for r in rows if r["kind"] == kind and r["scale"] == 4 and "Set5" in r["psnr"]])


def match(peer: Row, rows: list[Row]) -> Row | None:
    """The fastest of ours with at least the peer's PSNR on Set5."""
    return next((row for row in comparable(rows, "ours") if row["psnr"]["Set5"] >= peer["psnr"]["Set5"]), None)


def better(own: Row, rows: list[Row]) -> list[Row]:
    """The peers that are faster than one of ours and score more on Set5 at once."""
    faster = [peer for peer in comparable(rows, "peer") if peer["ms_per_mp"] < own["ms_per_mp"]]
    return [peer for peer in faster if peer["psnr"]["Set5"] > own["psnr"]["Set5"]]


def answer(row: Row, rows: list[Row]) -> str:
    """The last cell of a line of `peers`: which of ours does as well, and in what part of the time."""
    if row["kind"] == "ours" or "Set5" not in row["psnr"]:
        return ""
    found = match(row, rows)
    return f"`{found['name']}`: {found['ms_per_mp'] / row['ms_per_mp']:.2f} of its time" if found else "none yet"


def standing(speed: Row) -> str:
    """What the table of peers says, in a few lines."""
    rows = speed["networks"]
    rivals = comparable(rows, "peer")
    matched = [peer["name"] for peer in rivals if match(peer, rows)]
    lines = [f"Of the {len(rivals)} peers with a published figure, ours reach {len(matched)} ({', '.join(matched)})."]
    for own in comparable(rows, "ours"):
        names = ", ".join(peer["name"] for peer in better(own, rows)) or "no peer"
        lines.append(f"Faster than `{own['name']}` and better at once: {names}.")
    return "\n".join(f"- {line}" for line in lines) + "\n"


def sources(speed: Row) -> str:
    """Where each peer's PSNR comes from, or why it has none."""
    return "\n".join(f"- {row['name']}: {row['source']}." for row in speed["networks"] if row["kind"] == "peer") + "\n"


def costs(row: Row, cuda: Row) -> list[object]:
    """Name, parameters, kMAC an input pixel, time and memory an output megapixel (the GPU's, if measured), PSNR."""
    name = f"**`{row['name']}`**" if row["kind"] == "ours" else row["name"]
    cells: list[object] = [name, f"{row['parameters']:,}", f"{row['kmac_per_pixel']:.0f}"]
    cells += [f"{row['ms_per_mp']:.0f}", f"{row['mb_per_mp']:.0f}"]
    if cuda:
        measured = cuda["networks"].get(row["name"], {})
        cells += [f"{measured[key]:.3g}" if measured else "" for key in GPU]
    return cells + [f"{row['psnr'][data]:.2f}" if data in row["psnr"] else "" for data in SETS]


def disturbed(speed: Row) -> str:
    """What must be said of the times, if other programs ran beside the measurement; else nothing."""
    if speed.get("busy", BUSY) < BUSY:
        return ""
    cores = f"{speed['busy']:g} cores" if "busy" in speed else "an unknown number of cores"
    return f" **Other programs used {cores}: times are too long, unevenly; to be repeated on an idle machine.**"


def table_of(speed: Row, rows: list[Row]) -> Table:
    """Networks with their costs."""
    cuda = speed.get("cuda", {})
    head = ["network", "parameters", "kMAC/pixel", "ms/MP", "MB/MP", *(GPU.values() if cuda else ()), *SETS]
    note = f"`{speed['command']}`, {speed['date']}: {speed['cpu']}, torch {speed['torch']}, "
    note += f"{speed['side']}×{speed['side']} input."
    note += disturbed(speed)
    if cuda:
        note += f" GPU: {cuda['device']}, {cuda['date']}, torch {cuda['torch']}, {cuda['side']}×{cuda['side']} input."
    return head, [costs(row, cuda) for row in rows], note


def peers(speed: Row) -> Table:
    """Everything at ×4, and which of ours answers each peer."""
    rows = fastest_first([row for row in speed["networks"] if row["scale"] == 4])
    head, lines, note = table_of(speed, rows)
    answers = [answer(row, speed["networks"]) for row in rows]
    return [*head, "fastest of ours at least as good"], [[*a, b] for a, b in zip(lines, answers, strict=True)], note


def scales(speed: Row) -> Table:
    """Ours, at every scale."""
    return table_of(
        speed, [row for row in speed["networks"] if row["kind"] == "ours"]
    )  # by name, as the zoo lists them
