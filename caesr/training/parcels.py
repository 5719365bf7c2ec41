"""Pack training pictures into tar files of bounded size, to carry them to a machine without a network.

    python -m caesr.training.parcels --out parcels [--mebibytes 60] [--folders train/photos train/bsds400]
    tar -xf parcels/pictures-0.tar -C data

The pictures are dealt out in turn: a single parcel is already a fair sample to train on.
"""

import argparse
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from caesr.files.data import data_folder
from caesr.training.pictures import find_pictures
from zoo.messages import Message

MEBIBYTE = 1 << 20


def pack(root: Path, folders: Sequence[str], out: Path, max_bytes: int) -> list[Path]:
    """Write the pictures of `root`'s folders into out/pictures-N.tar, none larger than `max_bytes`.

    Raises:
        FileNotFoundError: a folder is missing or empty.
        ValueError: a single picture is larger than a parcel.
    """
    files = find_pictures([root / folder for folder in folders])
    sizes = [512 + -(-file.stat().st_size // 512) * 512 for file in files]  # a header, and whole blocks
    room = max_bytes - 2 * tarfile.RECORDSIZE  # tar ends with empty blocks, and fills its last record
    if max(sizes) > room:
        file = files[sizes.index(max(sizes))]
        raise ValueError(Message("{file} does not fit into a parcel of {bytes} bytes.", file=file, bytes=max_bytes))
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


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m caesr.training.parcels", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("parcels"))
    parser.add_argument("--mebibytes", type=float, default=60, help="of a parcel at most (default: 60)")
    parser.add_argument("--folders", nargs="+", default=["train/photos", "train/bsds400"], help="of $CAESR_DATA")
    options = parser.parse_args()
    try:
        for parcel in pack(data_folder(), options.folders, options.out, int(options.mebibytes * MEBIBYTE)):
            print(f"{parcel}  {parcel.stat().st_size / MEBIBYTE:.1f} MiB")
    except (OSError, ValueError, tarfile.TarError) as error:
        print(f"parcels: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
