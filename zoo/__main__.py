"""The zoo on the command line: what there is, where it lies, whether it is whole."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from caesr.checkpoint import CheckpointError
from zoo import card, catalogue
from zoo.catalogue import ZooError

RESULTS = Path("benchmarks/results/quality.json")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 all well, 2 not (said on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m zoo", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="list | info | fetch | verify | add")
    for name, run, what in (
        ("list", list_, "every checkpoint in a line"),
        ("info", info, "all that the catalogue knows of one, as JSON"),
        ("fetch", fetch, "print the folder of a checkpoint"),
        ("verify", verify, "check every file's hash and every weight's shape"),
        ("add", add, "enter checkpoint folders into the catalogue, and write their cards"),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.set_defaults(run=run)
        if name in ("info", "fetch"):
            verb.add_argument("name")
        if name == "add":
            verb.add_argument("names", nargs="+", metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (ZooError, CheckpointError, ValueError) as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2


def list_(_: argparse.Namespace) -> int:
    for entry in catalogue.read().values():
        psnr = entry.figures.get("Set5", {}).get("psnr_y")
        measured = f"Set5 {psnr:.2f} dB" if psnr else "not measured"
        print(f"{entry.name:18} {entry.size / 1e6:6.1f} MB   {measured:14}   {entry.purpose}")
    return 0


def info(options: argparse.Namespace) -> int:
    print(json.dumps(asdict(catalogue.info(options.name)), indent=1))
    return 0


def fetch(options: argparse.Namespace) -> int:
    print(catalogue.fetch(options.name))
    return 0


def verify(_: argparse.Namespace) -> int:
    for name in catalogue.names():
        catalogue.load(name)
        print(f"{name}: sound")
    return 0


def add(options: argparse.Namespace) -> int:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"checkpoints": {}}
    entries = catalogue.read() if catalogue.CATALOGUE.exists() else {}
    for name in options.names:
        folder = catalogue.CHECKPOINTS / name
        entries[name] = catalogue.describe(folder, results["checkpoints"].get(name, {}))
        card.write(entries[name], folder)
        print(f"{name}: in the catalogue")
    catalogue.write(entries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
