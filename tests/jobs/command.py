"""The command line in this process, and pictures for it: shared by the tests of many pictures."""

import csv
from pathlib import Path

from PIL import Image

from caesr import Upscaler
from caesr.cli import main
from tests.conftest import ROOT

CAT = ROOT / "examples" / "cat.png"
RECORDS = {"manifest.jsonl", "report.csv"}


def picture(path: Path, width: int = 24, height: int = 20) -> Path:
    """Write a small picture of a cat."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(CAT).convert("RGB").resize((width, height)).save(path)
    return path


def caesr(*arguments: object) -> int:
    """Run a command on the CPU, and return its exit code."""
    return main([*map(str, arguments), "--device", "cpu"])


def any_model(upscaler: Upscaler) -> dict[str, Upscaler]:
    """Return an upscaler for whatever model the options name or Auto chooses."""
    return {"lite": upscaler, "photo": upscaler}


def files(folder: Path) -> set[str]:
    """Return the names of all files of a folder and below, without manifest and report."""
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    return {name for name in names if name.rpartition("/")[2] not in RECORDS}


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a folder and below, without manifest and report."""
    return {name: (folder / name).read_bytes() for name in files(folder)}


def width(path: Path) -> int:
    """Return the width of a picture."""
    with Image.open(path) as image:
        return image.width


def report(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of report.csv by name."""
    with (folder / "report.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}
