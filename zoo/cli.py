"""The zoo on the command line: list, inspect, fetch, verify and publish checkpoints."""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo import card, catalogue, hub, publish, space
from zoo.catalogue import ZooError

RESULTS = catalogue.HERE.parent / "benchmarks" / "results" / "quality.json"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 for success, 2 for an error, which stderr names."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except (ZooError, OSError, ValueError, RuntimeError) as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; each sets `run`."""
    parser = argparse.ArgumentParser(prog="zoo", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="list | info | fetch | verify | add | publish | space")
    dry_run = argparse.ArgumentParser(add_help=False)
    dry_run.add_argument("--private", action="store_true", help="make new repositories private")
    dry_run.add_argument("--dry-run", action="store_true", help="say what would be done; change and send nothing")

    verbs.add_parser("list", help="every checkpoint in a line, and where it is").set_defaults(run=run_list)
    verb = verbs.add_parser("info", help="all that the catalogue knows of a checkpoint, as JSON")
    verb.add_argument("name")
    verb.set_defaults(run=run_info)
    verb = verbs.add_parser("fetch", help="print the folder of a checkpoint, downloaded if need be")
    verb.add_argument("name", help="a checkpoint, or owner/repo[@revision]")
    verb.set_defaults(run=run_fetch)
    verbs.add_parser("verify", help="check every shipped file's hash").set_defaults(run=run_verify)
    verb = verbs.add_parser("add", help="enter checkpoint folders into the catalogue, and write their cards")
    verb.add_argument("names", nargs="+", metavar="NAME")
    verb.set_defaults(run=run_add)
    verb = verbs.add_parser("publish", parents=[dry_run], help="upload checkpoints to the Hub, and note their commits")
    verb.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    owner = os.environ.get("CAESR_HUB_NAMESPACE")
    verb.add_argument("--namespace", default=owner, required=not owner, metavar="OWNER", help="user or organisation")
    verb.set_defaults(run=run_publish)
    verb = verbs.add_parser("space", parents=[dry_run], help="list published checkpoints in README.md; upload the page")
    verb.add_argument("--repo", metavar="OWNER/NAME", help="the Space, created if there is none")
    verb.set_defaults(run=run_space)
    return parser


def run_list(_: argparse.Namespace) -> None:
    for entry in catalogue.read().values():
        psnr = entry.figures.get("Set5", {}).get("psnr_y")
        measured = f"Set5 {psnr:.2f} dB" if psnr else "not measured"
        print(f"{entry.name:18} {entry.size / 1e6:6.1f} MB   {measured:14}   {entry.purpose}")
        print(f"{'':18} {', '.join(hub.locations(entry)) or 'missing'}")


def run_info(options: argparse.Namespace) -> None:
    print(json.dumps(asdict(catalogue.info(options.name)), indent=1))


def run_fetch(options: argparse.Namespace) -> None:
    def show(done: int, total: int) -> None:
        print(f"\r{options.name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", end="", file=sys.stderr, flush=True)

    is_terminal = sys.stderr.isatty()
    try:
        folder = hub.fetch(options.name, progress=show if is_terminal else None)
    finally:
        if is_terminal:
            print("\r\033[K", end="", file=sys.stderr)  # erase the progress
    print(folder)


def run_verify(_: argparse.Namespace) -> None:
    for entry in catalogue.read().values():
        hub.shipped_folder(entry)
        print(f"{entry.name}: sound")


def run_add(options: argparse.Namespace) -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"checkpoints": {}}
    entries = catalogue.read() if catalogue.CATALOGUE.exists() else {}
    for name in options.names:
        folder = catalogue.CHECKPOINTS / name
        entry = catalogue.describe(folder, results["checkpoints"].get(name, {}))
        if name in entries:
            before = entries[name]
            is_same = entry.sha256 == before.sha256  # only then does the published commit still hold these files
            entry = replace(entry, repo_id=before.repo_id, revision=before.revision if is_same else "")
        entries[name] = entry
        card.write(entry, folder)
        print(f"{name}: in the catalogue")
    catalogue.write(entries)
    space.update_readme()


def run_publish(options: argparse.Namespace) -> None:
    entries = catalogue.read()
    for name in options.names or list(entries):
        entry = catalogue.info(name)
        if options.dry_run:
            hub.shipped_folder(entry)  # a damaged one is an error now rather than later
            size, private = f"{entry.size / 1e6:.1f} MB", ", private" * options.private
            files = ", ".join(publish.PUBLISHED)
            print(f"{name}: would go to {options.namespace}/{name}{private}: {files}, {size}")
            continue
        entries[name] = publish.publish(entry, options.namespace, private=options.private)
        catalogue.write(entries)  # after each: what is done stays done if the next one fails
        space.update_readme()
        is_same = entries[name].revision == entry.revision
        print(f"{name}: {entries[name].repo_id}@{entries[name].revision[:7]}{', unchanged' * is_same}")


def run_space(options: argparse.Namespace) -> None:
    if options.dry_run:
        with TemporaryDirectory() as folder:
            files = sorted(file for file in space.assemble(Path(folder)).rglob("*") if file.is_file())
            for file in files:
                print(f"{file.stat().st_size:10,}  {file.relative_to(folder)}")
            size = sum(file.stat().st_size for file in files) / 1e6
        print(f"{len(files)} files, {size:.1f} MB, would go to {options.repo or 'a Space (--repo OWNER/NAME)'}")
        return
    space.update_readme()
    if options.repo:
        print(f"{options.repo}: {publish.push_space(options.repo, private=options.private)[:7]}")
