"""Training pictures in parcels of bounded size, for a machine that no network reaches.

    python -m caesr.training.parcels pack   --out parcels [--mebibytes 60] [--folders train/photos train/bsds400]
    python -m caesr.training.parcels unpack parcels/*.tar --to data

Plain tar files, the pictures dealt out in turn: a single parcel is already a fair sample to train on.
"""

import argparse
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from caesr.files.data import data_folder
from caesr.training.pictures import find

MEBIBYTE = 1 << 20


def pack(root: Path, folders: Sequence[str], out: Path, limit: int) -> list[Path]:
    """Write the pictures of `root`'s folders into out/pictures-N.tar, none larger than `limit` bytes.

    Raises:
        FileNotFoundError: a folder is missing or empty.
        ValueError: a single picture is larger than a parcel.
    """
    files = find([root / folder for folder in folders])
    sizes = [512 + -(-file.stat().st_size // 512) * 512 for file in files]  # a header, and whole blocks
    room = limit - 2 * tarfile.RECORDSIZE  # tar ends with empty blocks, and fills its last record
    if max(sizes) > room:
        raise ValueError(f"{files[sizes.index(max(sizes))]} does not fit into a parcel of {limit} bytes.")
    count = -(-sum(sizes) // room)
    while max(sum(sizes[n::count]) for n in range(count)) > room:
        count += 1
    out.mkdir(parents=True, exist_ok=True)
    parcels = [out / f"pictures-{n}.tar" for n in range(count)]
    for n, parcel in enumerate(parcels):
        with tarfile.open(parcel, "w") as tar:
            for file in files[n::count]:
                tar.add(file, arcname=str(file.relative_to(root)))
    return parcels


def unpack(parcels: Sequence[Path], to: Path) -> int:
    """Lay the pictures out as they were; returns their number. Members that point elsewhere are refused."""
    count = 0
    for parcel in parcels:
        with tarfile.open(parcel) as tar:
            tar.extractall(to, filter="data")
            count += len(tar.getnames())
    return count


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m caesr.training.parcels", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("pack")
    verb.add_argument("--out", type=Path, default=Path("parcels"))
    verb.add_argument("--mebibytes", type=float, default=60)
    verb.add_argument("--folders", nargs="+", default=["train/photos", "train/bsds400"])
    verb = verbs.add_parser("unpack")
    verb.add_argument("parcels", nargs="+", type=Path)
    verb.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.verb == "pack":
            for parcel in pack(data_folder(), options.folders, options.out, int(options.mebibytes * MEBIBYTE)):
                print(f"{parcel}  {parcel.stat().st_size / MEBIBYTE:.1f} MiB")
        else:
            print(f"{unpack(options.parcels, options.to)} pictures in {options.to}")
    except (OSError, ValueError, tarfile.TarError) as error:
        print(f"parcels: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
