"""Measure on Set5 what was trained at constant rates: the weights in zoo/stages at every commit that changed them.

    python -m benchmarks.measure.stages

Needs the repository's whole history and $CAESR_DATA/test. Writes benchmarks/results/stages.json. Networks for texture
and for degraded pictures are left out: Set5's PSNR is no measure of them. What a commit's weights had is kept from the
results; delete the file to measure all of them anew.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import ROOT, results
from benchmarks.upscaling import checkpoint_upscale
from caesr import CAEResNet
from caesr.evaluation.evaluate import evaluate, means
from caesr.files.data import data_folder
from zoo import history
from zoo.checkpoint_files import CONFIG, WEIGHTS, read_facts


def git(*words: str) -> bytes:
    """Return what git prints. Raises CalledProcessError."""
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True).stdout  # noqa: S607


def commits() -> list[tuple[str, str]]:
    """Return (commit, folder) of all weights that ever were in zoo/stages, oldest first."""
    folders = {
        Path(line).parent for line in git("log", "--format=", "--name-only", "--", "zoo/stages").decode().split()
    }
    found = []
    for folder in sorted(map(str, folders)):
        log = git("log", "--reverse", "--diff-filter=AM", "--format=%h", "--", f"{folder}/{WEIGHTS}")
        found += [(commit, folder) for commit in log.decode().split()]
    return found


def measure(commit: str, folder: str) -> dict[str, Any] | None:
    """Return what a folder's weights have seen, and their PSNR-Y on Set5; None where that says nothing of them."""
    with TemporaryDirectory() as copy:
        for file in (CONFIG, WEIGHTS):
            (Path(copy) / file).write_bytes(git("show", f"{commit}:{folder}/{file}"))
        stages = history.read_stages(read_facts(Path(copy)))
        if stages[-1].degrade != "bicubic" or stages[-1].features:
            return None
        model = CAEResNet.from_pretrained(copy)
    psnr = means(evaluate(checkpoint_upscale(model, "float32"), data_folder() / "test" / "Set5", model.config.scale))
    return {
        "name": Path(folder).name,
        "commit": commit,
        "pixels": sum(stage.pixels for stage in stages),
        "seconds": sum(stage.seconds for stage in stages),
        "device": stages[-1].device,
        "colours": stages[-1].colours,
        "set5": psnr["psnr_y"],
    }


def main() -> None:
    if git("rev-parse", "--is-shallow-repository").strip() == b"true":
        sys.exit("This clone has a part of the history only: git fetch --unshallow")
    measured = {(row["commit"], row["name"]): row for row in results.read("stages").get("found", [])}
    about, rows = results.header(), []
    for commit, folder in commits():
        if row := measured.get((commit, Path(folder).name)) or measure(commit, folder):
            rows.append(row)
            results.show(row)
    results.write("stages", about | {"found": rows})


if __name__ == "__main__":
    main()
