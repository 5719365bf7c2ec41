"""Measure the page of `zoo site` in Chromium beside the Python engine: seconds, the tab's memory, and the same pixels.

    python -m benchmarks.measure.site

Writes benchmarks/results/site.json. Both compute in float32 with as many threads; Chromium and the engine take turns.
"""

import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks import results
from benchmarks.pictures import tiled_photograph
from caesr import Upscaler, load_family
from caesr.files.pil import from_pil
from tests.browsing import FLAGS, find_chromium
from tests.static_site import save_as, serve, upscale_file, visit_site
from zoo.site import write_site

CASES = (  # family, its name on the page, scale, height, width
    ("lite", "Faithful", 4, 400, 600),
    ("photo", "Photo", 4, 400, 600),
    ("lite", "Faithful", 2, 3000, 4000),
)
HOUR, FREED = 3_600_000, 3_000  # milliseconds: at most for a picture; until memory is free that is no longer used


def measure(url: str, folder: Path, case: tuple[str, str, int, int, int]) -> dict[str, Any]:
    """Return seconds of page and engine, the tab's peak memory in MiB, and by how many levels they differ at most."""
    family, name, scale, height, width = case
    file = folder / f"{height}.jpg"
    Image.fromarray(tiled_photograph(height, width)).save(file, quality=90)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = visit_site(browser, url)
        upscale_file(page, file, name, scale, timeout=HOUR)
        saved = save_as(page, "PNG", folder)
        memory = [peak_of_tabs()]
        for kind in ("JPEG", "WebP"):
            page.wait_for_timeout(FREED)
            save_as(page, kind, folder)
            memory.append(peak_of_tabs())
        said = re.search(r"in ([\d.]+) s", page.inner_text("#made"))
        computed = page.inner_text("#engine")
        browser.close()
    assert said
    image, upscaler = from_pil(Image.open(file)), Upscaler(load_family(family), device="cpu", precision="float32")
    began = time.perf_counter()
    expected = upscaler(image, scale)
    seconds = time.perf_counter() - began
    found = np.array(Image.open(saved))
    return {
        "family": family,
        "scale": scale,
        "megapixels": round(height * width / 1e6, 2),
        "computed": computed,
        "page_seconds": float(said[1]),
        "engine_seconds": round(seconds, 1),
        "tab_mib": memory[0],
        "tab_mib_saving": memory[1:],  # as JPEG, then as WebP, too
        "levels": int(np.abs(found.astype(np.int16) - expected).max()),
        "share_equal": float((found == expected).mean()),
    }


def peak_of_tabs() -> int:
    """Return the most MiB that the largest tab of this process's browser has had resident."""
    peaks = [0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_tab = b"--type=renderer" in (process / "cmdline").read_bytes() and descends(int(process.name))
            if is_tab:
                peaks += [int(size) // 1024 for size in re.findall(r"VmHWM:\s+(\d+)", (process / "status").read_text())]
        except OSError:
            continue  # it has ended meanwhile
    return max(peaks)


def descends(process: int) -> bool:
    """Return whether a process was started by this one, or by one that was."""
    while process > 1:
        if process == os.getpid():
            return True
        process = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return False


def main() -> None:
    about, rows = results.header(), []
    Image.MAX_IMAGE_PIXELS = None  # of ours
    with tempfile.TemporaryDirectory() as temporary:
        write_site(Path(temporary) / "site")
        with serve(Path(temporary) / "site") as url:
            for case in CASES:
                rows.append(measure(url, Path(temporary), case))
                results.show(rows[-1])
    results.write("site", about | {"found": rows})


if __name__ == "__main__":
    main()
