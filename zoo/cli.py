"""The zoo on the command line: list, inspect, fetch, verify and publish checkpoints."""

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo import card, catalogue, export, hub, openmodeldb, publish, site, space
from zoo.catalogue import ZooError

VERBS = ("list", "info", "fetch", "export", "verify", "add", "publish", "space", "openmodeldb", "site")
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
    verbs = parser.add_subparsers(required=True, metavar=" | ".join(VERBS))
    dry_run = argparse.ArgumentParser(add_help=False)
    dry_run.add_argument("--private", action="store_true", help="make new repositories private")
    dry_run.add_argument("--dry-run", action="store_true", help="say what would be done; change and send nothing")
    owner = argparse.ArgumentParser(add_help=False)
    name = os.environ.get("CAESR_HUB_NAMESPACE")
    owner.add_argument("--namespace", default=name, required=not name, metavar="OWNER", help="user or organisation")

    verbs.add_parser("list", help="every checkpoint in a line, and where it is").set_defaults(run=run_list)
    verb = verbs.add_parser("info", help="all that the catalogue knows of a checkpoint, as JSON")
    verb.add_argument("name")
    verb.set_defaults(run=run_info)
    verb = verbs.add_parser("fetch", help="print the folder of a checkpoint, downloaded if need be")
    verb.add_argument("name", help="a checkpoint, or owner/repo[@revision]")
    verb.set_defaults(run=run_fetch)
    verb = verbs.add_parser("export", help="write checkpoints as files for other programs; needs caesr[onnx]")
    verb.add_argument("names", nargs="+", metavar="NAME", help="a checkpoint, a folder, or owner/repo[@revision]")
    verb.add_argument("--format", choices=["onnx"], default="onnx")
    verb.add_argument("--precision", choices=export.PRECISIONS, default="float32", help="of weights and features")
    verb.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="default: the current folder")
    verb.set_defaults(run=run_export)
    verbs.add_parser("verify", help="check every shipped file's hash").set_defaults(run=run_verify)
    verb = verbs.add_parser("add", help="enter checkpoint folders into the catalogue, and write their cards")
    verb.add_argument("names", nargs="+", metavar="NAME")
    verb.set_defaults(run=run_add)
    verb = verbs.add_parser("openmodeldb", parents=[owner], help="write entries for the database openmodeldb.info")
    verb.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    verb.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="`data` of a checkout of the database")
    verb.add_argument("--date", default=date.today().isoformat(), help="of publication (default: today)")
    verb.set_defaults(run=run_openmodeldb)
    verb = verbs.add_parser(
        "publish", parents=[dry_run, owner], help="upload checkpoints to the Hub, and note their commits"
    )
    verb.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    verb.set_defaults(run=run_publish)
    verb = verbs.add_parser("space", parents=[dry_run], help="list published checkpoints in README.md; upload the page")
    verb.add_argument("--repo", metavar="OWNER/NAME", help="the Space, created if there is none")
    verb.set_defaults(run=run_space)
    verb = verbs.add_parser("site", help="write the page that upscales in the visitor's browser, for any web server")
    verb.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where it is written")
    verb.add_argument("--models", type=Path, metavar="FOLDER", help="with the files of `zoo export` (default: made)")
    verb.add_argument("--runtime", type=Path, metavar="FILE", help="by `npm pack` (default: downloaded and cached)")
    verb.set_defaults(run=run_site)
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


def run_export(options: argparse.Namespace) -> None:
    for name in options.names:
        folder = hub.fetch(name)
        entry = hub.entry_of(folder)
        if entry and hub.mismatched_files(folder, entry):  # a folder of that name with other weights
            entry = None
        file = options.out / export.file_name(entry.name if entry else folder.name, options.precision)
        print(f"{export.export_onnx(folder, file, options.precision, entry)}  {file}")


def run_verify(_: argparse.Namespace) -> None:
    for entry in catalogue.read().values():
        export.check_onnx(entry, hub.shipped_folder(entry) / export.MODEL)
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
        entries[name] = entry = export.describe_onnx(entry, folder)
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


def run_openmodeldb(options: argparse.Namespace) -> None:
    names = options.names or catalogue.names()
    for file in openmodeldb.write(options.out, names, options.namespace, publish.TAG, options.date):
        print(file)


def run_site(options: argparse.Namespace) -> None:
    files = site.write_site(options.out, options.models, options.runtime)
    size = sum(file.stat().st_size for file in files) / 1e6
    print(f"{options.out}: {len(files)} files, {size:.1f} MB. To look at it: python -m http.server -d {options.out}")
