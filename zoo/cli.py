"""The zoo on the command line: what there is, where it lies, whether it is whole."""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo import card, catalogue, hub, space
from zoo.catalogue import ZooError

RESULTS = catalogue.HERE.parent / "benchmarks" / "results" / "quality.json"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 all well, 2 not (said on stderr)."""
    parser = argparse.ArgumentParser(prog="python -m zoo", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="list | info | fetch | verify | add | publish | space")
    for name, run, what in (
        ("list", list_, "every checkpoint in a line, and where it is to be had"),
        ("info", info, "all that the catalogue knows of one, as JSON"),
        ("fetch", fetch, "print the folder of a checkpoint"),
        ("verify", verify, "check every file's hash and every weight's shape"),
        ("add", add, "enter checkpoint folders into the catalogue, and write their cards"),
        ("publish", publish, "put checkpoints on the Hub, and their commits into the catalogue"),
        ("space", space_, "name the published checkpoints in README.md, and push the page to a Space"),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.set_defaults(run=run)
        if name in ("info", "fetch"):
            verb.add_argument("name")
        if name in ("add", "publish"):
            verb.add_argument("names", nargs="+" if name == "add" else "*", metavar="NAME")
        if name == "publish":
            owner = os.environ.get("CAESR_HUB_NAMESPACE")
            verb.add_argument("--namespace", default=owner, required=not owner, metavar="OWNER", help="user or group")
        if name == "space":
            verb.add_argument("--repo", metavar="OWNER/NAME", help="the Space, made if there is none")
        if name in ("publish", "space"):
            verb.add_argument("--private", action="store_true", help="make new repositories private")
            verb.add_argument("--dry-run", action="store_true", help="say what would be done; change and send nothing")
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (ZooError, OSError, ValueError, RuntimeError) as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2


def list_(_: argparse.Namespace) -> int:
    for entry in catalogue.read().values():
        psnr = entry.figures.get("Set5", {}).get("psnr_y")
        measured = f"Set5 {psnr:.2f} dB" if psnr else "not measured"
        print(f"{entry.name:18} {entry.size / 1e6:6.1f} MB   {measured:14}   {entry.purpose}")
        print(f"{'':18} {', '.join(hub.whereabouts(entry)) or 'nowhere to be had'}")
    return 0


def info(options: argparse.Namespace) -> int:
    print(json.dumps(asdict(catalogue.info(options.name)), indent=1))
    return 0


def fetch(options: argparse.Namespace) -> int:
    def show(done: int, total: int) -> None:
        print(f"\r{options.name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", end="", file=sys.stderr, flush=True)

    looking = sys.stderr.isatty()
    try:
        folder = hub.fetch(options.name, progress=show if looking else None)
    finally:
        if looking:
            print("\r\033[K", end="", file=sys.stderr)
    print(folder)
    return 0


def verify(_: argparse.Namespace) -> int:
    for entry in catalogue.read().values():
        hub.shipped(entry)
        print(f"{entry.name}: sound")
    return 0


def add(options: argparse.Namespace) -> int:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"checkpoints": {}}
    entries = catalogue.read() if catalogue.CATALOGUE.exists() else {}
    for name in options.names:
        folder = catalogue.CHECKPOINTS / name
        entry = catalogue.describe(folder, results["checkpoints"].get(name, {}))
        if before := entries.get(name):  # what is published stays so until the files are others
            same = entry.sha256 == before.sha256
            entry = replace(entry, repo_id=before.repo_id, revision=before.revision if same else "")
        entries[name] = entry
        card.write(entry, folder)
        print(f"{name}: in the catalogue")
    catalogue.write(entries)
    space.write()
    return 0


def publish(options: argparse.Namespace) -> int:
    from zoo.publish import PUBLISHED, publish

    entries = catalogue.read()
    for name in options.names or list(entries):
        entry = catalogue.info(name)
        if options.dry_run:
            hub.shipped(entry)  # whole, or it is said now
            size, private = f"{entry.size / 1e6:.1f} MB", ", private" * options.private
            print(f"{name}: would go to {options.namespace}/{name}{private}: {', '.join(PUBLISHED)}, {size}")
            continue
        entries[name] = publish(entry, options.namespace, private=options.private)
        catalogue.write(entries)  # after each: what is done stays done if the next one fails
        space.write()
        same = entries[name].revision == entry.revision
        print(f"{name}: {entries[name].repo_id}@{entries[name].revision[:7]}{', unchanged' * same}")
    return 0


def space_(options: argparse.Namespace) -> int:
    from zoo.publish import push_space

    if options.dry_run:
        with TemporaryDirectory() as folder:
            files = sorted(file for file in space.assemble(Path(folder)).rglob("*") if file.is_file())
            for file in files:
                print(f"{file.stat().st_size:10,}  {file.relative_to(folder)}")
            size = sum(file.stat().st_size for file in files) / 1e6
        print(f"{len(files)} files, {size:.1f} MB, would go to {options.repo or 'a Space (--repo OWNER/NAME)'}")
        return 0
    space.write()
    if options.repo:
        print(f"{options.repo}: {push_space(options.repo, private=options.private)[:7]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
