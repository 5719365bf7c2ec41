"""Files of a batch on the page: what was given, an earlier batch, and the zip of the results."""

import hashlib
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import gradio as gr

from caesr.files.listed import ListedPicture, reason_to_skip
from caesr.files.zips import archive
from caesr.jobs.manifest import MANIFEST
from caesr.jobs.report import REPORT, Job, Status, report_text
from caesr.page.drop_zone import Dropped
from caesr.page.translations import error_text, say

MAX_MANIFEST_BYTES = 20_000_000  # of an earlier batch, unpacked


def sorted_out(
    dropped: Sequence[Dropped], folder: Path, request: gr.Request | None
) -> tuple[list[str], list[Status], Path | None]:
    """Return the pictures, folders and zips among files, what else they are with the reason, and an earlier batch.

    Args:
        folder: where the folders that were dropped are put together again.
    Raises:
        ValueError: there are no files.
    """
    if not dropped:
        raise ValueError(say(request, "no_pictures"))
    inputs, others, earlier = dict[str, None](), list[Status](), None
    for one in dropped:
        file = str(one.path)
        if archive.is_zip(file):
            if is_batch(one.path):
                earlier = one.path
            else:
                inputs[file] = None
        elif "/" in one.name:
            place = folder / one.name
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                os.link(one.path, place)
            inputs[str(folder / PurePosixPath(one.name).parts[0])] = None
        elif reason := reason_to_skip(one.path.name, partial(read_beginning, file)):
            others.append(Status(Job(ListedPicture(one.path.name), file, ""), "skipped", reason))
        else:
            inputs[file] = None
    return list(inputs), others, earlier


def is_batch(file: Path) -> bool:
    """Return whether a zip is of an earlier batch; a damaged one is not: the batch will say so."""
    try:
        return archive.read_member(file, MANIFEST, MAX_MANIFEST_BYTES) is not None
    except archive.ArchiveError:
        return False


def read_beginning(file: str, size: int) -> bytes:
    """Return the first bytes of a file."""
    with Path(file).open("rb") as stream:
        return stream.read(size)


def unpack_earlier(zip_file: Path, out: Path) -> None:
    """Unpack the results and the manifest of an earlier batch."""
    archive.unpack(zip_file, out)
    manifest = archive.read_member(zip_file, MANIFEST, MAX_MANIFEST_BYTES)
    if manifest is not None:
        (out / MANIFEST).write_bytes(manifest)


def content_stamp(file: Path) -> str:
    """Return a digest of a file: an upload has another date every time."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def row_notes(row: Status, request: gr.Request | None) -> list[str]:
    """Return what of a picture could not be kept, or was mended."""
    return [error_text(request, note) for note in row.notes]


def row_error(row: Status, request: gr.Request | None) -> str:
    """Return why a picture failed or is left out, without the folders of this server."""
    text = error_text(request, row.error)
    for path, name in ((row.job.target, Path(row.job.target).name), (row.job.source, row.job.picture.name)):
        text = text.replace(path, name) if path else text
    return text


def packed(rows: list[Status], home: Path, request: gr.Request | None) -> Path:
    """Return a zip of the results, the manifest and the report, which has a row for every file."""
    out, lines = home / "out", []
    results = [Path(row.job.target) for row in rows if row.has_result]
    for row in rows:
        error = row_error(row, request) or (say(request, "state_left") if row.state == "left" else "")
        result = Path(row.job.target).relative_to(out).as_posix() if row.has_result else ""
        seconds = round(row.seconds, 3) if row.state == "done" else ""
        lines.append({
            "name": row.job.picture.name, "state": row.state, "result": result, "seconds": seconds, "error": error,
            "notes": row_notes(row, request),
        })  # fmt: skip
    report = out / REPORT
    report.write_text(report_text(lines), encoding="utf-8", newline="")
    first = next((row.job.picture.name for row in rows if row.has_result), "upscaled")
    name = f"{PurePosixPath(first).stem}_and_more_{time.strftime('%Y-%m-%d_%H%M')}.zip"
    return archive.pack([*results, report, out / MANIFEST], home / name, root=out)
