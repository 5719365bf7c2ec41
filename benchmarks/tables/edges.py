"""The table of docs/models.md about hard edges and flat areas."""

from benchmarks import results
from benchmarks.tables.markdown import dated, table


def overshoot() -> str:
    """Render the share of values outside the two tones, of bicubic and of every checkpoint."""
    content = results.read("overshoot")
    rows = []
    for name, found in content["found"].items():
        shares = [f"{100 * found[key]:.2f}" for key in ("share", "hard", "antialiased")]
        flat = {grey: found["flat"][grey] for grey in ("0", "255")}
        middle = max(error for grey, error in found["flat"].items() if grey not in flat)
        label = name if name.startswith("bicubic") else f"`{name}`"
        alone = [f"{100 * found['alone']:.2f}", f"{found['cost']:.2f}"] if "alone" in found else ["", ""]
        rows.append([label, *shares, f"{100 * found['worst']:.0f}", *flat.values(), middle, *alone])
    head = [
        "",
        "outside the tones (%)",
        "hard edges",
        "antialiased",
        "worst (% of contrast)",
        "flat 0",
        "255",
        "others",
        "without limits (%)",
        "their cost (dB)",
    ]
    note = (
        "Share of values more than 15 % of the contrast outside the two tones, at each checkpoint's own scale, on 72 "
        "pictures: squares, discs, lines and text in nine pairs of tones, with hard and with antialiased edges. Worst: "
        "the value that is farthest out. Flat: by how many levels pictures of one grey are off at most. "
        "Without limits: the share of the network alone. Their cost: in PSNR-Y on Set5. "
        f"{dated(content)}."
    )
    return table(head, rows, note)
