"""The table of docs/models.md about how `--model auto` chooses."""

from benchmarks import results
from benchmarks.tables.markdown import dated, table


def auto_model() -> str:
    """Render by how much Photo is better than Lite for each damage, and what the detectors find."""
    content = results.read("auto_model")
    rows = [
        [
            damage,
            f"{found['psnr_y']:+.2f}",
            f"{-found['lpips']:+.3f}",
            f"{-found['dists']:+.3f}",
            found["blockiness"],
            found["noise"],
            found["photo_percent"],
        ]
        for damage, found in content["damages"].items()
    ]
    head = ["input", "PSNR-Y (dB)", "LPIPS", "DISTS", "blockiness", "noise", "Photo chosen by pixels alone (%)"]
    note = (
        "By how much Photo is better than Lite at ×4, all three with + for better, on ten pictures of B100; "
        "medians of what the detectors find in fifty, saved without their file's quality. "
        f"{dated(content)}."
    )
    return table(head, rows, note)
